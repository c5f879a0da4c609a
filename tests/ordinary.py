"""Tests once more as an ordinary user: root starts pytest again under a user id that nobody has.

The user sees this interpreter, its packages and the sources where they are, even below directories that are root's own.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from moorage.runtime import syscalls

UID = 61877
ROOT = Path(__file__).resolve().parents[1]


def run(tests: list[str], home: Path, uid: int = UID) -> subprocess.CompletedProcess[str]:
    """Run these tests as `uid`, whose home is `home`."""
    os.chown(home, uid, uid)

    def become_ordinary() -> None:
        """In the child: open a way to what the tests need, in mounts of the child's own, and give root up."""
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
        for needed in {Path(sys.base_prefix).resolve(), Path(sys.prefix), ROOT}:
            _open_the_way(needed)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)

    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "MOORAGE_REQUIRE_NAMESPACES")}
    # pytest's own folder is named after the user, and this one has no name: other nameless users would share it.
    with tempfile.TemporaryDirectory(prefix="mrg-user-") as scratch:
        os.chown(scratch, uid, uid)
        own = {"HOME": str(home), "TMPDIR": "/tmp", "PYTEST_DEBUG_TEMPROOT": scratch, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
            cwd=ROOT,
            env={**kept, **own},
            preexec_fn=become_ordinary,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


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
