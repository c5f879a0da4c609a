"""The rule of a composite alarm: `ALARM(a) AND NOT (OK("b c") OR ALARM(arn:aws:…))`.

Source: CloudWatch API reference, PutCompositeAlarm, AlarmRule. NOT binds more than AND, and AND more than OR. Which
states the alarms are in is read elsewhere.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

CHILDREN: Final = 100
ELEMENTS: Final = 500
DEPTH: Final = 50
_STATES: Final = ("ALARM", "OK", "INSUFFICIENT_DATA")
_PIECE = re.compile(
    r"\s*(?:(?P<test>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<plain>[^\s()\"]+))\s*\)"
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<mark>[()]))"
)
Test = Callable[[Mapping[str, str]], bool]


class NoRule(Exception):
    """The text is no rule; its argument says why."""


@dataclass(frozen=True)
class AlarmRule:
    """`holds` tells by the states of alarms, by name, whether the alarm goes off. `children` are the alarms' names."""

    holds: Test
    children: tuple[str, ...]


def parse(text: str) -> AlarmRule:
    """The rule; NoRule."""
    reader = _Reader(text)
    test = reader.any(0)
    if reader.left:
        raise NoRule(f"'{reader.left[0]}' is not expected there")
    children = tuple(dict.fromkeys(reader.children))
    if len(children) > CHILDREN:
        raise NoRule(f"it names more than {CHILDREN} alarms")
    return AlarmRule(test, children)


def _name(reference: str) -> str:
    """An alarm's name, from its name or ARN."""
    parts = reference.split(":", 6)
    return parts[6] if len(parts) == 7 and parts[0] == "arn" and parts[5] == "alarm" else reference


class _Reader:
    def __init__(self, text: str) -> None:
        self.left: list[str | Test] = []
        self.children: list[str] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            piece = _PIECE.match(text, at)
            if piece is None:
                raise NoRule(f"'{text[at:].strip()[:20]}' is no part of a rule")
            self.left.append(self._read(piece))
            at = piece.end()
        if len(self.left) > ELEMENTS:
            raise NoRule(f"it has more than {ELEMENTS} elements")

    def _read(self, piece: re.Match[str]) -> str | Test:
        state = piece["test"]
        if state is None:
            return piece["word"] or piece["mark"]
        quoted = piece["quoted"]
        child = _name(piece["plain"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        self.children.append(child)
        return lambda states: states.get(child) == state

    def any(self, depth: int) -> Test:
        """What is joined by OR."""
        tests = [self._all(depth)]
        while self._took("OR"):
            tests.append(self._all(depth))
        return lambda states: any(test(states) for test in tests)

    def _all(self, depth: int) -> Test:
        tests = [self._one(depth)]
        while self._took("AND"):
            tests.append(self._one(depth))
        return lambda states: all(test(states) for test in tests)

    def _one(self, depth: int) -> Test:
        if depth > DEPTH:
            raise NoRule(f"it is nested deeper than {DEPTH}")
        if self._took("NOT"):
            inner = self._one(depth + 1)
            return lambda states: not inner(states)
        if self._took("("):
            inner = self.any(depth + 1)
            if not self._took(")"):
                raise NoRule("a parenthesis is not closed")
            return inner
        if not self.left:
            raise NoRule("it ends too early")
        piece = self.left.pop(0)
        if piece in ("TRUE", "FALSE"):
            return lambda _: piece == "TRUE"
        if isinstance(piece, str):
            raise NoRule(f"'{piece}' is not expected there")
        return piece

    def _took(self, word: str) -> bool:
        if not self.left or self.left[0] != word:
            return False
        self.left.pop(0)
        return True
