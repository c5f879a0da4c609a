"""Network namespaces: the `moorage` one with its bridge, and those of tasks or containers, each joined by a veth.

The same for root and for an ordinary user. Runs in the supervisor at its start and in its short-lived children later;
which address a task gets, and how the host is reached, is decided elsewhere.
"""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from moorage.runtime import syscalls
from moorage.runtime.supervisor import rules
from moorage.runtime.supervisor.resolver import RESOLVER

BRIDGE = "moorage"
AGENT = "169.254.170.2"
"""Where tasks ask about themselves: an address of the bridge, which is their gateway. ECS has chosen it."""

ALIASES = "127.255.0.0/16"

_LOCAL_TABLE = 255
_LOCALLY_GIVEN = "02:00:"
"""Hardware addresses that begin so were given by nobody but the machine's own user."""
_LOOPBACK_INDEX = 1
_SYSCTL = Path("/proc/sys/net")


@dataclass(frozen=True)
class Addresses:
    """Who has which address of the pool: the bridge the first, the uplink the last two, tasks those between."""

    pool: IPv4Network

    @property
    def bridge(self) -> IPv4Address:
        """The bridge, which is the tasks' gateway."""
        return self.pool[1]

    @property
    def uplink_inside(self) -> IPv4Address:
        """The end of the uplink in the `moorage` namespace."""
        return self.pool[-2]

    @property
    def uplink_outside(self) -> IPv4Address:
        """The end of the uplink in the host's namespace."""
        return self.pool[-3]

    def tasks(self) -> range:
        """The offsets in the pool that tasks may get; the last four are the uplink's own subnet."""
        return range(2, self.pool.num_addresses - 4)


@dataclass(frozen=True)
class TaskNetwork:
    """What one namespace holds: its address, the redirects of its task's proxy.

    `offset` 0: no interface but loopback. `proxy` is the address of a proxy in another namespace, to which what is
    sent to aliases goes; `serves_others`: such a proxy is in this one.
    """

    offset: int
    addresses: Addresses
    egress_port: int | None
    ingress: Sequence[tuple[int, int]]
    proxy: IPv4Address | None = None
    serves_others: bool = False

    @property
    def address(self) -> IPv4Address:
        """The task's own address."""
        return self.addresses.pool[self.offset]

    @property
    def link(self) -> str:
        """The name of the task's veth on the bridge."""
        return f"task{self.offset}"


def hold() -> int:
    """A descriptor of the network namespace that the process is in."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def build_bridge(addresses: Addresses) -> None:
    """Set up the `moorage` namespace, which the process has just entered."""
    with IPRoute() as route:
        route.link("set", index=_LOOPBACK_INDEX, state="up")
        route.link("add", ifname=BRIDGE, kind="bridge")
        _write_sysctl(f"ipv6/conf/{BRIDGE}/disable_ipv6", "1")
        bridge = route.link_lookup(ifname=BRIDGE)[0]
        # Left alone a bridge takes the lowest of its links' addresses: as tasks came and went, others would lose it.
        route.link("set", index=bridge, address=_LOCALLY_GIVEN + addresses.bridge.packed.hex(":"))
        route.addr("add", index=bridge, address=str(addresses.bridge), prefixlen=addresses.pool.prefixlen)
        for address in (AGENT, RESOLVER):
            route.addr("add", index=bridge, address=address, prefixlen=32)
        route.link("set", index=bridge, state="up")
    _write_sysctl("ipv4/ip_forward", "1")
    # Where a container engine has loaded br_netfilter, rules for what is routed would catch what is bridged, too.
    _write_sysctl("bridge/bridge-nf-call-iptables", "0")
    # The uplink's addresses lie in the tasks' range: the bridge answers for them.
    _write_sysctl(f"ipv4/conf/{BRIDGE}/proxy_arp", "1")
    rules.answer_through_instance()


def build_task(network: TaskNetwork) -> int:
    """Make a task's namespace, from within the `moorage` namespace, and stay in it; returns its descriptor."""
    with IPRoute() as outer:
        bridge = outer.link_lookup(ifname=BRIDGE)[0]
        syscalls.unshare(syscalls.CLONE_NEWNET)
        inside = hold()
        if network.offset:
            # As `api/ecs/network_interface` has it: that is where ECS and EC2 are told of it.
            mac = _LOCALLY_GIVEN + network.address.packed.hex(":")
            peer = {"ifname": rules.OUTSIDE, "net_ns_fd": inside, "address": mac}
            outer.link("add", ifname=network.link, kind="veth", peer=peer, master=bridge, state="up")
    _configure(network)
    _lead_aliases(network)
    return inside


def ephemeral_ports() -> range:
    """The ports that the kernel chooses from where none is asked for, in the namespace that the process is in."""
    first, last = (int(word) for word in (_SYSCTL / "ipv4/ip_local_port_range").read_text().split())
    return range(first, last + 1)


def delete_link(name: str) -> None:
    """Take a link of the present namespace away, if it is there; a veth's other end goes with it."""
    with IPRoute() as route:
        for index in route.link_lookup(ifname=name):
            try:
                route.link("del", index=index)
            except NetlinkError as error:
                if error.code != errno.ENODEV:  # it goes away by itself once nothing holds the other namespace
                    raise


def _lead_aliases(network: TaskNetwork) -> None:
    """Send what is bound for aliases to the proxy: in this namespace, or in another one of the task."""
    if network.serves_others and network.egress_port is not None:
        rules.redirect(None, network.ingress)
        rules.redirect_arriving_aliases(network.egress_port)
    elif network.proxy is None:
        rules.redirect(network.egress_port, network.ingress)
    else:
        with IPRoute() as route:
            outside = route.link_lookup(ifname=rules.OUTSIDE)[0]
            # More specific than 127.0.0.0/8, which the kernel keeps in the same table.
            away = {"gateway": str(network.proxy), "oif": outside, "prefsrc": str(network.address)}
            route.route("add", dst=ALIASES, table=_LOCAL_TABLE, **away)
    if network.serves_others or network.proxy is not None:
        # Both ends: loopback addresses leave one namespace and answer from the other.
        _write_sysctl(f"ipv4/conf/{rules.OUTSIDE}/route_localnet", "1")


def _configure(network: TaskNetwork) -> None:
    # USER is not root: without this a server could not listen on port 80, as it can in ECS.
    _write_sysctl("ipv4/ip_unprivileged_port_start", "0")
    with suppress(OSError):  # an ordinary user has no ids by which to name everybody
        # Nobody may make raw sockets here, which could speak in another task's name; `ping` works without.
        _write_sysctl("ipv4/ping_group_range", "0 2147483647")
    _write_sysctl(f"ipv6/conf/{rules.OUTSIDE}/disable_ipv6", "1")
    # A proxy that is started again must find its ports free: no connection of the task's may be given one.
    proxys = [port for port in (network.egress_port, *(listener for _, listener in network.ingress)) if port]
    _write_sysctl("ipv4/ip_local_reserved_ports", ",".join(str(port) for port in proxys))
    with IPRoute() as route:
        route.link("set", index=_LOOPBACK_INDEX, state="up")
        if not network.offset:
            return
        outside = route.link_lookup(ifname=rules.OUTSIDE)[0]
        route.addr("add", index=outside, address=str(network.address), prefixlen=network.addresses.pool.prefixlen)
        route.link("set", index=outside, state="up")
        route.route("add", dst="default", gateway=str(network.addresses.bridge))


def _write_sysctl(name: str, value: str) -> None:
    path = _SYSCTL / name
    if path.exists():  # a kernel without IPv6, or without br_netfilter, has no switch for it
        path.write_text(value)
