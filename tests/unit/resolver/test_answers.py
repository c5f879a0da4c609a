"""Looking names up in zones: records, the absence of records and of names, names that lead elsewhere."""

from collections.abc import Sequence

import dns.name
import dns.rcode
import dns.rdatatype
import pytest

from moorage.domain.zones import RecordSet, Zone, Zones
from moorage.runtime.resolver.answers import Book, Found

HERE = ("111122223333", "us-east-1", "vpc-1")
SETS = (
    RecordSet("web.sd.local", "A", 60, 8, tuple(f"10.0.0.{n}" for n in range(1, 11))),
    RecordSet("one.sd.local", "A", 60, 1, ("10.0.1.1", "10.0.1.2")),
    RecordSet("_http._tcp.sd.local", "SRV", 10, 8, ("1 1 80 t1._http._tcp.sd.local.",)),
    RecordSet("t1._http._tcp.sd.local", "A", 10, 1, ("10.0.0.1",)),
    RecordSet("inner.sd.local", "CNAME", 5, 1, ("one.sd.local.",)),
    RecordSet("outer.sd.local", "CNAME", 5, 1, ("db.example.com.",)),
    RecordSet("loop.sd.local", "CNAME", 5, 1, ("loop.sd.local.",)),
)
ZONES = Zones((Zone("sd.local", HERE, 15, SETS),), {"100.64.0.9": HERE, "100.64.0.10": (*HERE[:2], "vpc-2")})


def first(values: Sequence[str], count: int) -> Sequence[str]:
    return values[:count]


def look(name: str, kind: str = "A", asker: str = "100.64.0.9", zones: Zones = ZONES) -> Found | None:
    return Book(zones, first).find(dns.name.from_text(name), dns.rdatatype.from_text(kind), asker)


def texts(found: Found | None) -> list[str]:
    assert found is not None
    return [item.to_text() for rrset in found.answer for item in rrset]


def test_an_answer_has_as_many_records_as_the_routing_policy_lets_it():
    assert texts(look("web.sd.local")) == [f"10.0.0.{n}" for n in range(1, 9)]
    assert texts(look("one.sd.local")) == ["10.0.1.1"]


def test_names_have_no_case_and_the_answer_repeats_the_name_that_was_asked_for():
    found = look("WEB.Sd.local")
    assert found is not None
    assert found.answer[0].name.to_text() == "WEB.Sd.local."
    assert found.answer[0].ttl == 60


def test_srv_records_name_hosts_that_resolve():
    assert texts(look("_http._tcp.sd.local", "SRV")) == ["1 1 80 t1._http._tcp.sd.local."]
    assert texts(look("t1._http._tcp.sd.local")) == ["10.0.0.1"]


@pytest.mark.parametrize(
    ("name", "kind", "rcode"),
    [
        ("nobody.sd.local", "A", dns.rcode.NXDOMAIN),
        ("web.sd.local", "AAAA", dns.rcode.NOERROR),
        ("web.sd.local", "SRV", dns.rcode.NOERROR),
        ("_tcp.sd.local", "A", dns.rcode.NOERROR),
        ("sd.local", "A", dns.rcode.NOERROR),
    ],
)
def test_what_is_not_there_is_told_with_the_zones_soa(name, kind, rcode):
    found = look(name, kind)
    assert found is not None
    assert (found.rcode, found.answer) == (rcode, ())
    (soa,) = found.authority
    assert (soa.name.to_text(), soa.ttl, soa.rdtype) == ("sd.local.", 15, dns.rdatatype.SOA)


def test_the_zone_itself_has_an_soa():
    assert texts(look("sd.local", "SOA")) == ["ns.sd.local. hostmaster.sd.local. 1 7200 900 1209600 86400"]


def test_a_cname_is_followed_within_the_zones_and_told_whole_when_asked_for():
    assert texts(look("inner.sd.local")) == ["one.sd.local.", "10.0.1.1"]
    assert texts(look("inner.sd.local", "CNAME")) == ["one.sd.local."]


def test_a_cname_that_leads_out_says_where_to_go_on():
    found = look("outer.sd.local")
    assert found is not None
    assert (texts(found), found.elsewhere) == (["db.example.com."], dns.name.from_text("db.example.com"))


def test_a_cname_that_leads_to_itself_ends():
    assert len(texts(look("loop.sd.local"))) < 20


@pytest.mark.parametrize("name", ["example.com", "local", "xsd.local", "sd.local.example.com"])
def test_other_names_are_not_ours(name):
    assert look(name) is None


def test_another_vpc_sees_nothing_and_an_asker_that_is_not_known_yet_does():
    assert look("web.sd.local", asker="100.64.0.10") is None
    assert texts(look("web.sd.local", asker="100.64.0.77"))


def test_the_longest_zone_is_the_one_that_counts():
    inner = Zone("eu.sd.local", HERE, 15, (RecordSet("web.eu.sd.local", "A", 60, 8, ("10.9.9.9",)),))
    both = Zones((*ZONES.zones, inner), ZONES.askers)
    assert texts(look("web.eu.sd.local", zones=both)) == ["10.9.9.9"]
    assert texts(look("web.sd.local", zones=both))


def test_two_vpcs_may_have_zones_of_one_name():
    other = Zone("sd.local", (*HERE[:2], "vpc-2"), 15, (RecordSet("web.sd.local", "A", 60, 8, ("10.9.9.9",)),))
    both = Zones((*ZONES.zones, other), ZONES.askers)
    assert texts(look("web.sd.local", asker="100.64.0.10", zones=both)) == ["10.9.9.9"]
    assert "10.9.9.9" not in texts(look("web.sd.local", zones=both))
