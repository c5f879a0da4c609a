"""The documentation as the tests see it: pages, links, fences, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
_INLINE = re.compile(r"`(moorage [^`]+)`")


@dataclass(frozen=True)
class Page:
    """One page."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def prose(self) -> str:
        return _FENCE.sub("", self.text)

    def links(self) -> list[str]:
        return _LINK.findall(self.prose)

    def fences(self) -> list[str]:
        return [body for _, body in _FENCE.findall(self.text)]

    def anchors(self) -> set[str]:
        """The anchors of its headings, as code forges make them."""
        return {_anchor(heading) for heading in _HEADING.findall(self.prose)}

    def commands(self) -> Iterator[list[str]]:
        """The words after `moorage` of every command line in fences and in running text."""
        for fence in self.fences():
            for line in fence.splitlines():
                yield from _commands(line)
        for command in _INLINE.findall(self.prose):
            yield from _commands(command)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _commands(line: str) -> Iterator[list[str]]:
    """`moorage …` where a command can stand: at the start, after a prompt, in `$(…)`, after && or a pipe."""
    for found in re.finditer(r"(?:^|\$ |\$\(|&& |\| |[A-Z_]+=\S+ )\s*moorage (?P<words>[^#)|&;\n]*)", line):
        try:
            yield shlex.split(found["words"].replace("…", ""))
        except ValueError:
            yield found["words"].split()


@cache
def pages() -> tuple[Page, ...]:
    """Every page of the repository, the reference and the decisions too."""
    paths = [*DOCS.rglob("*.md"), *ROOT.glob("*.md"), ROOT / "examples" / "README.md", *ROOT.glob("news/*.md")]
    return tuple(Page(path, path.read_text()) for path in sorted(paths))


@cache
def page(name: str) -> Page:
    """A page by its path in the repository."""
    return next(page for page in pages() if page.name == name)
