"""What the name server of tasks answers: zones of private DNS namespaces, their records, and who asks from where.

Plain values, told to a program of its own as JSON. How they follow from the World is in `planning/zones`; names are
absolute, in lower case, without the last dot.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Place = tuple[str, str, str]
"""Account, region and VPC; the VPC is empty for a task that has none."""


@dataclass(frozen=True)
class RecordSet:
    """The records of one name and type, of which an answer holds `limit` at most; `values` as in a zone file."""

    name: str
    type: str
    ttl: int
    limit: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class Zone:
    """The names of one namespace. `ttl` seconds long nobody asks again for what was not there."""

    name: str
    place: Place
    ttl: int
    sets: tuple[RecordSet, ...]

    def is_seen_from(self, place: Place | None) -> bool:
        """Whether a task of that place may ask; one whose place is not known yet may."""
        if place is None:
            return True
        return self.place[:2] == place[:2] and place[2] in ("", self.place[2])


@dataclass(frozen=True)
class Zones:
    """All zones, and the place of each address that asks."""

    zones: tuple[Zone, ...] = ()
    askers: Mapping[str, Place] | None = None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {"zones": [asdict(zone) for zone in self.zones], "askers": dict(self.askers or {})}


def read(document: Mapping[str, Any]) -> Zones:
    """The zones of a document that `Zones.document` made."""
    zones = tuple(
        Zone(
            zone["name"],
            _place(zone["place"]),
            zone["ttl"],
            tuple(RecordSet(**{**each, "values": tuple(each["values"])}) for each in zone["sets"]),
        )
        for zone in document["zones"]
    )
    return Zones(zones, {address: _place(place) for address, place in document["askers"].items()})


def _place(words: list[str]) -> Place:
    account, region, vpc = words
    return account, region, vpc
