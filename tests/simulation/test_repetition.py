"""A seed repeats its run exactly, in whatever process: else a failing seed could not be looked into."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def commits(seed: int, hash_seed: int) -> list[str]:
    """Every commit of a run in a process of its own, which orders its sets and maps in its own way."""
    path = os.pathsep.join(str(folder) for folder in (HERE, HERE.parent, HERE.parents[1] / "src"))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": str(hash_seed)}
    command = [sys.executable, str(HERE / "stories.py"), str(seed)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("seed", [5, 17, 42])
def test_the_same_seed_makes_the_same_commits_in_any_process(seed):
    first, second = commits(seed, 1), commits(seed, 2)
    assert len(first) > 100
    for one, other in zip(first, second, strict=True):
        assert one == other


def test_another_seed_makes_other_commits():
    assert commits(5, 1) != commits(6, 1)
