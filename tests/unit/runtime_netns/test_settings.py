"""How a container is furnished: each parameter as the program in it finds it."""

import os
from pathlib import Path

import pytest

from archives import directory, docker, file, layer, programs
from moorage.engine.ports import CannotStart
from moorage.planning.actions import ContainerSpec, Limits, TaskSpec
from moorage.planning.container_settings import (
    SHARED,
    TASK,
    ContainerSettings,
    MemoryMount,
    ResourceLimit,
    VolumeMount,
)
from moorage.runtime.images import ImageCatalog
from moorage.runtime.netns import NetnsRuntime

from .conftest import Bench, ended, lines, run, sh, until

pytestmark = pytest.mark.namespaces

ORPHANS = """
import os, time
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(0.1)
    os._exit(0)
os.wait()
time.sleep(60)
"""
STATES = "cat /proc/[0-9]*/stat | cut -d')' -f2 | cut -d' ' -f2"
SECOND = ("sleep", "61")


def mounted(target: str, *, scope: str = TASK, read_only: bool = False) -> ContainerSettings:
    return ContainerSettings(volumes=(VolumeMount("data", scope, target, read_only),))


async def furnished(runtime: NetnsRuntime, **settings: object) -> None:
    await run(runtime, "alpha", "sleep", "60", settings=ContainerSettings(**settings))  # type: ignore[arg-type]  # by name


async def test_a_volume_is_shared_by_the_containers_of_a_task_and_ends_with_it(bench: Bench) -> None:
    runtime = bench.open()
    await run(runtime, "alpha", "sleep", "60", user="root", settings=mounted("/data"))
    settings = mounted("/in/put", read_only=True)
    await runtime.start(ContainerSpec("alpha", "second", "plain", user="root", command=SECOND, settings=settings))
    assert (await sh(runtime, "alpha", "echo kept > /data/file")).exit_code == 0
    assert (await sh(runtime, "alpha", "cat /in/put/file", "second")).output == "kept\n"
    assert "Read-only file system" in (await sh(runtime, "alpha", "touch /in/put/file", "second")).output
    await run(runtime, "beta", "sleep", "60", settings=mounted("/data"))
    assert (await sh(runtime, "beta", "ls /data")).output == ""
    for task in ("alpha", "beta"):
        await runtime.remove(task)
    assert list((bench.place / "state").glob("volumes/*")) == []


async def test_a_shared_volume_keeps_its_files_and_their_owners_from_task_to_task(bench: Bench) -> None:
    runtime = bench.open()
    give = "echo one > /data/file && { chown 7:8 /data/file 2>/dev/null; stat -c %u:%g /data/file; }"
    for task in ("alpha", "beta"):
        await run(runtime, task, "sleep", "60", user="root", settings=mounted("/data", scope=SHARED))
    owner = (await sh(runtime, "alpha", give)).output
    assert owner == ("7:8\n" if os.geteuid() == 0 else "0:0\n")
    assert (await sh(runtime, "beta", "cat /data/file; stat -c %u:%g /data/file")).output == f"one\n{owner}"
    for task in ("alpha", "beta"):
        await runtime.remove(task)
    (kept,) = (bench.place / "state").glob("shared-volumes/*/file")
    assert kept.stat().st_uid != 7


async def test_an_empty_volume_first_gets_what_the_image_has_at_its_path(bench: Bench) -> None:
    base = layer(*programs("sh", "cat", "ls", "sleep", "stat"), directory("srv", 0o750, 33), file("srv/page", "hello"))
    archive = docker(bench.place / "saved.tar", [base], {"Cmd": ["/bin/sleep", "60"]})
    bench.images["saved"] = ImageCatalog(bench.place / "catalog").add("saved", archive)
    runtime = bench.open()
    await runtime.prepare(TaskSpec("alpha", "alpha"))
    await runtime.start(ContainerSpec("alpha", "main", "saved", settings=mounted("/srv")))
    await runtime.start(ContainerSpec("alpha", "second", "plain", user="root", command=SECOND, settings=mounted("/s")))
    assert (await sh(runtime, "alpha", "cat /srv/page; echo changed > /srv/page")).output == "hello"
    assert (await sh(runtime, "alpha", "cat /s/page", "second")).output == "changed\n"
    if os.geteuid() == 0:
        assert (await sh(runtime, "alpha", "stat -c '%u %a' /srv")).output == "33 750\n"
    assert Path(bench.images["saved"].root / "srv/page").read_text() == "hello"


