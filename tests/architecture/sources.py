"""The Python files of the repository, and what can be read off them without running them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "moorage"
FOLDERS = ("src", "tests", "bench", "examples", "generators")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file, read and parsed."""

    path: Path
    text: str
    tree: ast.Module

    def mentions(self, *words: str) -> bool:
        """True if any of the words is in the text: what has none need not be looked at closely."""
        return any(word in self.text for word in words)

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file below these folders of the repository, in the order of their names."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(_read(path) for path in paths if "__pycache__" not in path.parts)


@cache
def _read(path: Path) -> Source:
    text = path.read_text()
    return Source(path, text, ast.parse(text, path.name))
