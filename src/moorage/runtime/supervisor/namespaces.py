"""The network namespaces of one task: one that its containers share, or one for each of them, with published ports.

The network modes of ECS: awsvpc shares one namespace; bridge and none give each container its own, with a way out and
without. Which host ports are free, `host_ports` knows; how a namespace is made, `network`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Address

from moorage.runtime import syscalls
from moorage.runtime.supervisor import network, rules
from moorage.runtime.supervisor.children import Children, Report
from moorage.runtime.supervisor.host_ports import Binding
from moorage.runtime.supervisor.protocol import Message

SHARED = ""
"""The name of the namespace that all containers share."""

_ALONE = 0
"""The offset of those that have no address."""


@dataclass(frozen=True)
class Space:
    """One namespace: what it holds, and the ports that its container names."""

    net: network.TaskNetwork
    ports: frozenset[int] = frozenset()
    is_proxy: bool = False

    @property
    def address(self) -> str:
        """Its address; empty where it has no interface to the others."""
        return str(self.net.address) if self.net.offset else ""


@dataclass
class Namespaces:
    """Those of one task, by container, and a descriptor of each."""

    spaces: dict[str, Space]
    bindings: list[Binding] = field(default_factory=list)
    descriptors: dict[str, int] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The task's own address; empty where each container has its own, or none."""
        return self.spaces[SHARED].address if SHARED in self.spaces else ""

    @property
    def instance(self) -> str:
        """The address at which the bindings are reached; empty where nothing is published."""
        first = next(iter(self.spaces.values()))
        return str(first.net.addresses.bridge) if SHARED not in self.spaces and first.net.offset else ""

    def of(self, container: str) -> int:
        """A descriptor of the namespace that the container is in."""
        return self.descriptors[SHARED if SHARED in self.spaces else container]

    def address_of(self, container: str) -> str:
        """The address of the container; empty without one."""
        return self.spaces[SHARED if SHARED in self.spaces else container].address

    def naming(self, port: int | None) -> int:
        """A descriptor of the namespace whose container names the port, else of the first that is no proxy's."""
        for name, space in self.spaces.items():
            if port in space.ports:
                return self.descriptors[name]
        return next(self.descriptors[name] for name, space in self.spaces.items() if not space.is_proxy)

    def of_programs(self) -> Iterator[int]:
        """The descriptors of all but a proxy's own."""
        yield from (self.descriptors[name] for name, space in self.spaces.items() if not space.is_proxy)

    def describe(self) -> Message:
        """What an observation tells of them."""
        own = {} if SHARED in self.spaces else {name: space.address for name, space in self.spaces.items()}
        return {
            "address": self.address,
            "host_address": self.instance,
            "addresses": own,
            "bindings": [asdict(binding) for binding in self.bindings],
        }

    def close(self) -> None:
        """Let go of all descriptors."""
        for descriptor in self.descriptors.values():
            os.close(descriptor)
        self.descriptors.clear()


def wanted(request: Message, addresses: network.Addresses, offsets: Sequence[int]) -> Namespaces:
    """The namespaces that a task asks for, not made yet; `offsets` are as many as `count` says."""
    egress, ingress = request["egress_port"], [(outside, inside) for outside, inside in request["ingress"]]
    apart = request["apart"]
    if not apart:
        return Namespaces({SHARED: Space(network.TaskNetwork(offsets[0], addresses, egress, ingress))})
    places = offsets or [_ALONE] * len(apart)
    proxy = next((addresses.pool[n] for n, each in zip(places, apart, strict=True) if each["is_proxy"]), None)
    spaces = {}
    for offset, each in zip(places, apart, strict=True):
        mine = each["is_proxy"]
        net = network.TaskNetwork(offset, addresses, egress if mine else None, (), None if mine else proxy, mine)
        spaces[each["name"]] = Space(net, frozenset(each["ports"]), mine)
    return Namespaces(spaces)


def count(request: Message) -> int:
    """How many addresses the task needs: where it is not joined to the others, none."""
    if not request["joined"]:
        return 0
    return len(request["apart"]) or 1


async def make(
    spaces: Namespaces, children: Children, table: str, further: Callable[[], int] | None = None
) -> int | None:
    """Make the namespaces and publish their ports; in the same child also what `further` makes, a descriptor.

    OSError, Refused; `unmake` takes away what was made.
    """
    order, published = list(spaces.spaces.items()), list(_published(spaces))

    def work(report: Report) -> None:
        home = network.hold()
        for _, space in order:
            report.descriptors.append(network.build_task(space.net))
            syscalls.setns(home, syscalls.CLONE_NEWNET)
        rules.publish(table, order[0][1].net.addresses.bridge, published)
        if further is not None:
            report.descriptors.append(further())

    report = await children.run(work)
    spaces.descriptors = dict(zip((name for name, _ in order), report.descriptors, strict=False))
    return report.descriptors[-1] if further is not None else None


async def unmake(spaces: Namespaces, children: Children, table: str) -> None:
    """Take the published ports and the links away, and let go of the namespaces."""
    links = [space.net.link for space in spaces.spaces.values() if space.net.offset]

    def work(_report: Report) -> None:
        if spaces.bindings:
            rules.forget(table)
        # Deleted, not left to the end of its namespace: sockets that were handed out may hold that for long.
        for link in links:
            network.delete_link(link)

    await children.run(work)
    spaces.close()


def offsets_of(all_: Iterable[Namespaces]) -> set[int]:
    """The addresses in use, as offsets."""
    return {space.net.offset for spaces in all_ for space in spaces.spaces.values()}


def _published(spaces: Namespaces) -> Iterator[rules.Published]:
    for binding in spaces.bindings:
        address = IPv4Address(spaces.address_of(binding.container))
        for step in range(binding.size):
            yield rules.Published(binding.protocol, binding.host_port + step, address, binding.container_port + step)
