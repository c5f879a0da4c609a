"""What `moorage check` is told of this machine, and how an error of the start is worded."""

import os

import pytest

from moorage.runtime.supervisor import prerequisites
from moorage.runtime.supervisor.protocol import Refused

NAMES = ["namespaces", "nf_tables", "veth and bridge", "overlayfs", "proc", "ids", "cgroups", "outbound"]


def test_every_finding_has_a_name_a_verdict_and_a_sentence() -> None:
    found = prerequisites.prerequisites()
    names = [name for name, _, _ in found]
    assert names in (NAMES, ["namespaces"])
    assert all(verdict in ("ok", "warning", "failure") and sentence for _, verdict, sentence in found)


@pytest.mark.namespaces
def test_where_namespaces_are_possible_nothing_fails(namespaces: None) -> None:
    verdicts = {name: verdict for name, verdict, _ in prerequisites.prerequisites()}
    assert "failure" not in verdicts.values()
    assert verdicts["outbound"] == ("ok" if os.geteuid() == 0 else "warning")


def test_a_refusal_explains_itself() -> None:
    assert prerequisites.explain(Refused("Unavailable", "why")) == "why"
    assert "Operation not permitted" in prerequisites.explain(PermissionError(1, "Operation not permitted"))
