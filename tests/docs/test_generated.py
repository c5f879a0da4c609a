"""Generated parts are current, and each has a place."""

from pathlib import Path

import pytest
from generators import operations, pages

from moorage.api import reasons


@pytest.mark.parametrize("path", pages.documents(), ids=lambda path: path.name)
def test_generated_parts_are_current(path: Path) -> None:
    text = path.read_text()
    assert pages.renewed(text) == text, "run 'make docs' and commit what it wrote"


def test_every_part_has_one_place() -> None:
    placed = [name for path in pages.documents() for name in pages.names(path.read_text())]
    assert sorted(placed) == sorted(pages.PARTS)


def test_a_part_that_is_out_of_date_is_written_again() -> None:
    old = "a\n<!-- generated: task lifecycle -->\nold\n<!-- end of task lifecycle -->\nb\n"
    new = pages.renewed(old)
    assert "stateDiagram-v2" in new
    assert "old" not in new
    assert pages.renewed(new) == new
    assert new.startswith("a\n") and new.endswith("\nb\n")


def test_every_reason_for_a_refusal_is_needed() -> None:
    """A row of `api/reasons.py` that nothing needs any more speaks of what works by now: remove it."""
    services = operations.SERVICES
    whole = [
        (service, name)
        for service in services
        for name in operations.refused_operations(service)
        if name not in operations.TABLE.reasons.get(service, {})
    ]
    parts = [
        (service, path)
        for service in services
        for name in operations.TABLE.operations[service]
        for path in (*operations.refused(service, name), *operations.TABLE.operations[service][name].only)
    ]
    for rows, subjects in ((reasons.OPERATIONS, whole), (reasons.PARAMETERS, parts)):
        needed = reasons.needed(rows, subjects)
        assert [row for number, row in enumerate(rows) if number not in needed] == []
