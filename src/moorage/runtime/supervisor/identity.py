"""Who a container's processes are: USER resolved against the container's own files, then taken for good.

Usually inside the task's range of ids (`users`). Without one the ids are the machine's, as root, or the one id that an
ordinary user has, called by the number that is asked for; nobody has a capability then.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from moorage.runtime import syscalls
from moorage.runtime.supervisor.protocol import Refused

NOBODY = 65534
PROXY = 20000
_MAX_FILE = 1 << 20
"""What is read of an image's passwd or group file, which it may have made a link to something endless."""

PASSWD = f"""root:x:0:0:root:/root:/bin/sh
proxy:x:{PROXY}:{PROXY}:Service Connect proxy:/:/usr/sbin/nologin
nobody:x:{NOBODY}:{NOBODY}:nobody:/:/bin/sh
"""
GROUP = f"root:x:0:\nproxy:x:{PROXY}:\nnogroup:x:{NOBODY}:\n"


@dataclass(frozen=True)
class Identity:
    """The numbers that a container runs as, and the home directory that goes with them."""

    uid: int
    gid: int
    home: str
    groups: tuple[int, ...] = ()
    """Further groups of which the image's /etc/group makes the user a member."""


def resolve(user: str) -> Identity:
    """The identity of `user` ("", "name", "uid", each with ":group"), read from the files below the present root."""
    name, _, group = user.partition(":")
    name = name or str(NOBODY)
    entry = _entry("/etc/passwd", name)
    if entry is None and not name.isdigit():
        raise Refused("CannotStart", f"unable to find user {name}: no matching entries in passwd file")
    uid = int(entry[2]) if entry else int(name)
    gid = int(entry[3]) if entry else (NOBODY if uid == NOBODY else uid if uid == PROXY else 0)
    home = entry[5] if entry else "/"
    if group:
        gid = _group(group)
    return Identity(uid, gid, home or "/", () if group else _memberships(entry[0] if entry else "", gid))


def nest(identity: Identity) -> None:
    """Enter a user namespace in which the one id that an ordinary user has is called `identity`."""
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{identity.uid} 0 1")
    Path("/proc/self/gid_map").write_text(f"{identity.gid} 0 1")


def become(identity: Identity, keep: Collection[int], *, groups: bool) -> None:
    """Take the identity, for good; as user 0 with the capabilities `keep`, else with none.

    What is not in `keep` no program can get back. `groups`: this user namespace lets supplementary groups be set.
    """
    keep = keep if identity.uid == 0 else ()
    syscalls.bound_capabilities(keep)
    if groups:
        os.setgroups(identity.groups)
    os.setresgid(identity.gid, identity.gid, identity.gid)
    os.setresuid(identity.uid, identity.uid, identity.uid)
    syscalls.hold_capabilities(keep)
    syscalls.forgo_privileges()


def may_set_groups() -> bool:
    """Whether this user namespace lets supplementary groups be set."""
    return Path("/proc/self/setgroups").read_text().strip() == "allow"


def _memberships(name: str, gid: int) -> tuple[int, ...]:
    found = {int(line[2]) for line in _lines("/etc/group") if len(line) > 3 and name and name in line[3].split(",")}
    return tuple(sorted(found - {gid}))


def _group(group: str) -> int:
    entry = _entry("/etc/group", group)
    if entry is None and not group.isdigit():
        raise Refused("CannotStart", f"unable to find group {group}: no matching entries in group file")
    return int(entry[2]) if entry else int(group)


def _entry(file: str, key: str) -> list[str] | None:
    wanted = 2 if key.isdigit() else 0
    return next((fields for fields in _lines(file) if len(fields) > wanted and fields[wanted] == key), None)


def _lines(file: str) -> list[list[str]]:
    try:
        with Path(file).open(errors="replace") as text:
            return [line.split(":") for line in text.read(_MAX_FILE).splitlines()]
    except FileNotFoundError:
        return []
