"""The further ids of an ordinary user: what /etc/subuid and /etc/subgid give, mapped by newuidmap and newgidmap.

With them containers have users as they do under root; the one user that their user 0 is, is the ordinary user itself.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from moorage.runtime.supervisor.users import COUNT, Ids

_PROGRAMS = ("newuidmap", "newgidmap")
_FILES = {"newuidmap": Path("/etc/subuid"), "newgidmap": Path("/etc/subgid")}
_NEEDED = COUNT - 1
"""Beside the user's own id, which user 0 of a container is."""


@dataclass(frozen=True)
class Given:
    """Where the ids begin that a user was given, of users and of groups."""

    first_user: int
    first_group: int


def find(uid: int) -> Given | str:
    """What this user was given, or what is missing and how to get it."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{' and '.join(missing)} is not installed (on Debian and Ubuntu: 'sudo apt-get install uidmap')"
    name = _name(uid)
    firsts = [_first(_FILES[program], {name, str(uid)}) for program in _PROGRAMS]
    if None in firsts:
        advice = f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"
        return f"/etc/subuid and /etc/subgid do not give {name} {_NEEDED} ids (for example: '{advice}')"
    return Given(firsts[0] or 0, firsts[1] or 0)


def begin(uid: int, gid: int) -> Callable[[], bool]:
    """Prepare to map them; call what is returned once in the new user namespace: False when there is nothing to map.

    A child stays behind in the former namespace, for only there the two programs may be run. Blocks.
    """
    given = find(uid)
    if isinstance(given, str):
        return lambda: False
    pid = os.getpid()
    (go_r, go_w), (done_r, done_w) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(go_w)
            if os.read(go_r, 1) and _map(pid, uid, gid, given):
                os.write(done_w, b"d")
        finally:
            os._exit(0)
    os.close(done_w)

    def finish() -> bool:
        os.write(go_w, b"g")
        mapped = bool(os.read(done_r, 1))
        os.waitpid(child, 0)
        for descriptor in (go_r, go_w, done_r):
            os.close(descriptor)
        return mapped

    return finish


def mapped() -> Ids | None:
    """The ids of containers, where this process's user namespace has so many."""
    counts = []
    for kind in ("uid_map", "gid_map"):
        lines = [line.split() for line in Path(f"/proc/self/{kind}").read_text().splitlines()]
        counts.append(sum(int(count) for _, _, count in lines))
    return Ids(0) if min(counts) >= COUNT else None


def _map(pid: int, uid: int, gid: int, given: Given) -> bool:
    for program, own, first in (("newuidmap", uid, given.first_user), ("newgidmap", gid, given.first_group)):
        words = [program, str(pid), "0", str(own), "1", "1", str(first), str(_NEEDED)]
        if subprocess.run(words, capture_output=True, check=False, timeout=10).returncode:
            return False
    return True


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _first(file: Path, names: set[str]) -> int | None:
    """Where the first range begins that is large enough."""
    try:
        lines = [line.strip().split(":") for line in file.read_text().splitlines()]
    except FileNotFoundError:
        return None
    found = (int(line[1]) for line in lines if len(line) == 3 and line[0] in names and int(line[2]) >= _NEEDED)
    return next(found, None)
