"""The regular expressions of filter patterns, in time that is linear in the text whatever the expression.

AWS takes no groups, so an expression is a choice of plain sequences, and a set of places in them is a number: one shift
and one addition move all places by a character. Source: Amazon CloudWatch Logs user guide, "Supported regular
expressions (regex) syntax". Where such expressions stand in a pattern is `log_pattern`'s affair.
"""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

PLACES: Final = 2000
"""So many characters may an expression stand for when its counts are written out."""

_SYMBOLS: Final = "_#=@/;,-:"
_OPERATORS: Final = r"^$?[]{}|\*+."
_ALLOWED = re.compile(r"[A-Za-z0-9_#=@/;,\-:^$?\[\]{}|\\*+.]*")
_COUNT = re.compile(r"\{(\d{1,4})(?:(,)(\d{1,4})?)?\}", re.ASCII)
_HEX = re.compile(r"x([0-9A-Fa-f]{2})")
_KEPT = 20_000
"""Moves that are remembered; with more, all are forgotten and worked out again."""

Ranges = tuple[tuple[int, int], ...]


class NoRegex(Exception):
    """The text is no expression of this kind; its argument says why."""


@dataclass(frozen=True)
class _Kind:
    """Characters by their code points, or with `others` all that are not among them."""

    ranges: Ranges
    others: bool = False

    def holds(self, point: int) -> bool:
        return any(low <= point <= high for low, high in self.ranges) is not self.others


_DIGIT: Final = ((48, 57),)
_WORD: Final = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Final = ((9, 13), (32, 32))
_NAMED: Final = {
    "d": _Kind(_DIGIT),
    "D": _Kind(_DIGIT, others=True),
    "s": _Kind(_SPACE),
    "S": _Kind(_SPACE, others=True),
    "w": _Kind(_WORD),
    "W": _Kind(_WORD, others=True),
}
_ANY: Final = _Kind(((10, 10),), others=True)


@dataclass(frozen=True)
class _Place:
    """One character of a sequence: it may be left out if it is optional, and come again if it is repeated."""

    kind: _Kind
    optional: bool = False
    repeated: bool = False


@dataclass(frozen=True)
class _Sequence:
    places: tuple[_Place, ...]
    from_start: bool
    to_end: bool


@dataclass(frozen=True)
class Regex:
    """An expression, ready to be searched for. Each set of places is a number, with a bit for each place.

    `kinds` are the kinds of characters, each with the places that take them.
    `begin` are the places where a search begins and `again` those where it may begin anew at each character;
    `found` are the ends of sequences, `found_last` those that count at the end of the text only.
    """

    text: str
    kinds: tuple[tuple[_Kind, int], ...]
    begin: int
    again: int
    optional: int
    repeated: int
    found: int
    found_last: int
    _steps: dict[tuple[int, str], int] = field(default_factory=dict, compare=False, repr=False)
    _holding: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    def search(self, text: str) -> bool:
        """Whether the expression matches somewhere in the text."""
        at = self.begin
        for character in text:
            if at & self.found:
                return True
            moved = self._steps.get((at, character))
            at = self._step(at, character) if moved is None else moved
            if not at:
                return False
        return bool(at & (self.found | self.found_last))

    def _step(self, at: int, character: str) -> int:
        taken = at & self._of(character)
        moved = _spread(taken << 1 | taken & self.repeated | self.again, self.optional)
        if len(self._steps) >= _KEPT:
            self._steps.clear()
        self._steps[at, character] = moved
        return moved

    def _of(self, character: str) -> int:
        """The places that take the character."""
        known = self._holding.get(character)
        if known is not None:
            return known
        point = ord(character)
        found = sum(places for kind, places in self.kinds if kind.holds(point))
        if len(self._holding) >= _KEPT:
            self._holding.clear()
        self._holding[character] = found
        return found


def _spread(at: int, optional: int) -> int:
    """The places, and all that are reached from them by leaving optional ones out.

    Adding a place to the run of optional ones that it stands in carries through to the first that is not optional; what
    the addition has changed is what was passed.
    """
    return at | ((optional + (at & optional)) ^ optional)


def parse(text: str) -> Regex:
    """The expression between two percent signs; NoRegex."""
    if not _ALLOWED.fullmatch(text):
        wrong = next(character for character in text if not _ALLOWED.fullmatch(character))
        raise NoRegex(f"'{wrong}' is not supported in regular expressions")
    return _laid_out(text, [_sequence(part) for part in _alternatives(text)])


def _alternatives(text: str) -> Iterator[str]:
    """The parts between the bars, those in brackets and after a backslash not counted."""
    start, at, inside = 0, 0, False
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif inside:
            inside = character != "]"
        elif character == "[":
            inside = True
        elif character == "|":
            yield text[start:at]
            start = at + 1
        at += 1
    yield text[start:]


