"""What a filter pattern asks of single values: comparisons, and how they are joined by AND, OR and parentheses.

The same in patterns over JSON and over columns, which differ in what a value's name means: that is for
`log_pattern_json` and `log_pattern_columns`. Source: Amazon CloudWatch Logs user guide, "Filter pattern syntax".
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from operator import ge, gt, le, lt
from typing import Final, Generic, NamedTuple, TypeVar

from moorage.domain import log_regex
from moorage.domain.errors import InvalidParameter
from moorage.domain.log_regex import NoRegex, Regex

REGEXES: Final = 2
"""So many regular expressions may a pattern over JSON or columns have."""
DEPTH: Final = 50
"""So deep may parentheses be nested; AWS names no limit."""

Value = TypeVar("Value")
Test = Callable[[Value], bool]
_Order = Callable[[Decimal, Decimal], bool]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,9})?", re.ASCII)
_ORDERS: Final[Mapping[str, _Order]] = {">": gt, ">=": ge, "<": lt, "<=": le}
_EQUAL: Final = "="
_UNEQUAL: Final = ("!=", "=!")
OPERATORS: Final = (_EQUAL, *_UNEQUAL, *_ORDERS)
_TOKEN = re.compile(
    r"""\s*(?:(?P<regex>%[^%]*%)|(?P<quoted>"(?:[^"\\]|\\.)*")"""
    r"""|(?P<selector>\$(?:\.?\['[^']*'\]|\.?\["[^"]*"\]|\.[A-Za-z0-9_\-]+|\[(?:\d+|\*)\])*)"""
    r"""|(?P<mark>&&|\|\||!=|=!|>=|<=|[=<>(),])|(?P<word>[A-Za-z0-9_.*+\-/#]+))""",
    re.ASCII | re.DOTALL,
)


class Token(NamedTuple):
    """A piece of a pattern: its kind is the name of the group that found it."""

    kind: str
    text: str


class Operand(NamedTuple):
    """What a value is compared with: a regular expression, or a text with an asterisk at either end; maybe a number."""

    text: str
    number: Decimal | None = None
    regex: Regex | None = None


@dataclass(frozen=True)
class Condition:
    """A comparison. Values are text; whether one is a number is for the caller to say."""

    operator: str
    operand: Operand

    def holds(self, value: str, numeric: bool) -> bool:
        order = _ORDERS.get(self.operator)
        if order is not None:
            number = as_number(value) if numeric else None
            return number is not None and self.operand.number is not None and order(number, self.operand.number)
        return self._equals(value, numeric) == (self.operator == _EQUAL)

    def _equals(self, value: str, numeric: bool) -> bool:
        if self.operand.regex is not None:
            return self.operand.regex.search(value)
        if _likeness(self.operand.text, value):
            return True
        return numeric and self.operand.number is not None and as_number(value) == self.operand.number


def as_number(text: str) -> Decimal | None:
    """The number that the text is, exactly; None if it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # more digits or a larger exponent than any number of a log has
        return None


def _likeness(wanted: str, value: str) -> bool:
    """An asterisk stands for anything at the beginning and the end of the text, and for itself within."""
    start, end = wanted.startswith("*"), wanted.endswith("*")
    if wanted in ("*", "**"):
        return True
    if start and end:
        return wanted[1:-1] in value
    if start:
        return value.endswith(wanted[1:])
    return value.startswith(wanted[:-1]) if end else value == wanted


def tokens(text: str, whole: str) -> list[Token]:
    """The pieces of a pattern without its outer brackets; InvalidParameter names the first that is none."""
    found: list[Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        piece = _TOKEN.match(text, at)
        if piece is None or piece.lastgroup is None:
            raise InvalidParameter(f"Invalid character(s) in term '{text[at:].strip()[:1]}'")
        found.append(Token(piece.lastgroup, piece[piece.lastgroup]))
        at = piece.end()
    if sum(token.kind == "regex" for token in found) > REGEXES:
        raise InvalidParameter(f"Invalid filter pattern: '{whole}' has more than {REGEXES} regular expressions")
    return found


def unquoted(text: str) -> str:
    """The text between two quotation marks."""
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def regex(token: str) -> Regex:
    """The regular expression between two percent signs; InvalidParameter."""
    try:
        return log_regex.parse(token[1:-1])
    except NoRegex as why:
        raise InvalidParameter(f"Invalid regular expression in filter pattern: '{token}': {why}") from why


def condition(operator: str, token: Token) -> Condition:
    """The comparison with what the token stands for; InvalidParameter."""
    if operator in _ORDERS:
        number = as_number(token.text) if token.kind == "word" else None
        if number is None:
            raise InvalidParameter(f"Invalid character(s) in term '{token.text}'")
        return Condition(operator, Operand(token.text, number))
    if token.kind == "regex":
        return Condition(operator, Operand(token.text, regex=regex(token.text)))
    if token.kind == "quoted":
        return Condition(operator, Operand(unquoted(token.text)))
    if token.kind == "word":
        return Condition(operator, Operand(token.text, as_number(token.text)))
    raise InvalidParameter(f"Invalid character(s) in term '{token.text}'")


class Joined(Generic[Value]):
    """Reads tests that are joined: parentheses before AND before OR.

    `one` reads a single test from the pieces that are left, and says how many it took.
    """

    def __init__(self, pieces: Sequence[Token], one: Callable[[Sequence[Token]], tuple[Test[Value], int]]) -> None:
        self._pieces = pieces
        self._one = one
        self._at = 0

    def read(self) -> Test[Value]:
        """The test that all pieces make together; InvalidParameter."""
        found = self._any(0)
        if self._at < len(self._pieces):
            raise self._wrong()
        return found

    def _any(self, depth: int) -> Test[Value]:
        tests = [self._all(depth)]
        while self._took("||"):
            tests.append(self._all(depth))
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def _all(self, depth: int) -> Test[Value]:
        tests = [self._single(depth)]
        while self._took("&&"):
            tests.append(self._single(depth))
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def _single(self, depth: int) -> Test[Value]:
        if not self._took("("):
            found, length = self._one(self._pieces[self._at :][:3])
            self._at += length
            return found
        if depth == DEPTH:
            raise InvalidParameter(f"Invalid filter pattern: parentheses are nested deeper than {DEPTH}")
        inner = self._any(depth + 1)
        if not self._took(")"):
            raise self._wrong()
        return inner

    def _took(self, mark: str) -> bool:
        here = self._pieces[self._at : self._at + 1]
        if not here or here[0] != ("mark", mark):
            return False
        self._at += 1
        return True

    def _wrong(self) -> InvalidParameter:
        if self._at == len(self._pieces):
            return InvalidParameter("Invalid filter pattern: it ends too early")
        return InvalidParameter(f"Invalid character(s) in term '{self._pieces[self._at].text}'")
