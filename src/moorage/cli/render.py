"""What commands write: data to stdout, everything else to stderr; tables, ages and JSON. Colour only on a terminal."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TextIO

from moorage.cli.failure import Failure

BOLD, RED, GREEN, YELLOW, DIM = "1", "31", "32", "33", "2"

GOOD = frozenset({"RUNNING", "HEALTHY", "ACTIVE", "COMPLETED"})
BAD = frozenset({"FAILED", "UNHEALTHY", "STOPPED"})

MOST = 4
"""Names that are listed in full: a line of more is not read."""


def data(text: str) -> None:
    """A line of what was asked for."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A line beside it."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def document(value: Any) -> None:
    """Data for programs."""
    data(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def failure(error: Failure) -> None:
    first, _, rest = _fitted(f"error: {error}", sys.stderr).partition(" ")
    note(f"{paint(first, RED, sys.stderr)} {rest}")
    if error.next_step:
        note(_fitted(f"  {error.next_step}", sys.stderr))


def _fitted(text: str, stream: TextIO) -> str:
    """Broken between words where a terminal would break inside of them; as it is for a file or a program."""
    if not stream.isatty():
        return text
    width = max(shutil.get_terminal_size().columns, 40)
    lines = [
        textwrap.fill(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    ]
    return "\n".join(lines)


def paint(text: str, colour: str, stream: TextIO = sys.stdout) -> str:
    """The text in a colour, where someone sees it."""
    return f"\033[{colour}m{text}\033[0m" if colours(stream) else text


def colours(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def status(word: str, stream: TextIO = sys.stdout) -> str:
    """A status word, green or red where it is good or bad."""
    if word in GOOD or word.endswith("_COMPLETE"):
        return paint(word, YELLOW if "ROLLBACK" in word else GREEN, stream)
    if word in BAD or word.endswith("_FAILED"):
        return paint(word, RED, stream)
    return paint(word, YELLOW, stream) if word.endswith("_IN_PROGRESS") else word


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the last one is not padded. Status words are coloured."""
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    data(paint(_line(heads, widths, lambda cell: cell), BOLD))
    for row in rows:
        data(_line(row, widths, status))


def _line(cells: Sequence[str], widths: Sequence[int], paint_cell: Any) -> str:
    *padded, last = [paint_cell(cell) + " " * (width - len(cell)) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join([*padded, last.rstrip()]).rstrip()


def age(then: datetime | None, now: datetime) -> str:
    """How long ago: 12s, 5m, 3h, 2d."""
    if then is None:
        return "-"
    return duration(now - then)


def duration(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence or a cell: all of a few, the first of many with how many more there are."""
    if len(names) <= MOST:
        return ", ".join(names)
    return f"{', '.join(names[: MOST - 1])} and {len(names) - MOST + 1} more"


def counted(number: int, noun: str) -> str:
    """1 task, 2 tasks."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