async def test_a_volume_is_not_mounted_by_a_link_that_leads_to_the_host(bench: Bench) -> None:
    bench.image("linked", {})
    (bench.images["linked"].root / "data").symlink_to(f"/.host{bench.place}")
    runtime = bench.open()
    await runtime.prepare(TaskSpec("alpha", "alpha"))
    with pytest.raises(CannotStart, match="leads out of the container"):
        await runtime.start(ContainerSpec("alpha", "main", "linked", command=SECOND, settings=mounted("/data/in")))


async def test_memory_file_systems_have_their_size_and_options(runtime: NetnsRuntime) -> None:
    memory = (MemoryMount("/scratch", 3, ("rw", "noexec")), MemoryMount("/fixed", 1, ("ro",)))
    await furnished(runtime, memory=memory, shared_memory=5)
    shown = (await sh(runtime, "alpha", "grep -E ' /(scratch|fixed|dev/shm) ' /proc/mounts")).output.splitlines()
    options = {line.split()[1]: set(line.split()[3].split(",")) for line in shown}
    assert {"rw", "noexec", "nosuid", "nodev", "size=3072k"} <= options["/scratch"]
    assert "ro" in options["/fixed"] and "size=5120k" in options["/dev/shm"]
    full = await sh(runtime, "alpha", "head -c 4000000 /dev/zero > /scratch/big")
    assert "No space left on device" in full.output


async def test_a_read_only_root_leaves_volumes_and_memory_to_write_to(runtime: NetnsRuntime) -> None:
    settings = ContainerSettings(volumes=mounted("/data").volumes, memory=(MemoryMount("/run", 1),))
    await run(runtime, "alpha", "sleep", "60", user="root", settings=settings, read_only_root=True)
    assert (await sh(runtime, "alpha", "touch /data/x /run/x")).exit_code == 0
    assert (await sh(runtime, "alpha", "touch /opt/x /etc/x")).output.count("Read-only file system") == 2


async def test_ulimits_hold_for_the_program_and_for_what_is_run_beside_it(runtime: NetnsRuntime) -> None:
    await furnished(runtime, limits=(ResourceLimit("nofile", 100, 200), ResourceLimit("core", 0, 0)))
    shown = (await sh(runtime, "alpha", "grep -E 'open files|core file' /proc/1/limits; ulimit -Sn; ulimit -Hn")).output
    words = [line.split()[-3:-1] for line in shown.splitlines()[:2]]
    assert words == [["0", "0"], ["100", "200"]]
    assert shown.splitlines()[2:] == ["100", "200"]


async def test_system_controls_are_set_in_the_namespaces_of_the_task(runtime: NetnsRuntime) -> None:
    before = Path("/proc/sys/kernel/shmmni").read_text()
    await furnished(runtime, sysctls=(("kernel.shmmni", "77"), ("net.ipv4.tcp_keepalive_time", "123")))
    shown = await sh(runtime, "alpha", "cat /proc/sys/kernel/shmmni /proc/sys/net/ipv4/tcp_keepalive_time")
    assert shown.output == "77\n123\n"
    assert Path("/proc/sys/kernel/shmmni").read_text() == before
    with pytest.raises(CannotStart, match=r"the system control net\.ipv4\.no_such=1 was refused"):
        settings = ContainerSettings(sysctls=(("net.ipv4.no_such", "1"),))
        await runtime.start(ContainerSpec("alpha", "second", "plain", command=SECOND, settings=settings))


async def test_names_are_the_containers_own(runtime: NetnsRuntime) -> None:
    await furnished(
        runtime,
        hostname="mongo-1",
        hosts=(("192.0.2.7", "legacy.internal"),),
        dns_servers=("192.0.2.53",),
        dns_search=("corp.test", "test"),
    )
    shown = (
        await sh(runtime, "alpha", "hostname; echo $HOSTNAME; cat /etc/hostname /etc/hosts /etc/resolv.conf")
    ).output
    assert shown.startswith("mongo-1\n" * 3)
    assert "192.0.2.7 legacy.internal\n" in shown
    assert [line for line in shown.splitlines() if line.startswith("nameserver")] == ["nameserver 192.0.2.53"]
    assert shown.endswith("search corp.test test\n")


