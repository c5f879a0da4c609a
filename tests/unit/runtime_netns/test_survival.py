"""Who outlives whom: the daemon's end changes nothing, the supervisor's ends its tasks, and nothing stays behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.engine.ports import Unavailable
from moorage.planning.actions import ContainerPhase, HealthCheck, TaskSpec
from moorage.runtime.supervisor import protocol
from moorage.runtime.supervisor.environment import child_environment

from .conftest import Bench, get, listening, run, seen, serve, until

pytestmark = pytest.mark.namespaces

DAEMON = """
import asyncio, sys
from pathlib import Path
from moorage.planning.actions import ContainerSpec, HealthCheck, TaskSpec
from moorage.runtime.local_image import LocalImage
from moorage.runtime.netns import NetnsRuntime

async def main(place, instance):
    image = LocalImage("plain", place / "images" / "plain")
    runtime = NetnsRuntime(place / "run", place / "state", instance, lambda _: image)
    await runtime.prepare(TaskSpec("alpha", "alpha"))
    check = HealthCheck(("CMD-SHELL", "echo >> /tmp/asked"), interval=1)
    command = ("python", "/app/server.py", "80")
    await runtime.start(ContainerSpec("alpha", "main", "plain", command=command, health_check=check))
    print("started", flush=True)
    await asyncio.sleep(600)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


async def test_a_killed_daemon_leaves_its_tasks_serving_and_the_next_one_finds_them(bench: Bench) -> None:
    daemon = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", DAEMON, str(bench.place), bench.instance),
        stdout=asyncio.subprocess.PIPE,
        env=child_environment(),
        start_new_session=True,
    )
    try:
        assert daemon.stdout is not None
        async with asyncio.timeout(30):
            assert await daemon.stdout.readline() == b"started\n"
    finally:
        os.killpg(daemon.pid, signal.SIGKILL)
        await daemon.wait()
    runtime = bench.open()
    assert set(await runtime.tasks()) == {"alpha"}
    found = await seen(runtime, "alpha", "main")
    assert found.phase is ContainerPhase.RUNNING

    async def checked() -> bool:
        return (await seen(runtime, "alpha", "main")).health == "HEALTHY"

    await listening(runtime, "alpha", 80)
    await until(checked, "health checks go on without a daemon")


async def test_a_killed_supervisor_takes_its_tasks_with_it_and_the_next_one_says_so(bench: Bench) -> None:
    runtime = bench.open()
    await serve(runtime, "alpha", 80)
    await runtime.prepare(TaskSpec("beta", "beta"))
    nudged: list[str] = []
    runtime.watch(nudged.append)

    async def both_changed() -> bool:
        return set(nudged) == {"alpha", "beta"}

    os.kill(bench.supervisor(), signal.SIGKILL)
    await until(lambda: _none(_processes(bench)), "every process of the instance is gone")
    await until(both_changed, "who watches hears that both changed")
    found = await _again(bench)
    assert found.phase is ContainerPhase.EXITED
    assert found.reason == "The supervisor of the task ended, and the container with it"
    assert found.exit_code is None and found.stopped_at is not None
    runtime = bench.open()
    observed = await runtime.observe("alpha")
    assert observed is not None and observed.address is None
    await runtime.remove("alpha")
    await serve(runtime, "gamma", 80)
    assert await get(await runtime.dial("gamma", 80)) == "gamma 127.0.0.1"


async def test_a_process_that_asked_not_to_die_with_the_supervisor_is_ended_by_the_next(bench: Bench) -> None:
    runtime = bench.open()
    undo = "import ctypes, time; ctypes.CDLL(None).prctl(1, 0); print('undone', flush=True); time.sleep(600)"
    await run(runtime, "alpha", "python3", "-c", undo)

    async def undone() -> bool:
        return bool([line async for line in runtime.logs("alpha", "main", None, follow=False)])

    await until(undone, "the process said that it undid the wish")
    os.kill(bench.supervisor(), signal.SIGKILL)
    assert (await _again(bench)).phase is ContainerPhase.EXITED
    await until(lambda: _none([pid for pid in _processes(bench) if pid != bench.supervisor()]), "the process is ended")


async def test_stopping_leaves_nothing_behind(bench: Bench) -> None:
    before = _machine(bench)
    runtime = bench.open()
    await serve(runtime, "alpha", 80, egress_port=42000)
    await run(runtime, "beta", "sleep", "60", health_check=HealthCheck(("CMD", "true"), interval=1))
    assert _machine(bench) != before
    held = await runtime.dial("alpha", 80)
    await runtime.close(stop_tasks=True)
    assert _machine(bench) == before
    assert list((bench.place / "run").iterdir()) == []
    held.close()


