"""Filter patterns over events that are columns: `[ip, user, ..., status = 4* && status != 404, bytes > 1000]`.

Columns are parted by blanks; what stands in square brackets or quotation marks is one. Source: Amazon CloudWatch Logs
user guide, "Using filter patterns to match terms in space-delimited log events".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from moorage.domain import log_conditions
from moorage.domain.errors import InvalidParameter
from moorage.domain.log_conditions import Condition, Joined, Test, Token

_REST: Final = "..."
_NAME = re.compile(r"[A-Za-z0-9_.\-]+", re.ASCII)
_COLUMN = re.compile(r'\s*(?:\[(?P<in_brackets>[^\]]*)\]|"(?P<in_quotes>[^"]*)"|(?P<plain>\S+))')


@dataclass(frozen=True)
class Column:
    """What is asked of a column, if anything; unnamed ones are known by their number."""

    name: str
    test: Test[str] | None


@dataclass(frozen=True)
class ColumnPattern:
    """A pattern in square brackets. `open_at` is where any number of columns may stand; None: nowhere."""

    columns: tuple[Column, ...]
    open_at: int | None

    def matches(self, message: str) -> bool:
        placed = self._placed(message)
        return placed is not None and all(
            column.test is None or column.test(value) for column, value in placed if column is not None
        )

    def extracted(self, message: str) -> dict[str, str]:
        """Each column of an event that it matches, by its name, or by its number if it has none."""
        placed = self._placed(message) or []
        return {
            f"${column.name if column is not None and column.name else number}": value
            for number, (column, value) in enumerate(placed, 1)
        }

    def _placed(self, message: str) -> list[tuple[Column | None, str]] | None:
        """Each value with its column, None where any number may stand; None if there are too few or too many."""
        values = split(message)
        more = len(values) - len(self.columns)
        if more < 0 or (more and self.open_at is None):
            return None
        at = len(self.columns) if self.open_at is None else self.open_at
        columns: list[Column | None] = [*self.columns[:at], *[None] * more, *self.columns[at:]]
        return list(zip(columns, values, strict=True))


def split(message: str) -> list[str]:
    """The columns of an event. A bracket or quotation mark that is not closed is a letter like others."""
    found: list[str] = []
    at = 0
    closable = {"[": message.rfind("]"), '"': message.rfind('"')}
    while (start := _next_start(message, at)) is not None:
        # Without this look ahead, each of many open brackets would search the rest of the text for its end.
        opened = message[start]
        if opened in closable and closable[opened] <= start:
            end = _end_of_plain(message, start)
            found.append(message[start:end])
            at = end
            continue
        column = _COLUMN.match(message, start)
        if column is None or column.lastgroup is None:
            return found
        found.append(column[column.lastgroup])
        at = column.end()
    return found


def _next_start(message: str, at: int) -> int | None:
    while at < len(message) and message[at].isspace():
        at += 1
    return at if at < len(message) else None


def _end_of_plain(message: str, at: int) -> int:
    while at < len(message) and not message[at].isspace():
        at += 1
    return at


def parse(text: str) -> ColumnPattern:
    """The pattern between two square brackets; InvalidParameter."""
    if not text.endswith("]"):
        raise InvalidParameter(f"Invalid filter pattern: '{text}'")
    parts = _parts(log_conditions.tokens(text[1:-1], text))
    rests = [number for number, part in enumerate(parts) if part == [Token("word", _REST)]]
    if len(rests) > 1 or not any(parts):
        raise InvalidParameter(f"Invalid filter pattern: '{text}'")
    columns = tuple(_column(part) for number, part in enumerate(parts) if number not in rests)
    return ColumnPattern(columns, rests[0] if rests else None)


def _parts(pieces: Sequence[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    for piece in pieces:
        if piece == ("mark", ","):
            parts.append([])
        else:
            parts[-1].append(piece)
    return parts


def _column(pieces: Sequence[Token]) -> Column:
    if not pieces:
        return Column("", None)
    names = {name.text for name, mark in zip(pieces, [*pieces[1:], None], strict=True) if _is_named(name, mark)}
    if len(pieces) == 1:
        names = {pieces[0].text}
    if len(names) != 1 or not all(_NAME.fullmatch(name) for name in names):
        raise InvalidParameter(f"Invalid character(s) in term '{' '.join(piece.text for piece in pieces)}'")
    return Column(next(iter(names)), Joined[str](pieces, _test).read() if len(pieces) > 1 else None)


def _is_named(name: Token, mark: Token | None) -> bool:
    return mark is not None and mark.kind == "mark" and mark.text in log_conditions.OPERATORS and name.kind == "word"


def _test(pieces: Sequence[Token]) -> tuple[Test[str], int]:
    if len(pieces) < 3 or not _is_named(pieces[0], pieces[1]):
        raise InvalidParameter(f"Invalid character(s) in term '{pieces[0].text if pieces else ''}'")
    asked: Condition = log_conditions.condition(pieces[1].text, pieces[2])
    return lambda value: asked.holds(value, numeric=True), 3