def _sequence(part: str) -> _Sequence:
    if not part:
        raise NoRegex("an alternative is empty")
    from_start = part.startswith("^")
    at = 1 if from_start else 0
    places: list[_Place] = []
    while at < len(part):
        if part[at] == "$" and at == len(part) - 1:
            return _Sequence(tuple(places), from_start, to_end=True)
        kind, at = _kind(part, at)
        low, high, at = _times(part, at)
        places += _counted(kind, low, high)
    return _Sequence(tuple(places), from_start, to_end=False)


def _kind(part: str, at: int) -> tuple[_Kind, int]:
    """The characters that stand at this place of the expression, and where it goes on."""
    character = part[at]
    if character == "\\":
        return _escaped(part, at + 1)
    if character == "[":
        return _bracketed(part, at + 1)
    if character == ".":
        return _ANY, at + 1
    if character in _OPERATORS:
        raise NoRegex(f"'{character}' stands where nothing can be repeated or begin")
    return _one(ord(character)), at + 1


def _escaped(part: str, at: int) -> tuple[_Kind, int]:
    if at >= len(part):
        raise NoRegex("a backslash ends it")
    character = part[at]
    if character in _NAMED:
        return _NAMED[character], at + 1
    code = _HEX.match(part, at)
    if code is not None:
        return _one(int(code[1], 16)), code.end()
    if character in string.ascii_letters or character in string.digits:
        raise NoRegex(f"'\\{character}' is not supported in regular expressions")
    return _one(ord(character)), at + 1


def _one(point: int) -> _Kind:
    return _Kind(((point, point),))


def _bracketed(part: str, at: int) -> tuple[_Kind, int]:
    others = part.startswith("^", at)
    at += others
    ranges: list[tuple[int, int]] = []
    while at < len(part) and part[at] != "]":
        kind, at = _member(part, at)
        if part.startswith("-", at) and at + 1 < len(part) and part[at + 1] != "]":
            last, at = _member(part, at + 1)
            kind = _Kind(((_only(kind), _only(last)),))
            if kind.ranges[0][0] > kind.ranges[0][1]:
                raise NoRegex("a range of characters ends before it begins")
        if kind.others:
            raise NoRegex("a negated class cannot stand in brackets")
        ranges += kind.ranges
    if at >= len(part) or not ranges:
        raise NoRegex("a bracket is empty or not closed")
    return _Kind(tuple(ranges), others), at + 1


def _member(part: str, at: int) -> tuple[_Kind, int]:
    if part[at] == "\\":
        return _escaped(part, at + 1)
    return _one(ord(part[at])), at + 1


def _only(kind: _Kind) -> int:
    """The one character of an end of a range."""
    if kind.others or len(kind.ranges) != 1 or kind.ranges[0][0] != kind.ranges[0][1]:
        raise NoRegex("a range of characters needs a character at either end")
    return kind.ranges[0][0]


def _times(part: str, at: int) -> tuple[int, int | None, int]:
    """How often the place comes at least and at most (None: any number), and where the expression goes on."""
    known = {"?": (0, 1), "*": (0, None), "+": (1, None)}.get(part[at : at + 1])
    if known is not None:
        return *known, at + 1
    if not part.startswith("{", at):
        return 1, 1, at
    count = _COUNT.match(part, at)
    if count is None:
        raise NoRegex("a count in braces is not a number or two")
    low = int(count[1])
    high = int(count[3]) if count[3] else None if count[2] else low
    if high is not None and (high < low or high == 0):
        raise NoRegex("a count in braces ends before it begins, or is zero")
    return low, high, count.end()


def _counted(kind: _Kind, low: int, high: int | None) -> list[_Place]:
    if max(low, high or 0) > PLACES:
        raise NoRegex(f"it stands for more than {PLACES} characters")
    if high is None:
        return [_Place(kind)] * (low - 1) + [_Place(kind, optional=not low, repeated=True)]
    return [_Place(kind)] * low + [_Place(kind, optional=True)] * (high - low)


def _laid_out(text: str, sequences: list[_Sequence]) -> Regex:
    """All sequences one after the other, with a place for the end of each."""
    kinds: dict[_Kind, int] = {}
    length = begin = again = optional = repeated = found = found_last = 0
    for sequence in sequences:
        start = 1 << length
        begin |= start
        again |= 0 if sequence.from_start else start
        for number, place in enumerate(sequence.places, length):
            optional |= place.optional << number
            repeated |= place.repeated << number
            kinds[place.kind] = kinds.get(place.kind, 0) | 1 << number
        length += len(sequence.places)
        found |= 0 if sequence.to_end else 1 << length
        found_last |= 1 << length if sequence.to_end else 0
        length += 1
    if length > PLACES:
        raise NoRegex(f"it stands for more than {PLACES} characters")
    begin, places = _spread(begin, optional), tuple(kinds.items())
    return Regex(text, places, begin, again, optional, repeated, found, found_last)
