"""Links inside the documentation lead somewhere, and the index leads everywhere."""

from pathlib import Path

import pytest

from docs.pages_read import DOCS, ROOT, Page, page, pages


def broken(of: Page) -> list[str]:
    """The links of a page to files or headings that are not there."""
    return [link for link in of.links() if "://" not in link and not _leads_somewhere(of.path, link)]


def _leads_somewhere(path: Path, link: str) -> bool:
    target, _, anchor = link.partition("#")
    place = (path.parent / target).resolve() if target else path
    if not place.exists():
        return False
    return not anchor or anchor in Page(place, place.read_text()).anchors()


@pytest.mark.parametrize("of", pages(), ids=lambda of: of.name)
def test_every_link_leads_somewhere(of: Page) -> None:
    assert not broken(of)


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# A heading, here\n")
    text = "[a](there.md#a-heading-here) [b](there.md#gone) [c](gone.md) [d](https://example.invalid)"
    assert broken(Page(tmp_path / "page.md", text)) == ["there.md#gone", "gone.md"]


def test_every_page_is_in_the_index() -> None:
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in page("docs/README.md").links()}
    own = {path.resolve() for path in DOCS.glob("*.md")} | {DOCS / "reference" / "service-connect.md"}
    assert own - linked == {(DOCS / "README.md").resolve()}


def test_every_decision_that_is_mentioned_exists() -> None:
    names = {path.name.partition("-")[0] for path in (DOCS / "decisions").glob("*.md")}
    assert all(name.isdigit() and len(name) == 4 for name in names)
    assert (ROOT / "docs" / "decisions").is_dir()


@pytest.mark.parametrize("of", pages(), ids=lambda of: of.name)
def test_fences_are_closed(of: Page) -> None:
    assert sum(line.startswith("```") for line in of.text.splitlines()) % 2 == 0
