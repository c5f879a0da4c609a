"""Everything once more as an ordinary user: root starts these tests again under a user id that nobody has.

The user sees this interpreter, its packages and the sources where they are, even below directories that are root's own.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from moorage.runtime import syscalls

UID = 61877
_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[2]

pytestmark = [
    pytest.mark.namespaces,
    pytest.mark.skipif(os.geteuid() != 0, reason="these tests already run as an ordinary user"),
]


def test_an_ordinary_user_passes_the_same_tests(namespaces: None) -> None:
    with tempfile.TemporaryDirectory(prefix="mrg-user-") as home:
        os.chown(home, UID, UID)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *_suites()]
        done = subprocess.run(
            command,
            cwd=_ROOT,
            env=_environment(home),
            preexec_fn=_become_ordinary,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def _suites() -> list[str]:
    own = sorted(str(file) for file in _HERE.glob("test_*.py") if file.name != Path(__file__).name)
    return [*own, *sorted(str(file) for file in (_ROOT / "tests/contract").glob("test_runtime*.py"))]


def _environment(home: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "MOORAGE_REQUIRE_NAMESPACES")}
    return {**kept, "HOME": home, "TMPDIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}


def _become_ordinary() -> None:
    """In the child: open a way to what the tests need, in mounts of the child's own, and give root up."""
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    for needed in {Path(sys.base_prefix).resolve(), Path(sys.prefix), _ROOT}:
        _open_the_way(needed)
    os.setgroups([])
    os.setresgid(UID, UID, UID)
    os.setresuid(UID, UID, UID)


def _open_the_way(needed: Path) -> None:
    """Cover the first directory on the way that others may not enter by one that holds only the way."""
    for ancestor in reversed(needed.parents):
        if ancestor.stat().st_mode & 0o001:
            continue
        kept = os.open(needed, os.O_PATH)
        syscalls.mount("tmpfs", str(ancestor), "tmpfs", 0, "mode=755")
        needed.mkdir(parents=True)
        syscalls.mount(f"/proc/self/fd/{kept}", str(needed), "", syscalls.MS_BIND | syscalls.MS_REC)
        os.close(kept)
        return
