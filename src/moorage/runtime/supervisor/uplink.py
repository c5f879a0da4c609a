"""Root mode's way to the host and beyond: one veth, a route for the tasks' range, masquerading, forwarding.

Made last and removed first. The rules belong to a socket and the veth to a namespace, so a supervisor that is killed
takes both with it; the former `ip_forward` is kept in a file that all instances of this host share.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

from moorage.runtime import syscalls
from moorage.runtime.supervisor import rules
from moorage.runtime.supervisor.network import Addresses, delete_link, hold
from moorage.runtime.supervisor.protocol import Refused

SHARED = Path("/run/moorage/uplinks")
"""The uplinks of this host: a locked file each, and the value of ip_forward before the first."""

_LOCK = "lock"
_FORMER = "former-ip-forward"
_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
_INSIDE = "uplink"
_SUBNET = 30
_CANDIDATES = [IPv4Network(f"100.{second}.0.0/16") for second in range(64, 128)]
"""100.64.0.0/10 is for carriers: nobody's own network should be in it, but other tools use parts of it."""


class Uplink:
    """The link of one instance. `host` is a descriptor of the host's network namespace."""

    def __init__(self, instance: str, host: int) -> None:
        self._instance = instance
        self._host = host
        self._name = f"mrg-{instance}"
        self._table = f"moorage-{instance}"
        self._rules: Any = None
        self._claim: int | None = None
        self._lock: int | None = None

    def choose_pool(self, wanted: IPv4Network | None) -> IPv4Network:
        """The range of this instance: the one wanted, else the first that the host has no route into.

        Until `open` or `close` no other instance of this host chooses, so that no two choose the same.
        """
        self._lock = _take_lock()
        with _inside(self._host):
            delete_link(self._name)
            rules.forget(self._table)
            taken = _routed()
        for candidate in [wanted] if wanted else _CANDIDATES:
            if not any(candidate.overlaps(network) for network in taken):
                return candidate
        what = str(wanted) if wanted else "every range of 100.64.0.0/10"
        raise Refused("Unavailable", f"this host already routes addresses of {what}: choose another range for tasks")

    def open(self, addresses: Addresses) -> None:
        """Join the `moorage` namespace, which the process is in, with the host's."""
        with IPRoute() as route:
            peer = {"ifname": self._name, "net_ns_fd": self._host}
            route.link("add", ifname=_INSIDE, kind="veth", peer=peer)
            _bring_up(route, _INSIDE, str(addresses.uplink_inside))
        with _inside(self._host):
            with IPRoute() as route:
                _bring_up(route, self._name, str(addresses.uplink_outside))
                route.route("add", dst=str(addresses.pool), gateway=str(addresses.uplink_inside))
            self._rules = rules.masquerade(self._table, addresses.pool, self._name)
        with IPRoute() as route:
            route.route("add", dst="default", gateway=str(addresses.uplink_outside))
        self._claim_forwarding()
        self._release_lock()

    def close(self) -> None:
        """Undo `open`, in the opposite order; harmless when it was not done."""
        if self._lock is None:
            self._lock = _take_lock()
        self._release_forwarding()
        if self._rules is not None:
            self._rules.close()
            self._rules = None
        with _inside(self._host):
            rules.forget(self._table)
            delete_link(self._name)
        if not list(SHARED.glob("*.claim")):
            (SHARED / _LOCK).unlink(missing_ok=True)
            with suppress(OSError):  # another instance that waits for the lock makes both anew
                SHARED.rmdir()
        self._release_lock()

    def _claim_forwarding(self) -> None:
        with _inside(self._host):
            if not _live_claims():
                former = SHARED / _FORMER
                if not former.exists():
                    former.write_text(_FORWARD.read_text())
                _FORWARD.write_text("1")
            self._claim = os.open(SHARED / f"{self._instance}.claim", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._claim, fcntl.LOCK_EX)

    def _release_forwarding(self) -> None:
        with _inside(self._host):
            if self._claim is not None:
                os.close(self._claim)
                self._claim = None
            (SHARED / f"{self._instance}.claim").unlink(missing_ok=True)
            former = SHARED / _FORMER
            if not _live_claims() and former.exists():
                _FORWARD.write_text(former.read_text())
                former.unlink()

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _take_lock() -> int:
    """The descriptor that holds the folder of all uplinks for this instance."""
    while True:
        SHARED.mkdir(parents=True, exist_ok=True, mode=0o755)
        try:
            lock = os.open(SHARED / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # the last of the others has just taken the folder away
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (SHARED / _LOCK).exists() and os.path.samestat(os.fstat(lock), (SHARED / _LOCK).stat()):
            return lock
        os.close(lock)


def _live_claims() -> bool:
    """True when another uplink lives; files of killed ones are taken away."""
    alive = False
    for file in SHARED.glob("*.claim"):
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            alive = True
        else:
            file.unlink()
        finally:
            os.close(descriptor)
    return alive


def _routed() -> list[IPv4Network]:
    found = []
    with IPRoute() as route:
        for message in route.get_routes(family=2):
            target = message.get_attr("RTA_DST")
            if target and message["dst_len"] > 8:
                found.append(IPv4Network(f"{target}/{message['dst_len']}"))
    return found


def _bring_up(route: Any, name: str, address: str) -> None:
    index = route.link_lookup(ifname=name)[0]
    route.addr("add", index=index, address=address, prefixlen=_SUBNET)
    route.link("set", index=index, state="up")


@contextmanager
def _inside(namespace: int) -> Iterator[None]:
    own = hold()
    try:
        syscalls.setns(namespace, syscalls.CLONE_NEWNET)
        yield
    finally:
        syscalls.setns(own, syscalls.CLONE_NEWNET)
        os.close(own)
