"""One proxy as the hub knows it: its bundle, its stream, and what it may hold while there is no stream.

State only: sockets are `server`'s and `hub`'s. It outlives streams, so that a proxy that lost its stream still counts
as holding what it was told.
"""

from dataclasses import dataclass, field

from moorage.mesh import names
from moorage.mesh.bundle import Bundle
from moorage.xds.bell import Bell
from moorage.xds.stream import UNKNOWN, DeltaStream


@dataclass(slots=True)
class Proxy:
    """`inherited`: it may have been running before this daemon. `bell` wakes whoever writes to its stream.

    `whole`: it was connected and held its whole bundle, with nothing refused, when it was last asked for news.
    `asked_at` is the loop's time since when something that it was told has no answer; None while all has.
    """

    task_id: str
    inherited: bool
    bundle: Bundle | None = None
    connected: bool = False
    whole: bool = False
    stream: DeltaStream = field(default_factory=DeltaStream)
    bell: Bell = field(default_factory=Bell)
    asked_at: float | None = None

    def __post_init__(self) -> None:
        if self.inherited:
            self.stream = DeltaStream((UNKNOWN,))

    def publish(self, bundle: Bundle) -> bool:
        """Take a bundle; False when it is what the proxy is told already."""
        if self.bundle is not None and bundle.version == self.bundle.version:
            return False
        self.bundle = bundle
        self.bell.ring()
        return True

    def connect(self) -> DeltaStream:
        """A new stream. An older one that has not noticed its end yet is superseded, and finds out by comparing."""
        self.stream = DeltaStream(self.stream.possible())
        self.connected = True
        self.asked_at = None
        self.bell.ring()
        self.bell = Bell()
        return self.stream

    def told(self, now: float) -> None:
        """Something goes out to the proxy."""
        self.asked_at = now if self.asked_at is None else self.asked_at

    def heard(self, now: float) -> None:
        """The proxy said something; what it has not answered yet is waited for anew."""
        self.asked_at = now if self.stream.awaits_answer else None

    def silent(self, now: float) -> float:
        """For how many seconds it has owed an answer; 0 when it owes none, or is not connected."""
        return now - self.asked_at if self.connected and self.asked_at is not None else 0.0

    def disconnect(self, stream: DeltaStream) -> None:
        if self.stream is stream:
            self.connected = False

    def has_news(self) -> bool:
        """False when it was whole, and still is: then what it said changes nothing for anybody but its stream."""
        if self.whole and self.connected and self.stream.settled is self.bundle:
            # It was connected and had refused nothing when it was whole; what changes that is asked about at once.
            return False
        before, self.whole = self.whole, self.connected and not self.stream.was_refused and self.in_place()
        return not (before and self.whole)

    def may_hold(self, address: str) -> bool:
        return self.stream.may_hold(address, self.bundle)

    def in_place(self) -> bool:
        """True when the proxy holds its whole bundle; a proxy that outlived the daemon does until it says otherwise."""
        if self.inherited and not self.connected:
            return True
        return self.bundle is not None and self.stream.in_place(self.bundle)

    def takes(self) -> frozenset[tuple[str, int]] | None:
        """What its listeners take, by original address and port; None unless it says that it holds its whole bundle."""
        if not self.connected or self.bundle is None or not self.stream.in_place(self.bundle):
            return None
        listeners = self.bundle.of(names.LISTENER).values()
        return frozenset(match for listener in listeners for match in listener.references.matches)

    def refused(self) -> tuple[str, ...]:
        """What the proxy refused of the bundle that it shall hold now: the type, the name and Envoy's words of each."""
        return tuple(
            f"{type_url.rpartition('.')[2]} {name}: {refusal.reason.rstrip('.')}"
            for type_url, ledger in sorted(self.stream.ledgers.items())
            for name, refusal in sorted(ledger.refused.items())
            if self._is_wanted(type_url, name, refusal.version)
        )

    def _is_wanted(self, type_url: str, name: str, version: str) -> bool:
        wanted = self.bundle.of(type_url).get(name) if self.bundle is not None else None
        return wanted is not None and wanted.version == version

    def explain(self) -> dict[str, object]:
        """What it was told, holds, lacks and refused, by type; for people, as JSON."""
        wanted = self.bundle
        types = {}
        for type_url, ledger in self.stream.ledgers.items():
            types[type_url.rpartition(".")[2]] = {
                "wanted": {name: item.version for name, item in wanted.of(type_url).items()} if wanted else {},
                "acknowledged": {name: entry.acked for name, entry in sorted(ledger.entries.items()) if entry.acked},
                "unanswered": sorted(ledger.sent.names) if ledger.sent else [],
                "refused": {
                    name: {"version": refusal.version, "reason": refusal.reason}
                    for name, refusal in sorted(ledger.refused.items())
                },
            }
        lacking = self.stream.lacking(wanted) if wanted else {}
        return {
            "taskId": self.task_id,
            "connected": self.connected,
            "version": wanted.version if wanted else None,
            "inPlace": self.in_place(),
            "lacking": {type_url.rpartition(".")[2]: missing for type_url, missing in lacking.items() if missing},
            "types": types,
        }
