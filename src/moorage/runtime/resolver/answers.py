"""Answers a question from the zones, as a resolver in front of Route 53 would: records, NODATA, NXDOMAIN, or not ours.

Without I/O. Which of many records an answer holds is left to `sample`, which also orders them (Route 53 answers in
random order). Formats: RFC 1035, RFC 2308 (negative answers), RFC 2782 (SRV).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from moorage.domain.zones import Place, RecordSet, Zone, Zones

Sample = Callable[[Sequence[str], int], Sequence[str]]
"""So many of the values, in any order."""

_SOA: Final = "ns.{zone}. hostmaster.{zone}. 1 7200 900 1209600 86400"
"""What Route 53's SOA records say, but for the names of its servers."""

_CHAIN: Final = 8
"""How many CNAME records are followed."""


@dataclass(frozen=True)
class Found:
    """What the zones have: records, and the name to go on with elsewhere where a CNAME record leads out of them."""

    rcode: dns.rcode.Rcode
    answer: tuple[dns.rrset.RRset, ...] = ()
    authority: tuple[dns.rrset.RRset, ...] = ()
    elsewhere: dns.name.Name | None = None


class Book:
    """The zones, to look names up in."""

    def __init__(self, zones: Zones, sample: Sample) -> None:
        self._askers = zones.askers or {}
        self._sample = sample
        self._zones: dict[str, list[_Indexed]] = {}
        for zone in zones.zones:
            self._zones.setdefault(zone.name, []).append(_Indexed(zone))

    def find(self, name: dns.name.Name, kind: dns.rdatatype.RdataType, asker: str) -> Found | None:
        """What there is of a name for who asks from that address; None where no zone of theirs has it."""
        place = self._askers.get(asker)
        found = self._look(name, kind, place)
        if found is None:
            return None
        answer = list(found.answer)
        while found.elsewhere is not None and len(answer) <= _CHAIN:
            further = self._look(found.elsewhere, kind, place)
            if further is None:
                return Found(found.rcode, tuple(answer), elsewhere=found.elsewhere)
            found = further
            answer += found.answer
        return Found(found.rcode, tuple(answer), found.authority)

    def _look(self, name: dns.name.Name, kind: dns.rdatatype.RdataType, place: Place | None) -> Found | None:
        text = name.to_text(omit_final_dot=True).lower()
        zone = self._zone_of(text, place)
        if zone is None:
            return None
        if text == zone.zone.name and kind == dns.rdatatype.SOA:
            return Found(dns.rcode.NOERROR, (_soa(zone.zone),))
        sets = zone.sets.get(text, {})
        if kind == dns.rdatatype.ANY and sets:
            return Found(dns.rcode.NOERROR, tuple(self._rrset(name, each) for each in sets.values()))
        if (alias := sets.get("CNAME")) is not None and kind != dns.rdatatype.CNAME:
            rrset = self._rrset(name, alias)
            return Found(dns.rcode.NOERROR, (rrset,), elsewhere=rrset[0].target)
        if (wanted := sets.get(dns.rdatatype.to_text(kind))) is not None:
            return Found(dns.rcode.NOERROR, (self._rrset(name, wanted),))
        there = dns.rcode.NOERROR if text in zone.names else dns.rcode.NXDOMAIN
        return Found(there, authority=(_soa(zone.zone),))

    def _zone_of(self, name: str, place: Place | None) -> "_Indexed | None":
        """The zone with the longest name that the name lies in."""
        for candidate in _upwards(name):
            for zone in self._zones.get(candidate, ()):
                if zone.zone.is_seen_from(place):
                    return zone
        return None

    def _rrset(self, name: dns.name.Name, records: RecordSet) -> dns.rrset.RRset:
        values = self._sample(records.values, min(records.limit, len(records.values)))
        return dns.rrset.from_rdata_list(name, records.ttl, [_rdata(records.type, value) for value in values])


class _Indexed:
    """A zone by names; `names` are all that exist, those between a record and the zone included."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.sets: dict[str, dict[str, RecordSet]] = {}
        self.names = {zone.name}
        for each in zone.sets:
            self.sets.setdefault(each.name, {})[each.type] = each
            for above in _upwards(each.name):
                if above == zone.name:
                    break
                self.names.add(above)


def _upwards(name: str) -> Iterator[str]:
    """The name itself, and those above it."""
    while name:
        yield name
        name = name.partition(".")[2]


@lru_cache(maxsize=4096)
def _rdata(kind: str, value: str) -> dns.rdata.Rdata:
    """A record's data. Reading text takes longer than all else, and the same instances are told again and again."""
    return dns.rdata.from_text(dns.rdataclass.IN, kind, value)


def _soa(zone: Zone) -> dns.rrset.RRset:
    return dns.rrset.from_text(f"{zone.name}.", zone.ttl, dns.rdataclass.IN, "SOA", _SOA.format(zone=zone.name))


def respond(query: dns.message.Message, found: Found) -> dns.message.Message:
    """The response to a query: that of a resolver, so recursion is available and nothing is authoritative."""
    response = dns.message.make_response(query, recursion_available=True)
    response.set_rcode(found.rcode)
    response.answer = list(found.answer)
    response.authority = list(found.authority)
    return response
