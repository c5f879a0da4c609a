"""Saved images at work: their own root and nothing of the host's, their user, their stop signal."""

import os
import re
from pathlib import Path

import pytest

from archives import directory, docker, file, layer, link, oci, programs
from moorage.engine.ports import CannotStart, NotRunning
from moorage.planning.actions import ContainerSpec, Health, HealthCheck, HostsEntry, Mount, TaskSpec
from moorage.runtime.images import ImageCatalog
from moorage.runtime.netns import NetnsRuntime

from .conftest import Bench, ended, lines, seen, sh, until

pytestmark = pytest.mark.namespaces

TOOLS = ("sh", "cat", "ls", "id", "touch", "chmod", "sleep", "mkdir", "stat", "mount")
ACCOUNTS = "root:x:0:0::/root:/bin/sh\nweb:x:1234:4321::/srv:/bin/sh\n"
BASE = (
    *programs(*TOOLS),
    directory("etc"),
    file("etc/passwd", ACCOUNTS),
    file("etc/group", "root:x:0:\nwww:x:4321:\nstaff:x:50:\n"),
    file("etc/os-release", "ID=tiny\n"),
    directory("srv", 0o755, 1234),
    file("srv/page", "hello", 0o640, 1234),
    directory("root", 0o700),
    link("var", "srv"),
)
SLEEP = ["/bin/sh", "-c", "trap 'exit 7' QUIT; while :; do sleep 0.05; done"]


@pytest.fixture
def start(bench: Bench, runtime: NetnsRuntime, tmp_path_factory: pytest.TempPathFactory):
    """Start container "main" of a task "alpha" from an archive of these layers."""

    async def start(*above: bytes, make=docker, run=None, **spec: object) -> NetnsRuntime:
        catalog = ImageCatalog(bench.place / "catalog")
        archive = make(bench.place / "saved.tar", [layer(*BASE), *above], {"Cmd": SLEEP, **(run or {})})
        bench.images["tiny"] = catalog.add("tiny", archive)
        hosts = (HostsEntry("127.255.0.1", "server.test"),)
        await runtime.prepare(TaskSpec("alpha", "alpha-host", hosts=hosts))
        await runtime.start(ContainerSpec("alpha", "main", "tiny", **spec))  # type: ignore[arg-type]  # by name
        return runtime

    return start


@pytest.mark.parametrize("make", [docker, oci])
async def test_the_root_is_the_images_own_with_the_tasks_names(start, make) -> None:
    runtime = await start(make=make)
    found = (await sh(runtime, "alpha", "ls -A /; cat /etc/os-release /etc/hosts /etc/hostname")).output
    names = found.partition("ID=tiny")[0].split()
    own = {"bin", "dev", "etc", "proc", "root", "srv", "sys", "tmp", "var"}
    assert own <= set(names) <= own | {path.split("/")[0] for path in (one[0].name for one in BASE)}
    assert "127.255.0.1 server.test" in found
    assert found.endswith("alpha-host\n")
    assert (await sh(runtime, "alpha", "ls /usr/bin/env")).exit_code != 0
    with pytest.raises(CannotStart, match="executable file not found"):
        await runtime.exec("alpha", "main", ["python3", "-c", ""], {})


@pytest.mark.parametrize(
    ("user", "ids", "home"),
    [
        ("", "0:0", "/root"),
        ("web", "1234:4321", "/srv"),
        ("web:staff", "1234:50", "/srv"),
        ("77", "77:0", "/"),
        ("77:www", "77:4321", "/"),
    ],
)
async def test_the_user_is_found_in_the_images_own_accounts(start, user: str, ids: str, home: str) -> None:
    runtime = await start(run={"User": user})
    assert (await sh(runtime, "alpha", "echo $(id -u):$(id -g) $HOME")).output == f"{ids} {home}\n"


async def test_a_user_that_the_image_does_not_have_is_refused(start) -> None:
    with pytest.raises(CannotStart, match="unable to find user proxy: no matching entries in passwd file"):
        await start(run={"User": "proxy"})


async def test_an_ordinary_user_has_no_capability_and_what_is_written_stays_in_the_task(start, bench: Bench) -> None:
    runtime = await start(run={"User": "web"}, user="web")
    found = await sh(runtime, "alpha", "cat /proc/self/status; echo x >/srv/new; cat /srv/new; mount -t tmpfs x /srv")
    assert re.findall(r"Cap\w+:\s+(\w+)", found.output) == ["0" * 16] * 5
    assert found.output.partition("NoNewPrivs:\t")[2].startswith("1")
    assert "\nx\n" in found.output
    assert found.exit_code != 0
    assert not (bench.images["tiny"].root / "srv/new").exists()
    flags = (await sh(runtime, "alpha", "cat /proc/self/mounts")).output
    assert all("nosuid" in line for line in flags.splitlines() if line.split()[1] in ("/", "/dev", "/tmp"))


