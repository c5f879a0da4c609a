"""Everything once more as an ordinary user: root starts these tests again under a user id that nobody has."""

import os
import tempfile
from pathlib import Path

import pytest

import ordinary

_HERE = Path(__file__).resolve().parent

pytestmark = [
    pytest.mark.namespaces,
    pytest.mark.skipif(os.geteuid() != 0, reason="these tests already run as an ordinary user"),
]


def test_an_ordinary_user_passes_the_same_tests(namespaces: None) -> None:
    with tempfile.TemporaryDirectory(prefix="mrg-user-") as home:
        done = ordinary.run(_suites(), Path(home))
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def _suites() -> list[str]:
    own = sorted(str(file) for file in _HERE.glob("test_*.py") if file.name != Path(__file__).name)
    return [*own, *sorted(str(file) for file in (ordinary.ROOT / "tests/contract").glob("test_runtime*.py"))]