async def test_a_crash_followed_by_a_start_and_a_stop_leaves_nothing_behind(bench: Bench) -> None:
    before = _machine(bench)
    runtime = bench.open()
    await serve(runtime, "alpha", 80, egress_port=42000)
    os.kill(bench.supervisor(), signal.SIGKILL)
    await until(lambda: _none(_processes(bench)), "every process of the instance is gone")
    await _again(bench)
    await bench.open().close(stop_tasks=True)
    assert _machine(bench) == before
    assert list((bench.place / "run").iterdir()) == []


async def test_a_stop_right_after_a_crash_leaves_nothing_behind(bench: Bench) -> None:
    before = _machine(bench)
    runtime = bench.open()
    await serve(runtime, "alpha", 80, egress_port=42000)
    os.kill(bench.supervisor(), signal.SIGKILL)
    await until(lambda: _none(_processes(bench)), "every process of the instance is gone")
    await bench.open().close(stop_tasks=True)
    assert _machine(bench) == before
    assert list((bench.place / "run").iterdir()) == []


async def test_a_supervisor_told_to_end_by_a_signal_cleans_up_too(bench: Bench) -> None:
    before = _machine(bench)
    runtime = bench.open()
    await serve(runtime, "alpha", 80)
    os.kill(bench.supervisor(), signal.SIGTERM)
    await until(lambda: _none(_processes(bench)), "the supervisor and its tasks are gone")
    assert _machine(bench) == before


async def test_a_supervisor_of_another_version_is_refused_by_name(bench: Bench) -> None:
    runtime = bench.open()
    (bench.place / "run").mkdir()

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(protocol.encode({**protocol.hello(1, {}), "version": 99}))
        await writer.drain()

    server = await asyncio.start_unix_server(greet, bench.place / "run" / protocol.SOCKET)
    with pytest.raises(Unavailable, match="another version runs here \\(protocol 99"):
        await runtime.tasks()
    server.close()


async def test_only_one_supervisor_runs_when_two_daemons_start_at_once(bench: Bench) -> None:
    one, two = bench.open(), bench.open()
    await asyncio.gather(*(client.prepare(TaskSpec("alpha", "alpha")) for client in (one, two)), return_exceptions=True)

    async def agree() -> bool:
        return set(await one.tasks()) == set(await two.tasks()) == {"alpha"}

    await until(agree, "both talk to the same supervisor")


async def test_nothing_of_removed_tasks_is_held_open(bench: Bench) -> None:
    runtime = bench.open()

    async def live(task: str) -> None:
        await serve(runtime, task, 80, egress_port=42000)
        await runtime.exec(task, "main", ["true"], {}, within=20)
        await runtime.remove(task)

    await live("first")
    before = _held(bench)
    for number in range(4):
        await live(f"task{number}")

    async def as_before() -> bool:
        return _held(bench) == before

    await until(as_before, f"the supervisor holds {before} descriptors again")


async def _again(bench: Bench):  # type: ignore[no-untyped-def]  # the observation of alpha's container
    """What a daemon that starts now hears of alpha; the first try may still meet the old supervisor's end."""
    runtime = bench.open()

    async def answers() -> bool:
        try:
            return await runtime.tasks() != {}
        except Unavailable:
            return False

    await until(answers, "a new supervisor answers")
    return await seen(runtime, "alpha", "main")


def _held(bench: Bench) -> int:
    return len(list(Path(f"/proc/{bench.supervisor()}/fd").iterdir()))


async def _none(found: list[int]) -> bool:
    return not found


def _processes(bench: Bench) -> list[int]:
    """Every process that shows this instance on its command line, or whose root was made in its workshop."""
    marks = (str(bench.place / "run").encode(),)
    return [pid for pid in _pids() if any(mark in _read(pid, "cmdline") + _read(pid, "mountinfo") for mark in marks)]


def _pids() -> Iterator[int]:
    return (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _machine(bench: Bench) -> dict[str, object]:
    """What of this instance can be seen on the machine."""
    shared = Path("/run/moorage/uplinks")
    return {
        "processes": _processes(bench),
        "links": sorted(link.name for link in Path("/sys/class/net").iterdir() if bench.instance in link.name),
        "mounts": bench.instance in _read(os.getpid(), "mountinfo").decode()
        or str(bench.place) in _read(os.getpid(), "mountinfo").decode(),
        "groups": [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/moorage-{bench.instance}")],
        "claims": sorted(path.name for path in shared.glob(f"{bench.instance}*"))
        if os.geteuid() == 0 and shared.is_dir()
        else [],
        "routes": [line for line in Path("/proc/net/route").read_text().splitlines() if bench.instance in line],
        "tables": _tables(bench),
    }


def _tables(bench: Bench) -> list[str]:
    """The nftables tables of this instance in the host's namespace, asked for by another process."""
    if os.geteuid():
        return []  # an ordinary user may not ask, and may not make any there
    script = (
        "from pyroute2.nftables.main import NFTables; n = NFTables();"
        "print([t.get_attr('NFTA_TABLE_NAME') for t in n.get_tables()])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("'") if bench.instance in name]
