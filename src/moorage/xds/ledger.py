"""What a proxy asked for, holds, and refused of one resource type: the books behind a stream.

A ledger records; it decides neither order nor timing, which are `stream`'s and `ordering`'s. It is exact about
doubt: whatever a proxy may still hold counts as held until its answer rules it out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from moorage.mesh.bundle import Resource

Hosts = frozenset[str] | None
"""The addresses that a resource sends traffic to; None when only the version is known."""


@dataclass
class Entry:
    """One name. `acked`: the version last acknowledged. `possible`: every version that the proxy may hold now."""

    acked: str | None = None
    possible: dict[str, Hosts] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """A version that the proxy refused, and its own words why."""

    version: str
    reason: str


@dataclass(frozen=True)
class Sent:
    """A response that has no answer yet."""

    nonce: str
    resources: tuple[Resource, ...]
    removed: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(item.name for item in self.resources) | frozenset(self.removed)


@dataclass
class Ledger:
    """The books of one type on one stream.

    `owed`: to be sent though acknowledged, since the proxy asked again or lost it. `suspects`: refused together with
    others, to be sent alone. `absent`: told that there is no such thing.
    """

    wildcard: bool = False
    named: set[str] = field(default_factory=set)
    entries: dict[str, Entry] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    owed: set[str] = field(default_factory=set)
    suspects: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    sent: Sent | None = None
    opened: bool = False
    greeted: bool = False

    def wants(self, name: str) -> bool:
        return self.wildcard or name in self.named

    def open(self, held: Mapping[str, str], wildcard: bool) -> None:
        """The first request of the type: what the proxy brought along from an earlier stream."""
        self.opened = True
        self.wildcard = wildcard
        for name, version in held.items():
            self.entries[name] = Entry(version, {version: None})

    def subscribe(self, name: str, brought: bool) -> None:
        """Ask for a name. Asking again means that the proxy lacks it, unless it said that it brought it along."""
        self.absent.discard(name)
        self.refused.pop(name, None)
        if name == "*":
            self.wildcard = True
            return
        self.named.add(name)
        if not brought:
            self.owed.add(name)

    def owe(self, lost: Iterable[str]) -> None:
        """The proxy has lost these, or will; what it refused counts too, since it waits for some answer.

        A name may be owed before it is asked for: after a reconnection the proxy says that it brought endpoints along
        which a changed cluster, already under way, is about to make it lose.
        """
        for name in lost:
            self.owed.add(name)
            self.absent.discard(name)
            self.refused.pop(name, None)

    def unsubscribe(self, name: str) -> None:
        """The proxy has dropped a name, or all names that it did not ask for one by one."""
        if name == "*":
            self.wildcard = False
            for dropped in set(self.entries) - self.named:
                self._forget(dropped)
            return
        self.named.discard(name)
        self._forget(name)

    def pending(self, wanted: Mapping[str, Resource]) -> Iterator[Resource]:
        """What the proxy asked for and does not have in this version, and has not refused in it."""
        for name, item in wanted.items():
            if not self.wants(name):
                continue
            refused = self.refused.get(name)
            if refused is not None and refused.version == item.version:
                continue
            entry = self.entries.get(name)
            if name in self.owed or name in self.suspects or entry is None or entry.acked != item.version:
                yield item

    def gone(self, wanted: Mapping[str, Resource]) -> tuple[str, ...]:
        """What the proxy may hold and should not."""
        return tuple(sorted(name for name in self.entries if name not in wanted and self.wants(name)))

    def unknown(self, wanted: Mapping[str, Resource]) -> tuple[str, ...]:
        """What the proxy waits for, having nothing of it or having lost it, and cannot get."""
        waiting = self.named - wanted.keys() - self.absent
        return tuple(sorted(name for name in waiting if name in self.owed or name not in self.entries))

    def holds(self, name: str) -> bool:
        """True when the proxy holds the name in some version for certain."""
        entry = self.entries.get(name)
        return entry is not None and entry.acked is not None

    def answered(self, item: Resource) -> bool:
        """True when the proxy holds the name in some version, or refused this one: waiting longer changes nothing."""
        refused = self.refused.get(item.name)
        return self.holds(item.name) or (refused is not None and refused.version == item.version)

    def send(self, sent: Sent) -> None:
        self.sent = sent
        self.greeted = True
        self.owed -= set(sent.removed)
        for item in sent.resources:
            self.owed.discard(item.name)
            self.absent.discard(item.name)
            entry = self.entries.setdefault(item.name, Entry())
            entry.possible[item.version] = item.references.addresses

    def acknowledge(self) -> None:
        """The proxy took all of the last response."""
        sent, self.sent = self.sent, None
        if sent is None:
            return
        self.suspects -= sent.names
        for item in sent.resources:
            self.refused.pop(item.name, None)
            if self.wants(item.name):
                self.entries[item.name] = Entry(item.version, {item.version: item.references.addresses})
        self._removed(sent.removed)

    def refuse(self, reason: str) -> None:
        """The proxy refused the last response. Of several resources it may have taken some: each is tried alone."""
        sent, self.sent = self.sent, None
        if sent is None:
            return
        self._removed(sent.removed)
        if len(sent.resources) > 1:
            self.suspects |= {item.name for item in sent.resources if self.wants(item.name)}
            return
        for item in sent.resources:
            self.suspects.discard(item.name)
            if self.wants(item.name):
                self._refuse(item, reason)

    def _refuse(self, item: Resource, reason: str) -> None:
        self.refused[item.name] = Refusal(item.version, reason)
        entry = self.entries.get(item.name)
        if entry is not None and entry.acked != item.version:
            entry.possible.pop(item.version, None)
            if not entry.possible:
                del self.entries[item.name]

    def _removed(self, removed: Iterable[str]) -> None:
        for name in removed:
            self._forget(name)
            if name in self.named:
                self.absent.add(name)

    def _forget(self, name: str) -> None:
        self.entries.pop(name, None)
        self.refused.pop(name, None)
        for names in (self.owed, self.suspects, self.absent):
            names.discard(name)
        if self.wildcard:
            self.owed.add(name)
