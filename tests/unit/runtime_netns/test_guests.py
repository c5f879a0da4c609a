"""Programs that are run beside a container's own, on a terminal or on pipes, their streams in the caller's hands."""

import asyncio

import pytest

from moorage.engine.ports import CannotStart, NotRunning
from moorage.planning.actions import ContainerSpec, TaskSpec
from moorage.runtime.guest import Guest
from moorage.runtime.netns import NetnsRuntime

from .conftest import until

pytestmark = pytest.mark.namespaces


async def running(runtime: NetnsRuntime) -> None:
    await runtime.prepare(TaskSpec("t", "t"))
    spec = ContainerSpec("t", "main", "plain", command=("sleep", "1000"), environment=(("WHO", "me"),))
    await runtime.start(spec)


async def all_of(guest: Guest) -> bytes:
    said = b""
    async with asyncio.timeout(20):
        while data := await guest.read():
            said += data
    return said


async def test_a_program_on_pipes_reads_what_is_written_and_its_end(runtime: NetnsRuntime) -> None:
    await running(runtime)
    guest = await runtime.attach("t", "main", ["sh", "-c", "cat; echo $WHO$ALSO >&2; exit 7"], {"ALSO": "you"}, False)
    await guest.write(b"hello\n")
    guest.end_input()
    assert await all_of(guest) == b"hello\nmeyou\n"
    assert await guest.wait() == 7
    await guest.close()


async def test_a_program_on_a_terminal_has_its_size_and_hears_of_keys(runtime: NetnsRuntime) -> None:
    await running(runtime)
    script = "trap 'stty size; exit 3' INT; test -t 0 && test -t 1 && echo ready; while :; do sleep 0.1; done"
    guest = await runtime.attach("t", "main", ["sh", "-c", script], {}, True)
    guest.resize(33, 101)
    assert b"ready" in await guest.read()
    await guest.write(b"\x03")
    assert b"33 101" in await all_of(guest)
    assert await guest.wait() == 3
    await guest.close()


async def test_terminals_are_the_containers_own(runtime: NetnsRuntime) -> None:
    await running(runtime)
    script = "tty; python -c 'import os; print(os.ttyname(os.openpty()[1]))'; ls /dev/pts"
    guest = await runtime.attach("t", "main", ["sh", "-c", script], {}, True)
    assert (await all_of(guest)).split() == [b"/dev/pts/0", b"/dev/pts/1", b"0", b"ptmx"]
    await guest.close()
    free = await runtime.attach("t", "main", ["ls", "/dev/pts"], {}, False)
    assert await all_of(free) == b"ptmx\n"
    await free.close()


async def test_a_program_ends_when_it_is_let_go_of(runtime: NetnsRuntime) -> None:
    await running(runtime)
    for terminal in (False, True):
        guest = await runtime.attach("t", "main", ["sh", "-c", "echo up; exec sleep 4321"], {}, terminal)
        assert b"up" in await guest.read()
        assert (await runtime.exec("t", "main", ["sh", "-c", GONE], {}, within=10)).exit_code == 1
        await guest.close()

        async def is_gone() -> bool:
            return (await runtime.exec("t", "main", ["sh", "-c", GONE], {}, within=10)).exit_code == 0

        await until(is_gone, "the program is gone")


GONE = "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f | grep -q '^sleep 4321' && exit 1; done 2>/dev/null; exit 0"


async def test_what_cannot_be_run_is_refused(runtime: NetnsRuntime) -> None:
    await running(runtime)
    with pytest.raises(CannotStart, match="executable file not found"):
        await runtime.attach("t", "main", ["no-such-program"], {}, True)
    with pytest.raises(NotRunning):
        await runtime.attach("t", "other", ["true"], {}, True)