async def test_an_init_reaps_orphans_where_the_program_itself_would_not(runtime: NetnsRuntime) -> None:
    for name, init in (("bare", False), ("reaped", True)):
        await run(runtime, name, "python3", "-c", ORPHANS, settings=ContainerSettings(init=init))

    async def has_zombie() -> bool:
        return "Z" in (await sh(runtime, "bare", STATES)).output.split()

    await until(has_zombie, "the orphan is left")

    async def none_left() -> bool:
        return "Z" not in (await sh(runtime, "reaped", STATES)).output.split()

    await until(none_left, "the orphan is reaped")
    shown = (await sh(runtime, "reaped", "cat /proc/1/cmdline /proc/1/comm; cat /proc/1/environ")).output
    assert shown.startswith("/sbin/docker-init\0") and "docker-init\n" in shown
    assert "supervisor" not in shown
    assert "Permission denied" in shown


@pytest.mark.parametrize(("script", "code"), [("exit 5", 5), ("kill -TERM $$", 143)])
async def test_an_init_ends_as_its_program_did(runtime: NetnsRuntime, script: str, code: int) -> None:
    await run(runtime, "alpha", "sh", "-c", script, settings=ContainerSettings(init=True))
    assert (await ended(runtime, "alpha", "main")).exit_code == code


async def test_an_init_passes_signals_on_and_says_when_the_program_cannot_be_executed(runtime: NetnsRuntime) -> None:
    script = "import signal, sys; signal.signal(15, lambda *_: sys.exit(9)); print('set', flush=True); signal.pause()"
    await run(runtime, "alpha", "python3", "-c", script, settings=ContainerSettings(init=True))

    async def said() -> bool:
        return await lines(runtime, "alpha") == ["set"]

    await until(said, "the program has its handler")
    await runtime.signal("alpha", "main", 15)
    assert (await ended(runtime, "alpha", "main")).exit_code == 9
    with pytest.raises(CannotStart, match='exec: "/no/such": no such file or directory'):
        await run(runtime, "beta", "/no/such", settings=ContainerSettings(init=True))


async def test_a_terminal_is_the_programs_own(runtime: NetnsRuntime) -> None:
    script = "test -t 0 && test -t 1 && test -t 2 && echo terminal && echo err >&2; echo x > /dev/tty; cat"
    await run(runtime, "alpha", "sh", "-c", script, settings=ContainerSettings(terminal=True))

    async def said() -> bool:
        return await lines(runtime, "alpha") == ["terminal", "err", "x"]

    await until(said, "the program wrote to its terminal")
    await runtime.signal("alpha", "main", 9)
    assert (await ended(runtime, "alpha", "main")).exit_code == 137


async def test_an_interactive_container_does_not_see_the_end_of_its_input(runtime: NetnsRuntime) -> None:
    await run(runtime, "closed", "sh", "-c", "cat; exit 3")
    assert (await ended(runtime, "closed", "main")).exit_code == 3
    await run(runtime, "open", "cat", settings=ContainerSettings(stdin=True))
    assert (await sh(runtime, "open", "readlink /proc/1/fd/0")).output.startswith("pipe:")
    await runtime.signal("open", "main", 9)
    assert (await ended(runtime, "open", "main")).exit_code == 137


async def test_a_reservation_of_memory_is_told_to_the_kernel(runtime: NetnsRuntime) -> None:
    if not (await runtime.facts())["limits"]:
        pytest.skip("no control groups can be made here")
    await run(runtime, "reserved", "sleep", "60", limits=Limits(memory=64, reservation=32))
    # Other tests' groups come and go meanwhile, which os.walk passes over.
    folders = [Path(folder) for folder, _, _ in os.walk("/sys/fs/cgroup") if folder.endswith("/reserved/main")]
    found = [folder / name for folder in folders for name in ("memory.soft_limit_in_bytes", "memory.low")]
    assert {each.read_text().strip() for each in found if each.exists()} == {str(32 << 20)}
