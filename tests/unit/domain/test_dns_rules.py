"""Which DNS records a Cloud Map service may have together."""

import pytest

from moorage.domain import dns_rules
from moorage.domain.errors import InvalidParameter


def config(*types: str, policy: str = "MULTIVALUE") -> dict[str, object]:
    return {"RoutingPolicy": policy, "DnsRecords": [{"Type": each, "TTL": 1} for each in types]}


@pytest.mark.parametrize("types", [("A",), ("AAAA",), ("A", "AAAA"), ("SRV",), ("A", "SRV"), ()])
def test_addresses_and_services_go_together(types):
    dns_rules.check_config(config(*types))


def test_a_cname_is_alone_and_weighted():
    dns_rules.check_config(config("CNAME", policy="WEIGHTED"))
    for wrong, why in (
        (config("CNAME"), "WEIGHTED"),
        (config("CNAME", "A", policy="WEIGHTED"), "other types"),
        (config("A", "A"), "more than once"),
    ):
        with pytest.raises(InvalidParameter) as refusal:
            dns_rules.check_config(wrong)
        assert why in refusal.value.message


def test_record_types_stay_what_they_are():
    dns_rules.check_change(("A", "SRV"), config("SRV"))
    with pytest.raises(InvalidParameter):
        dns_rules.check_change(("A",), config("A", "SRV"))
