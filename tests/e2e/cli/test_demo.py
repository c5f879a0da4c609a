"""The demo as a newcomer runs it: it tells the story, measures it, and leaves the machine as it was."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from leftovers import Machine

pytestmark = pytest.mark.namespaces


def test_the_demo_shows_the_article_and_leaves_nothing_behind(tmp_path: Path) -> None:
    before = Machine.now(str(tmp_path))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOORAGE_"))}
    done = subprocess.run(
        [sys.executable, "-m", "moorage", "demo"],
        env=environment | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert len(re.findall(r"^request \d+: 200 from task [0-9a-f]{8} in ", done.stderr, re.M)) == 8
    figures = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in done.stdout.splitlines() if "  " in line)
    assert len(figures["8 requests by name, answered by task"].split(",")) == 2
    rolled = re.fullmatch(r"(\d+), failed: 0", figures["requests while it rolled"])
    assert rolled is not None
    assert int(rolled[1]) > 100
    killed = re.fullmatch(r"(\d+), failed: (\d+)", figures["requests around the kill"])
    assert killed is not None
    assert int(killed[2]) <= 16
    assert list(tmp_path.iterdir()) == []
    assert Machine.now(str(tmp_path)) == before
