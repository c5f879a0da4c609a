"""The core of the story as an ordinary user: names, a rolling deployment and a daemon's death, under load."""

import os
import tempfile
from pathlib import Path

import pytest

import ordinary

pytestmark = [
    pytest.mark.namespaces,
    pytest.mark.skipif(os.geteuid() != 0, reason="these tests already run as an ordinary user"),
]

UID = 61931
"""Not that of other tests which do the same: what this one leaves behind must be its own."""
CORE = [
    "tests/e2e/test_under_load.py::test_a_rolling_deployment_under_load_fails_no_request",
    "tests/e2e/test_under_load.py::test_a_daemon_that_is_killed_under_load_breaks_nothing_and_its_successor_deploys",
]


def test_the_story_runs_as_an_ordinary_user_and_leaves_nothing(namespaces: None) -> None:
    sockets = Path(f"/tmp/moorage-{UID}")
    with tempfile.TemporaryDirectory(prefix="mrg-user-") as home:
        done = ordinary.run([f"--basetemp={home}/tests", *CORE], Path(home), UID)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert f"{len(CORE)} passed" in done.stdout
    assert processes_of(UID) == []
    assert not sockets.exists() or list(sockets.iterdir()) == []


def processes_of(uid: int) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid == uid:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
