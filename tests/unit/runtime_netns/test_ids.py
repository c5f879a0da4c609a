"""The ids of a task: its root changes owners and users as an image expects, and is nobody outside."""

import os
import re
from pathlib import Path

import pytest

from archives import directory, docker, file, layer, programs
from moorage.domain import capabilities
from moorage.planning.actions import ContainerSpec, TaskSpec
from moorage.runtime.images import ImageCatalog
from moorage.runtime.netns import NetnsRuntime
from moorage.runtime.supervisor import users
from moorage.runtime.supervisor.protocol import Refused

from .conftest import Bench, get, lines, listening, run, sh, until

pytestmark = [
    pytest.mark.namespaces,
    pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has one id"),
]

ACCOUNTS = "root:x:0:0::/root:/bin/sh\nweb:x:101:101::/srv:/bin/sh\n"
TOOLS = ("sh", "cat", "chown", "id", "ls", "setpriv", "sleep", "stat", "touch")
PREPARE = """
set -e
echo said >/dev/stdout
chown -R web:web /srv /run
setpriv --reuid web --regid web --init-groups touch /run/of-web
stat -c '%n %U:%G' /srv /srv/page /run/of-web /etc/passwd
exec setpriv --reuid web --regid web --init-groups sh -c 'id; cat /srv/page; sleep 60'
"""
SWITCHES = """
import http.server, os, sys
listening = http.server.HTTPServer(("0.0.0.0", 80), http.server.SimpleHTTPRequestHandler)
os.makedirs("/var/cache/web")
os.chown("/var/cache/web", 101, 101)
os.setgroups([33]), os.setgid(101), os.setuid(101)
os.chdir("/var/cache/web")
open("index.html", "w").write(f"{os.getuid()}:{os.getgid()}:{os.getgroups()}")
listening.serve_forever()
"""


async def test_a_saved_image_that_changes_owners_and_switches_users_starts(bench: Bench) -> None:
    """As the scripts of official images do, with the accounts that the image brings."""
    base = layer(
        *programs(*TOOLS),
        *(directory("etc"), file("etc/passwd", ACCOUNTS), file("etc/group", "root:x:0:\nweb:x:101:\nlog:x:4:web\n")),
        *(directory("srv"), file("srv/page", "the page\n", 0o600), directory("run")),
    )
    archive = docker(bench.place / "saved.tar", [base], {"Cmd": ["/bin/sh", "-c", PREPARE]})
    bench.images["saved"] = ImageCatalog(bench.place / "catalog").add("saved", archive)
    runtime = bench.open()
    await runtime.prepare(TaskSpec("alpha", "alpha"))
    await runtime.start(ContainerSpec("alpha", "main", "saved"))

    async def all_said() -> bool:
        return len(await lines(runtime, "alpha")) >= 7

    await until(all_said, "the program has said who it is")
    assert await lines(runtime, "alpha") == [
        "said",
        "/srv web:web",
        "/srv/page web:web",
        "/run/of-web web:web",
        "/etc/passwd root:root",
        "uid=101(web) gid=101(web) groups=101(web),4(log)",
        "the page",
    ]
    (page,) = bench.images["saved"].root.glob("srv/page")
    assert page.stat().st_uid == 0


async def test_root_binds_port_80_and_becomes_another_user(bench: Bench) -> None:
    runtime = bench.open()
    await run(runtime, "alpha", "python3", "-c", SWITCHES, user="root")
    await listening(runtime, "alpha", 80)
    assert await get(await runtime.dial("alpha", 80)) == "101:101:[33]"


async def test_root_of_a_task_is_nobody_on_the_host_and_nobody_in_another_task(bench: Bench) -> None:
    runtime = bench.open()
    for task in ("alpha", "beta"):
        await run(runtime, task, "sleep", "60", user="root")
    owners = [await _outside(runtime, task) for task in ("alpha", "beta")]
    assert owners[0] != owners[1]
    assert all(users.FIRST < owner < users.FIRST + users.SLOTS * users.COUNT for owner in owners)


async def test_root_of_a_task_has_the_capabilities_of_container_engines_and_no_other(runtime: NetnsRuntime) -> None:
    await run(runtime, "alpha", "sleep", "60", user="root")
    status = (await sh(runtime, "alpha", "cat /proc/1/status")).output
    sets = dict(re.findall(r"Cap(\w+):\s+(\w+)", status))
    assert sets == {
        **dict.fromkeys(("Prm", "Eff", "Bnd"), "00000000a80425fb"),
        **dict.fromkeys(("Inh", "Amb"), "0" * 16),
    }
    assert "NoNewPrivs:\t1" in status


@pytest.mark.parametrize(
    ("asked", "expected"),
    [({"drop": ["ALL"], "add": ["CHOWN"]}, "0000000000000001"), ({"drop": ["CAP_CHOWN"]}, "00000000a80425fa")],
)
async def test_capabilities_are_added_and_dropped(
    runtime: NetnsRuntime, asked: dict[str, list[str]], expected: str
) -> None:
    await run(runtime, "alpha", "sleep", "60", user="root", capabilities=capabilities.granted(asked))
    assert f"CapEff:\t{expected}" in (await sh(runtime, "alpha", "cat /proc/1/status")).output


async def test_what_capabilities_could_do_to_the_host_fails(runtime: NetnsRuntime, place: Path) -> None:
    await run(runtime, "alpha", "sleep", "60", user="root")
    raw = "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'"
    for script in (
        "mount -t tmpfs x /mnt",
        "mount -o remount,rw /proc/sys",
        "umount /proc/kcore",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "mknod /tmp/disk b 8 0",
        "chown 1 /dev/null",
        "chmod 4755 /usr/bin/env",
        "hostname other",
        "touch /usr/bin/made",
        raw,
        "unshare -r true",
    ):
        assert (await sh(runtime, "alpha", script)).exit_code != 0, script


async def test_a_user_beyond_the_range_is_refused(runtime: NetnsRuntime) -> None:
    with pytest.raises(Exception, match="user or group 70000: containers have the ids 0 to 65535"):
        await run(runtime, "alpha", "sleep", "60", user="70000")


def test_a_slot_is_free_until_all_are_taken() -> None:
    assert users.free_slot(frozenset(), "00000000") == 1
    assert users.free_slot(frozenset({1, 2}), "00000000") == 3
    everything = frozenset(range(users.SLOTS))
    assert users.free_slot(everything - {7}, "000000ff") == 7
    with pytest.raises(Refused, match="every one of the 4093 ranges of ids is taken"):
        users.free_slot(everything, "00000000")
    assert users.of_slot(users.SLOTS - 1).outside(users.COUNT - 1) < 2**31


async def _outside(runtime: NetnsRuntime, task: str) -> int:
    """The host's name for user 0 of a task, read where the task tells it."""
    inside, outside, count = (await sh(runtime, task, "cat /proc/self/uid_map")).output.split()
    assert (inside, count) == ("0", str(users.COUNT))
    return int(outside)
