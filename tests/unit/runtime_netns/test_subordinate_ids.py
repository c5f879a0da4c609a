"""An ordinary user who was given further ids: containers have users as they do under root."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

import ordinary
from moorage.planning.container_settings import SHARED
from moorage.runtime.supervisor import prerequisites, subordinate
from moorage.runtime.supervisor.subordinate import Given

from .conftest import Bench, run, sh
from .test_settings import mounted

pytestmark = pytest.mark.namespaces

UID = 61993
FIRST = 0x6000_0000
HERE = Path(__file__)
TOOLS = shutil.which("newuidmap") and Path("/etc/subuid").exists() and Path("/etc/subgid").exists()
GIVEN = os.geteuid() != 0 and isinstance(subordinate.find(os.geteuid()), Given)

as_root = pytest.mark.skipif(os.geteuid() != 0 or not TOOLS, reason="needs root, and newuidmap to be installed")
as_user = pytest.mark.skipif(not GIVEN, reason="needs an ordinary user who was given ids in /etc/subuid")


@as_root
def test_with_further_ids_an_ordinary_users_containers_switch_users(namespaces: None) -> None:
    with tempfile.TemporaryDirectory(prefix="mrg-user-") as home:
        done = ordinary.run([str(HERE)], Path(home), UID, further_ids=FIRST)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "4 passed" in done.stdout


@as_user
async def test_root_of_a_container_changes_owners_and_becomes_another_user(bench: Bench) -> None:
    runtime = bench.open()
    await run(runtime, "alpha", "sleep", "60", user="root", settings=mounted("/data", scope=SHARED))
    script = (
        "touch /data/mine && chown 101:102 /data/mine && stat -c %u:%g /data/mine && "
        "setpriv --reuid 101 --regid 102 --clear-groups id -u && grep CapEff /proc/1/status"
    )
    assert (await sh(runtime, "alpha", script)).output == "101:102\n101\nCapEff:\t00000000a80425fb\n"
    (kept,) = (bench.place / "state").glob("shared-volumes/*/mine")
    assert kept.stat().st_uid == FIRST + 100


@as_user
async def test_the_users_private_files_stay_out_of_reach_of_the_containers_root(bench: Bench) -> None:
    runtime = bench.open()
    secret = bench.place / "secret"
    secret.write_text("the secret")
    await run(runtime, "alpha", "sleep", "60", user="root")
    for script in (
        f"cat {secret} /proc/*/root{secret}",
        "mount -t tmpfs x /mnt",
        "unshare -r true",
        "echo 1 > /proc/sys/kernel/sysrq",
    ):
        assert (await sh(runtime, "alpha", script)).exit_code != 0


@as_user
def test_the_check_says_which_ids_there_are() -> None:
    verdicts = {name: (verdict, sentence) for name, verdict, sentence in prerequisites.prerequisites()}
    assert verdicts["ids"] == ("ok", "containers have 65536 user ids, this user's own and those of /etc/subuid")


def test_who_was_given_nothing_is_told_what_to_install_or_to_write() -> None:
    found = subordinate.find(61994)
    assert isinstance(found, str)
    assert "apt-get install uidmap" in found or "usermod --add-subuids 100000-165535" in found