async def test_the_hosts_devices_are_usable_and_cannot_be_changed(start) -> None:
    before = Path("/dev/null").stat().st_mode
    runtime = await start()
    found = await sh(runtime, "alpha", "echo x >/dev/null && ls /dev && chmod 600 /dev/null")
    assert set(found.output.split()) >= {"null", "zero", "random", "urandom", "shm"}
    assert found.exit_code != 0
    assert Path("/dev/null").stat().st_mode == before


async def test_a_link_of_the_image_leads_nowhere_on_the_host(start, bench: Bench) -> None:
    secret = bench.place / "secret"
    secret.write_text("s")
    above = layer(link("host", f"/.host{bench.place}"), link("plain", str(secret)))
    runtime = await start(above)
    assert (await sh(runtime, "alpha", "cat /plain /host/secret /.host/etc/passwd")).exit_code != 0
    assert (await sh(runtime, "alpha", "cat /plain /host/secret 2>/dev/null")).output == ""


async def test_what_is_mounted_for_a_container_is_not_mounted_by_a_link_of_the_image(start, bench: Bench) -> None:
    shared = bench.place / "shared"
    shared.mkdir()
    above = layer(link("data", f"/.host{bench.place}"))
    with pytest.raises(CannotStart, match="leads out of the container"):
        await start(above, mounts=(Mount(str(shared), "/data/made"),))
    assert not (bench.place / "made").exists()


async def test_the_working_directory_keeps_its_owner_and_a_new_one_is_made(start) -> None:
    runtime = await start(run={"WorkingDir": "/opt/app", "User": "web"})
    assert (await sh(runtime, "alpha", "touch here && stat -c '%U %n' /opt/app/here")).output == "web /opt/app/here\n"
    if os.geteuid() == 0:
        assert (await sh(runtime, "alpha", "stat -c %u /srv /etc/passwd /root")).output == "1234\n0\n0\n"


async def test_the_images_stop_signal_is_sent_in_place_of_sigterm(start) -> None:
    runtime = await start(run={"StopSignal": "SIGQUIT"})
    await until(lambda: _traps(runtime), "the shell set its trap")
    await runtime.signal("alpha", "main", 15)
    assert (await ended(runtime, "alpha", "main")).exit_code == 7


async def _traps(runtime: NetnsRuntime) -> bool:
    caught = (await sh(runtime, "alpha", "cat /proc/1/status")).output.partition("SigCgt:\t")[2][:16]
    return bool(int(caught, 16) & (1 << 2))


async def test_entry_point_and_command_and_environment_are_the_images(start) -> None:
    run = {"Entrypoint": ["/bin/sh", "-c"], "Cmd": ['echo "$A $HOME $HOSTNAME"'], "Env": ["A=1"]}
    runtime = await start(run=run)
    await ended(runtime, "alpha", "main")
    assert await lines(runtime, "alpha") == ["1 /root alpha-host"]


async def test_a_health_check_runs_in_the_image(start) -> None:
    check = HealthCheck(("CMD-SHELL", "id -u"), interval=1, timeout=5, retries=1, start_period=0)
    runtime = await start(health_check=check)

    async def healthy() -> bool:
        return (await seen(runtime, "alpha", "main")).health is Health.HEALTHY

    await until(healthy, "the check passes")


async def test_a_name_is_looked_up_by_what_the_image_has_or_the_lack_of_it_is_said(start) -> None:
    runtime = await start(layer(*programs("getent")))
    with pytest.raises(NotRunning, match=r"nowhere\.invalid does not resolve inside the task"):
        await runtime.resolve_and_dial("alpha", "nowhere.invalid", 80)


async def test_without_a_program_to_look_up_names_it_is_said_which_are_needed(start) -> None:
    runtime = await start()
    with pytest.raises(NotRunning, match=r"has python3 or getent, which look nowhere\.invalid up"):
        await runtime.resolve_and_dial("alpha", "nowhere.invalid", 80)


async def test_a_program_for_which_the_image_has_no_loader_or_no_file_is_refused_by_name(start) -> None:
    with pytest.raises(CannotStart, match='exec: "/bin/none": no such file or directory'):
        await start(run={"Cmd": ["/bin/none"]})
