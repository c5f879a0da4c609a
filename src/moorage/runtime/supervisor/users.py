"""The ids of a task's containers: a user namespace in which each has users 0 to 65535, and outside none of them.

As root every task has a range of its own that no account of the host lies in; as an ordinary user all share the one
that /etc/subuid gives. Where neither can be had, `identity` does with the ids that there are.
"""

import os
import signal
import tempfile
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from moorage.runtime import syscalls
from moorage.runtime.supervisor import attempt
from moorage.runtime.supervisor.protocol import Refused

FIRST = 0x7000_0000
"""Between systemd's own ranges, by its page "Users, Groups, UIDs and GIDs": nothing hands these out to anybody else."""
COUNT = 0x1_0000
SLOTS = 4094
_FURTHER = Path("/proc/sys/user/max_user_namespaces")
"""How many user namespaces may be made in the one that the process is in. Containers make none, as under engines'
filters: in one of their own they would have every capability, and with it more of the kernel to try.
"""
SHARED = 0
"""The slot in which volumes that outlive a task keep their owners; tasks have the others."""


@dataclass(frozen=True)
class Ids:
    """User and group `n` of a container is `first + n` where the supervisor lives, for `n` below `count`."""

    first: int
    count: int = COUNT

    def outside(self, number: int) -> int:
        """The id that the supervisor knows `number` by."""
        if not 0 <= number < self.count:
            raise Refused("CannotStart", f"user or group {number}: containers have the ids 0 to {self.count - 1}")
        return self.first + number


def of_slot(slot: int) -> Ids:
    """The range of one task, as root."""
    return Ids(FIRST + slot * COUNT)


def free_slot(taken: Set[int], instance: str) -> int:
    """A slot that no task of this instance has; instances begin at different ones, so that they seldom meet."""
    begin = int(instance, 16) if set(instance) <= set("0123456789abcdef") else 0
    for step in range(SLOTS - 1):
        slot = 1 + (begin + step) % (SLOTS - 1)
        if slot not in taken:
            return slot
    raise Refused("CannotStart", f"every one of the {SLOTS - 1} ranges of ids is taken by a task")


def namespace(ids: Ids, inside: int = 0) -> int:
    """A descriptor of a new user namespace that calls `ids` the users from `inside` on. Forks, and blocks."""
    lines = f"{inside} {ids.first} {ids.count}\n"
    if ids.first == 0:  # an ordinary user's own id and those that were added lie apart, and each line is of one piece
        lines = f"0 0 1\n1 1 {ids.count - 1}\n"
    (ready_r, ready_w), (end_r, end_w) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(end_w)
            syscalls.unshare(syscalls.CLONE_NEWUSER)
            os.write(ready_w, b"r")
            if os.read(end_r, 1):
                _FURTHER.write_text("0")
                os.write(ready_w, b"r")
        finally:
            os._exit(0)
    os.close(ready_w)
    try:
        if not os.read(ready_r, 1):
            raise OSError(1, "no user namespace can be made")
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{kind}").write_text(lines)
        os.write(end_w, b"e")
        if not os.read(ready_r, 1):
            raise OSError(1, "further user namespaces could not be ruled out")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        for descriptor in (ready_r, end_r, end_w):
            os.close(descriptor)


def trial(place: Path) -> str | None:
    """Why files below `place` cannot be shown to a range of ids as its own; None when they can. Forks, and mounts."""
    if not syscalls.knows_machine():
        return f"Moorage does not know the system calls of {os.uname().machine}"

    def apart() -> None:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
        _try(place)

    return attempt.trouble(apart)


def _try(place: Path) -> None:
    """Lay an overlay above files whose owners are mapped, as a container's root does."""
    with tempfile.TemporaryDirectory(dir=place) as scratch:
        base = Path(scratch)
        syscalls.mount("tmpfs", scratch, "tmpfs", 0, "size=1m")
        for name in ("mapped", "upper", "work", "all"):
            (base / name).mkdir()
        syscalls.mount_mapped(str(place), str(base / "mapped"), namespace(of_slot(1)))
        layers = f"lowerdir={base}/mapped,upperdir={base}/upper,workdir={base}/work"
        syscalls.mount("overlay", f"{base}/all", "overlay", 0, layers)
        for name in ("all", "mapped", ""):
            syscalls.unmount(str(base / name))
