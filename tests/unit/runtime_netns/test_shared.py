"""Containers of a task that share processes and IPC: they see each other, and each still ends as a whole and alone."""

import os
import signal
from pathlib import Path

import pytest

from moorage.planning.actions import ContainerSpec, TaskSpec
from moorage.planning.container_settings import ContainerSettings, Shares
from moorage.runtime.netns import NetnsRuntime

from .conftest import Bench, ended, seen, sh, until

pytestmark = pytest.mark.namespaces

TASK = TaskSpec("alpha", "alpha", shares=Shares(processes=True, ipc=True, memory=32))
LEAVES_ONE = 'sleep 71 & python3 -c \'import subprocess; subprocess.Popen(["setsid", "sleep", "72"])\'; sleep 73'


def spec(name: str, script: str, **also: object) -> ContainerSpec:
    return ContainerSpec("alpha", name, "plain", command=("/bin/sh", "-c", script), **also)  # type: ignore[arg-type]  # fields by name


async def shown(runtime: NetnsRuntime, container: str = "second") -> str:
    """The command lines that a container sees."""
    return (await sh(runtime, "alpha", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '", container)).output


async def test_containers_see_and_signal_each_other_below_a_process_that_is_nobodys(runtime: NetnsRuntime) -> None:
    await runtime.prepare(TASK)
    await runtime.start(spec("main", "echo $$ > /dev/shm/pid; exec sleep 61"))
    await runtime.start(spec("second", "exec sleep 62"))
    await until(lambda: _runs(runtime, 2), "both run")
    for container in ("main", "second"):
        seen_there = await shown(runtime, container)
        assert "sleep 61" in seen_there and "sleep 62" in seen_there and "supervisor" not in seen_there
    assert (await sh(runtime, "alpha", "tr '\\0' ' ' < /proc/1/cmdline")).output.strip() == "/pause"
    for reach in ("ls /proc/1/root/", "ls /proc/1/fd/", "cat /proc/1/environ"):
        assert (await sh(runtime, "alpha", reach)).exit_code != 0, reach
    await sh(runtime, "alpha", "kill -9 1; kill $(cat /dev/shm/pid)", "second")
    assert (await ended(runtime, "alpha", "main")).exit_code == 128 + signal.SIGTERM
    assert "sleep 62" in await shown(runtime)


@pytest.mark.parametrize("init", [False, True])
async def test_what_a_container_leaves_behind_ends_with_it_and_nothing_else_does(
    runtime: NetnsRuntime, init: bool
) -> None:
    await runtime.prepare(TASK)
    await runtime.start(spec("main", LEAVES_ONE, settings=ContainerSettings(init=init)))
    await runtime.start(spec("second", "exec sleep 62"))
    await until(lambda: _runs(runtime, 4), "all programs run")
    await runtime.signal("alpha", "main", signal.SIGKILL)
    assert (await ended(runtime, "alpha", "main")).exit_code == 137
    left = await shown(runtime)
    assert "sleep 62" in left and "sleep 7" not in left, left
    await runtime.start(spec("main", "exec sleep 74", attempt=1))
    await until(lambda: _runs(runtime, 2), "it runs again")


async def test_shared_memory_is_one_and_as_large_as_was_asked(runtime: NetnsRuntime) -> None:
    await runtime.prepare(TASK)
    await runtime.start(spec("main", "ipcmk -Q > /dev/null; echo word > /dev/shm/heard; exec sleep 61"))
    await runtime.start(spec("second", "exec sleep 62"))

    async def is_heard() -> bool:
        return (await sh(runtime, "alpha", "cat /dev/shm/heard", "second")).output == "word\n"

    await until(is_heard, "the word is in the memory of both")
    size = (await sh(runtime, "alpha", "df -k /dev/shm | tail -1", "second")).output.split()[1]
    assert size == str(32 << 10)
    queues = (await sh(runtime, "alpha", "tail -n +2 /proc/sysvipc/msg | wc -l", "second")).output
    assert queues.strip() == "1"


async def test_by_default_and_with_ipc_none_nothing_is_shared(runtime: NetnsRuntime) -> None:
    await runtime.prepare(TaskSpec("alpha", "alpha"))
    await runtime.start(spec("main", "ipcmk -Q > /dev/null; echo word > /dev/shm/heard; exec sleep 61"))
    await runtime.start(spec("second", "exec sleep 62", settings=ContainerSettings(shared_memory=0)))
    assert "sleep 61" not in await shown(runtime)
    assert (await sh(runtime, "alpha", "ls /dev/shm", "second")).exit_code != 0
    assert (await sh(runtime, "alpha", "tail -n +2 /proc/sysvipc/msg", "second")).output == ""


async def test_the_end_of_a_task_or_of_the_supervisor_ends_all_of_it(bench: Bench) -> None:
    runtime = bench.open()
    await runtime.prepare(TASK)
    await runtime.start(spec("main", LEAVES_ONE, user="root"))
    inside = _pids_outside(bench)
    await runtime.remove("alpha")
    assert await runtime.observe("alpha") is None
    assert not any(_lives(pid) for pid in inside)
    await runtime.prepare(TASK)
    await runtime.start(spec("main", LEAVES_ONE, attempt=0))
    inside = _pids_outside(bench)
    os.kill(bench.supervisor(), signal.SIGKILL)

    async def is_over() -> bool:
        return not any(_lives(pid) for pid in inside)

    await until(is_over, "all processes of the task ended with the supervisor")
    assert (await seen(bench.open(), "alpha", "main")).reason is not None


async def _runs(runtime: NetnsRuntime, count: int) -> bool:
    """Whether so many programs run that are called sleep."""
    counted = await sh(runtime, "alpha", "cat /proc/[0-9]*/comm | grep -c sleep", "second")
    return counted.output.strip() == str(count)


def _pids_outside(bench: Bench) -> list[int]:
    """The supervisor's children, as this process calls them: process 1 and the programs."""
    supervisor = bench.supervisor()
    found = [int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]
    assert len(found) == 2, found
    return found


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
