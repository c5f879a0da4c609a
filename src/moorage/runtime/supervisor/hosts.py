"""The hosts file of a container: what it says, and how it is rewritten in place while programs read it.

It is opened from outside, in a tree that the container may have changed: no link is followed, and what is there must be
a plain file.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from moorage.runtime import syscalls

Names = Sequence[tuple[str, str]]
"""Addresses, each with the name that stands for it."""


@dataclass(frozen=True)
class Own:
    """What a container is called, and the names that it alone has."""

    hostname: str = ""
    names: Names = ()


def text(address: str, own: Own, names: Names, ipv6: bool) -> str:
    """The whole file: this machine's names, the container's, those of its task in their order, and its own.

    Without IPv6 there is no ::1: who takes only the first address of localhost must not be given it. Docker leaves it
    out then, too, since its version 26.
    """
    local = ["127.0.0.1 localhost", *(["::1 localhost ip6-localhost ip6-loopback"] if ipv6 else [])]
    others = (f"{address} {name}" for address, name in (*names, *own.names))
    return "\n".join([*local, f"{address} {own.hostname}", *others]) + "\n"


def knows_ipv6() -> bool:
    """Whether the kernel has IPv6: then the loopback interface of every network namespace has ::1."""
    return Path("/proc/net/if_inet6").exists()


def rewrite(pid: int, content: str) -> None:
    """Replace what /etc/hosts of the container with process 1 `pid` says. OSError where it has no such file any more.

    The old content is written over before it is cut to length, so that a reader never finds the file empty.
    """
    root = os.open(Path(f"/proc/{pid}/root"), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        file = syscalls.open_within(root, "etc/hosts", os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    finally:
        os.close(root)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError("its /etc/hosts is not a plain file")
        encoded = content.encode()
        os.pwrite(file, encoded, 0)
        os.ftruncate(file, len(encoded))
    finally:
        os.close(file)
