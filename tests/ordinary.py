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


def run(
    tests: list[str], home: Path, uid: int = UID, further_ids: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run these tests as `uid`, whose home is `home`. `further_ids`: where the 65536 ids begin that it is given."""
    os.chown(home, uid, uid)

    def become_ordinary() -> None:
        """In the child: open a way to what the tests need, in mounts of the child's own, and give root up."""
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
        for needed in {Path(sys.base_prefix).resolve(), Path(sys.prefix), ROOT}:
            _open_the_way(needed)
        if further_ids is not None:
            _give_ids(home, uid, further_ids)
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


def _give_ids(home: Path, uid: int, first: int) -> None:
    """Let newuidmap read of `uid`, which must have a name for it, in files that nobody else sees."""
    account = f"mrg{uid}:x:{uid}:{uid}::{home}:/bin/sh\n"
    given = f"mrg{uid}:{first}:65536\n"
    for name, text in (("passwd", Path("/etc/passwd").read_text() + account), ("subuid", given), ("subgid", given)):
        (home / name).write_text(text)
        (home / name).chmod(0o644)
        syscalls.mount(str(home / name), f"/etc/{name}", "", syscalls.MS_BIND)


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
