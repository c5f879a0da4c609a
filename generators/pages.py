"""Where generated parts stand: between `<!-- generated: name -->` and `<!-- end of name -->` in a page of docs/.

Which parts there are is the table PARTS; what each says is written by the module of its subject.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from generators import lifecycle, operations, resources, settings

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs"

PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "task lifecycle": lifecycle.diagram,
    "settings": settings.table,
    "resource types": resources.types,
    "intrinsic functions": resources.functions,
    "summary of operations": operations.summary,
    **{f"operations of {service}": operations.page_of(service) for service in operations.SERVICES},
    "operations passed on": operations.passed_on,
}

_PART = re.compile(r"<!-- generated: (?P<name>[^>]+?) -->\n.*?<!-- end of (?P=name) -->", re.DOTALL)


def documents() -> list[Path]:
    """Every page that may hold generated parts."""
    return sorted(DOCS.rglob("*.md"))


def names(text: str) -> list[str]:
    """The parts that a page holds."""
    return [found["name"] for found in _PART.finditer(text)]


def renewed(text: str) -> str:
    """The page with its generated parts as they should be. KeyError for a part that nobody writes."""
    return _PART.sub(lambda found: _part(found["name"]), text)


def _part(name: str) -> str:
    return f"<!-- generated: {name} -->\n\n{PARTS[name]().strip()}\n\n<!-- end of {name} -->"
