"""The Grafana dashboard asks only for metrics and labels that the daemon exposes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from moorage.domain.traffic import EGRESS, INGRESS, Counts, Side
from moorage.engine.exposition import exposition
from moorage.engine.metrics import Heard

DASHBOARD = json.loads((Path(__file__).parents[2] / "docs/grafana/moorage.json").read_text())
_SERIES = re.compile(r"(moorage_\w+)(?:\{([^}]*)\})?")
_LABEL = re.compile(r'(\w+)\s*=~?\s*"[^"]*"')
_GROUPS = re.compile(r"\bby \(([^)]*)\)")


def exposed() -> dict[str, set[str]]:
    """The labels of every metric, as the daemon writes it of one task that calls and is called."""
    counts = Counts({"2xx": 1}, 1, 1, 1, 1, 1, ((1.0, 1),), 1)
    of: Any = SimpleNamespace(task=SimpleNamespace(id="t", cluster="c"), deployment=SimpleNamespace(service="s"))
    text = exposition([Heard(of, {Side(EGRESS, "a", "http"): counts, Side(INGRESS, "b", "http"): counts})])
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^(moorage_\w+)\{(.*)\} \S+$", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["definition"]


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_names_only_what_the_daemon_exposes(expression: str) -> None:
    known = exposed()
    asked = _SERIES.findall(expression)
    assert asked
    for name, labels in asked:
        assert name in known
        assert set(_LABEL.findall(labels)) <= known[name]
    grouped = {label.strip() for group in _GROUPS.findall(expression) for label in group.split(",")}
    assert grouped <= set.intersection(*(known[name] for name, _ in asked))


def test_every_metric_that_is_exposed_is_shown() -> None:
    shown = {name for expression in expressions() for name, _ in _SERIES.findall(expression)}
    parts = {"moorage_request_duration_milliseconds_sum", "moorage_request_duration_milliseconds_count"}
    assert exposed().keys() - parts <= shown


def test_panels_have_places_and_ids_of_their_own() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(set(places)) == len(DASHBOARD["panels"])
