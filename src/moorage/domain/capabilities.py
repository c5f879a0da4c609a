"""Linux capabilities of a container: what it has by default, what `linuxParameters.capabilities` adds and drops.

The default is that of container engines. All of it holds within the task's own range of ids; what has an effect beyond
that (the kernel, devices, networks) cannot be had, and is refused by name where it is asked for.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

ALL: Final = "ALL"

DEFAULT: Final = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""What Docker gives (its page "Runtime privilege and Linux capabilities")."""

INERT: Final = frozenset({"AUDIT_WRITE", "MKNOD", "NET_RAW"})
"""Of these, what has no effect within a range of ids: the kernel grants them by its first user namespace only."""

EFFECTIVE: Final = (DEFAULT - INERT) | {"DAC_READ_SEARCH", "SYS_PTRACE"}
"""What can be added: it does within a container what it does elsewhere."""


def granted(document: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The capabilities of a container whose `linuxParameters.capabilities` is `document`."""
    added, dropped = (_named((document or {}).get(member) or ()) for member in ("add", "drop"))
    kept = frozenset() if ALL in dropped else DEFAULT - dropped
    return tuple(sorted(kept | added))


def not_addable(document: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What the document adds and nobody can have here."""
    return tuple(sorted(_named((document or {}).get("add") or ()) - EFFECTIVE))


def _named(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.upper().removeprefix("CAP_") for name in names)
