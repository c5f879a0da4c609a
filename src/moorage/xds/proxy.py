"""One proxy as the hub knows it: its bundle, its stream, and what it may hold while there is no stream.

State only: sockets are `server`'s and `hub`'s. It outlives streams, so that a proxy that lost its stream still counts
as holding what it was told.
"""

import asyncio
from dataclasses import dataclass, field

from moorage.mesh.bundle import Bundle
from moorage.xds.stream import UNKNOWN, DeltaStream


@dataclass
class Proxy:
    """`inherited`: it may have been running before this daemon. `changed` wakes whoever writes to its stream.

    `whole`: it was connected and held its whole bundle, with nothing refused, when it was last asked for news.
    """

    task_id: str
    inherited: bool
    bundle: Bundle | None = None
    connected: bool = False
    whole: bool = False
    stream: DeltaStream = field(default_factory=DeltaStream)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        if self.inherited:
            self.stream = DeltaStream((UNKNOWN,))

    def publish(self, bundle: Bundle) -> bool:
        """Take a bundle; False when it is what the proxy is told already."""
        if bundle == self.bundle:
            return False
        self.bundle = bundle
        self.changed.set()
        return True

    def connect(self) -> DeltaStream:
        """A new stream. An older one that has not noticed its end yet is superseded, and finds out by comparing."""
        self.stream = DeltaStream(self.stream.possible())
        self.connected = True
        self.changed.set()
        return self.stream

    def disconnect(self, stream: DeltaStream) -> None:
        if self.stream is stream:
            self.connected = False

    def has_news(self) -> bool:
        """False when it was whole, and still is: then what it said changes nothing for anybody but its stream."""
        refused = any(ledger.refused for ledger in self.stream.ledgers.values())
        before, self.whole = self.whole, self.connected and not refused and self.in_place()
        return not (before and self.whole)

    def may_hold(self, address: str) -> bool:
        return self.stream.may_hold(address, self.bundle)

    def in_place(self) -> bool:
        """True when the proxy holds its whole bundle; a proxy that outlived the daemon does until it says otherwise."""
        if self.inherited and not self.connected:
            return True
        return self.bundle is not None and self.stream.in_place(self.bundle)

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
