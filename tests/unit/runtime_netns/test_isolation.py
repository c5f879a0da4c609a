"""What a container cannot reach: the host's files, its processes, the daemon's and other containers' sockets."""

import os
import socket
import sys
from pathlib import Path

import pytest

from moorage.planning.actions import ContainerSpec, Mount, TaskSpec
from moorage.runtime.netns import NetnsRuntime

from .conftest import Bench, run, serve, sh

pytestmark = pytest.mark.namespaces


async def test_a_private_file_of_the_user_who_runs_moorage_is_out_of_reach(runtime: NetnsRuntime, place: Path) -> None:
    secret = place / "secret"
    secret.write_text("the secret")
    secret.chmod(0o600)
    await run(runtime, "alpha", "sleep", "60")
    # By its path, by any root that /proc shows, and by searching everything that can be seen.
    for script in (
        f"cat {secret}",
        f"cat /proc/*/root{secret} /proc/*/cwd{secret}",
        f"find / -xdev -name {secret.name} | grep .",
    ):
        result = await sh(runtime, "alpha", script)
        assert result.exit_code != 0, result.output
        assert "the secret" not in result.output


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can open a file to a group of its own")
async def test_supplementary_groups_open_nothing(bench: Bench, place: Path) -> None:
    secret = place / "images/plain/app/secret"
    secret.write_text("the secret")
    secret.chmod(0o040)
    os.chown(secret, 0, os.getgid())
    runtime = bench.open()
    await run(runtime, "alpha", "sleep", "60")
    assert (await sh(runtime, "alpha", "cat /app/secret")).exit_code != 0
    assert (await sh(runtime, "alpha", "id -G")).output.strip() == "65534"


async def test_nothing_of_the_host_can_be_written(runtime: NetnsRuntime) -> None:
    await run(runtime, "alpha", "sleep", "60", user="root")
    for target in (
        "/etc/ssl/certs/x",
        "/etc/services",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sysrq-trigger",
    ):
        result = await sh(runtime, "alpha", f"echo x > {target}")
        assert result.exit_code != 0, f"{target} was written"


async def test_the_interpreter_and_usr_of_the_host_stay_as_they_are(runtime: NetnsRuntime) -> None:
    await run(runtime, "alpha", "sleep", "60", user="root")
    script = (
        "touch /usr/bin/moorage-was-here; d=$(python3 -c 'import sys; print(sys.base_prefix)'); touch $d/lib/was-here"
    )
    await sh(runtime, "alpha", script)
    assert not Path("/usr/bin/moorage-was-here").exists()
    assert not (Path(os.path.realpath(sys.base_prefix)) / "lib/was-here").exists()


async def test_a_container_sees_only_its_own_processes_and_cannot_signal_others(runtime: NetnsRuntime) -> None:
    await run(runtime, "alpha", "sleep", "60")
    await runtime.start(ContainerSpec("alpha", "second", "plain", command=("sleep", "62")))
    shown = (await sh(runtime, "alpha", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")).output
    assert "sleep 60" in shown
    assert "sleep 62" not in shown and "moorage.runtime.supervisor" not in shown
    assert (await sh(runtime, "alpha", f"kill -0 {os.getpid()}")).exit_code != 0


async def test_sockets_of_the_daemon_of_other_tasks_and_of_the_own_proxy_are_out_of_reach(
    bench: Bench, place: Path
) -> None:
    runtime = bench.open()
    sockets = place / "xds"
    sockets.mkdir()
    sockets.chmod(0o777)
    admin = socket.socket(socket.AF_UNIX)
    admin.bind(str(sockets / "admin.sock"))
    admin.listen()
    (sockets / "admin.sock").chmod(0o777)
    with admin, socket.socket() as api:
        api.bind(("127.0.0.1", 0))
        api.listen()
        port = api.getsockname()[1]
        await runtime.prepare(TaskSpec("alpha", "alpha"))
        await runtime.prepare(TaskSpec("beta", "beta"))
        mount = Mount(str(sockets), "/run/moorage")
        await runtime.start(ContainerSpec("alpha", "proxy", "plain", command=("sleep", "60"), mounts=(mount,)))
        await runtime.start(ContainerSpec("alpha", "main", "plain", command=("sleep", "60")))
        # The one that has the mount does reach it, so the others' failure says something.
        assert (await sh(runtime, "alpha", _connecting("/run/moorage/admin.sock"), "proxy")).exit_code == 0
        for path in ("/run/moorage/admin.sock", str(sockets / "admin.sock"), str(place / "run/supervisor.sock")):
            assert (await sh(runtime, "alpha", _connecting(path))).exit_code != 0, path
        dial = f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 2)'"
        assert (await sh(runtime, "alpha", dial)).exit_code != 0


async def test_abstract_sockets_of_the_host_are_out_of_reach(runtime: NetnsRuntime, place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0{place.name}")
        abstract.listen()
        await run(runtime, "alpha", "sleep", "60")
        assert (await sh(runtime, "alpha", _connecting(f"\\0{place.name}"))).exit_code != 0


async def test_what_a_container_writes_has_a_limit(bench: Bench) -> None:
    from moorage.runtime.netns import NetnsRuntime as Runtime

    small = Runtime(
        bench.place / "run", bench.place / "state", bench.instance, bench.images.__getitem__, root_size=8 << 20
    )
    bench.opened.append(small)
    await run(small, "alpha", "sleep", "60")
    result = await sh(small, "alpha", "head -c 20000000 /dev/zero > /tmp/big")
    assert result.exit_code != 0
    assert "No space left on device" in result.output


async def test_two_containers_of_a_task_share_its_network_and_nothing_else(runtime: NetnsRuntime) -> None:
    await serve(runtime, "alpha", 80)
    await runtime.start(ContainerSpec("alpha", "second", "plain", command=("sleep", "60")))
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1').read().decode())"
    found = await runtime.exec("alpha", "second", ["python3", "-c", ask], {}, within=20)
    assert found.output == "alpha 127.0.0.1\n"
    await sh(runtime, "alpha", "touch /tmp/mine")
    assert (await sh(runtime, "alpha", "ls /tmp", "second")).output == ""


def _connecting(path: str) -> str:
    return f"python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{path}\")'"
