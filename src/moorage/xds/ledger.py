"""What a proxy asked for, holds, and refused of one resource type: the books behind a stream.

A ledger records; it decides neither order nor timing, which are `stream`'s and `ordering`'s. It is exact about
doubt: whatever a proxy may still hold counts as held until its answer rules it out. Only the names that something
happened to are looked at again (`agenda`), so that one change costs the same among ten names and among a thousand.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from moorage.mesh.resource import Resource

Hosts = frozenset[str] | None
"""The addresses that a resource sends traffic to; None when only the version is known."""


@dataclass(slots=True)
class Entry:
    """One name. `acked`: the version last acknowledged. `possible`: every version that the proxy may hold now."""

    acked: str | None = None
    possible: dict[str, Hosts] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """A version that the proxy refused, and its own words why."""

    version: str
    reason: str


class Sent(NamedTuple):
    """A response that has no answer yet, with the names of all that is in it.

    `lost`: those of its names that were owed, so that no older version serves.
    """

    nonce: str
    resources: tuple[Resource, ...]
    removed: tuple[str, ...]
    names: frozenset[str]
    lost: frozenset[str]


@dataclass(slots=True)
class Ledger:
    """The books of one type on one stream.

    A name that the proxy waits for is `owed`: it asked again, or lost what it had. What was sent before does not count
    as an answer to that, whatever becomes of it; the next response does. The proxy's answer to that one leaves the name
    acknowledged (`entries`), `refused`, or `absent`: told that there is no such thing. A name is in one of `owed`,
    `refused` and `absent` at most. `suspects`: refused together with others, to be sent alone. `agenda`: every name of
    which the proxy may not hold exactly what it should; with `unread`, any name may be one.
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
    agenda: set[str] = field(default_factory=set)
    unread: bool = True

    def wants(self, name: str) -> bool:
        return self.wildcard or name in self.named

    def open(self, held: Mapping[str, str], wildcard: bool) -> None:
        """The first request of the type: what the proxy brought along from an earlier stream."""
        self.opened = True
        self.unread = True
        self.wildcard = wildcard
        for name, version in held.items():
            self.entries[name] = Entry(version, {version: None})

    def subscribe(self, name: str, brought: bool) -> None:
        """Ask for a name. Asking again means that the proxy lacks it, unless it said that it brought it along."""
        self.absent.discard(name)
        self.refused.pop(name, None)
        self.agenda.add(name)
        if name == "*":
            self.wildcard = True
            self.unread = True
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
            self.agenda.add(name)
            self.absent.discard(name)
            self.refused.pop(name, None)

    def unsubscribe(self, name: str) -> None:
        """The proxy has dropped a name, or all names that it did not ask for one by one."""
        if name == "*":
            self.wildcard = False
            for dropped in set(self.entries) - self.named:
                self._drop(dropped)
            return
        self.named.discard(name)
        self._drop(name)

    @property
    def busy(self) -> bool:
        """True when something may have to be said, or was said and is not answered; after `review`."""
        return bool(self.agenda) or (self.wildcard and not self.greeted)

    def review(self, wanted: Mapping[str, Resource], differing: AbstractSet[str]) -> None:
        """Bring the agenda up to what is wanted now, which differs from before in these names at most."""
        if self.unread:
            self.agenda.update(wanted, self.entries, self.named)
            self.unread = False
        self.agenda |= differing
        self.agenda = {name for name in self.agenda if not self.settled(name, wanted.get(name))}

    def settled(self, name: str, item: Resource | None) -> bool:
        """True when nothing is to be said of a name, nor anything in doubt. `item` is what is wanted of it."""
        entry = self.entries.get(name)
        if item is None:
            return entry is None and (name not in self.named or name in self.absent)
        if entry is None or entry.acked != item.version or len(entry.possible) != 1:
            return False
        return not (name in self.owed or name in self.suspects or name in self.refused or self._leaving(name))

    def pending(self, wanted: Mapping[str, Resource]) -> Iterator[Resource]:
        """What the proxy asked for and does not have in this version, and has not refused in it; after `review`."""
        for name in sorted(self.agenda):
            item = wanted.get(name)
            if item is None or not self.wants(name) or self._refuses(item):
                continue
            entry = self.entries.get(name)
            if name in self.owed or name in self.suspects or entry is None or entry.acked != item.version:
                yield item

    def gone(self, wanted: Mapping[str, Resource]) -> tuple[str, ...]:
        """What the proxy may hold and should not; after `review`."""
        held = (name for name in self.agenda if name in self.entries and name not in wanted)
        return tuple(sorted(name for name in held if self.wants(name)))

    def unknown(self, wanted: Mapping[str, Resource]) -> tuple[str, ...]:
        """What the proxy waits for, having nothing of it or having lost it, and cannot get; after `review`."""
        waiting = (name for name in self.agenda & self.named if name not in wanted and name not in self.absent)
        return tuple(sorted(name for name in waiting if name in self.owed or name not in self.entries))

    def holds(self, name: str) -> bool:
        """True when the proxy holds the name in some version for certain, and was not told to let it go."""
        entry = self.entries.get(name)
        return entry is not None and entry.acked is not None and not self._leaving(name)

    def answered(self, item: Resource) -> bool:
        """True when the proxy holds the name in some version, or refused this one: waiting longer changes nothing.

        What is owed is not held: a changed cluster under way has lost its endpoints until they are sent again. An old
        refusal does not tell what becomes of another version that is under way.
        """
        if item.name in self.owed:
            return False
        under_way = self.sent is not None and item.name in self.sent.names
        return self.holds(item.name) or (self._refuses(item) and not under_way)

    def send(self, nonce: str, resources: tuple[Resource, ...], removed: tuple[str, ...]) -> None:
        """A response goes out, whose answer will carry `nonce`."""
        sent = frozenset([item.name for item in resources])
        names = sent.union(removed) if removed else sent
        self.sent = Sent(nonce, resources, removed, names, lost=names & self.owed)
        self.greeted = True
        self.agenda |= names
        self.owed.difference_update(removed)
        for item in resources:
            self.owed.discard(item.name)
            self.absent.discard(item.name)
            entry = self.entries.get(item.name)
            if entry is None:
                entry = self.entries[item.name] = Entry()
            entry.possible[item.version] = item.references.addresses

    def acknowledge(self) -> None:
        """The proxy took all of the last response."""
        sent, self.sent = self.sent, None
        if sent is None:
            return
        self.agenda |= sent.names
        self.suspects -= sent.names
        for item in sent.resources:
            self.refused.pop(item.name, None)
            if self.wants(item.name):
                self.entries[item.name] = Entry(item.version, {item.version: item.references.addresses})
        self._removed(sent)

    def take(self, items: Iterable[Resource]) -> None:
        """The proxy was sent these and took them, one response after the other, while nothing else was in doubt."""
        self.greeted = True
        for item in items:
            self.entries[item.name] = Entry(item.version, {item.version: item.references.addresses})

    def refuse(self, reason: str) -> None:
        """The proxy refused the last response. Of several resources it may have taken some: each is tried alone."""
        sent, self.sent = self.sent, None
        if sent is None:
            return
        self.agenda |= sent.names
        self._removed(sent)
        several = len(sent.resources) > 1
        for item in sent.resources:
            self.suspects.discard(item.name)
            if self.wants(item.name) and several:
                self.suspects.add(item.name)
                self.owed |= sent.lost & {item.name}
            elif self.wants(item.name):
                self._refuse(item, reason, lost=item.name in sent.lost)

    def _leaving(self, name: str) -> bool:
        """True while the answer to its removal is under way."""
        return self.sent is not None and name in self.sent.removed

    def _refuses(self, item: Resource) -> bool:
        """True when the last word about the name was a refusal of just this version."""
        refused = self.refused.get(item.name)
        return refused is not None and refused.version == item.version

    def _refuse(self, item: Resource, reason: str, lost: bool) -> None:
        if item.name not in self.owed:
            self.refused[item.name] = Refusal(item.version, reason)
        entry = self.entries.get(item.name)
        if entry is None:
            return
        if entry.acked != item.version:
            entry.possible.pop(item.version, None)
        if lost:
            # What it acknowledged before, it lost: going back to that version has to be sent, too.
            entry.acked = None
        if not entry.possible:
            del self.entries[item.name]

    def _removed(self, sent: Sent) -> None:
        """The proxy heard that there are no such names, but waits again for those that it was owed since.

        One that it waited for ends its waiting and no more: Envoy leaves to a living cluster the endpoints it has.
        """
        for name in sent.removed:
            entry = self.entries.get(name)
            if name in sent.lost and entry is not None:
                entry.acked = None
            else:
                self._forget(name)
            if name in self.named and name not in self.owed:
                self.absent.add(name)

    def _drop(self, name: str) -> None:
        """The proxy let a name go. It still wants it when it wants everything, and has nothing of it now."""
        self._forget(name)
        self.absent.discard(name)
        self.owed.discard(name)
        if self.wildcard:
            self.owed.add(name)

    def _forget(self, name: str) -> None:
        """It holds no version of a name any more."""
        self.agenda.add(name)
        self.entries.pop(name, None)
        self.refused.pop(name, None)
        self.suspects.discard(name)
