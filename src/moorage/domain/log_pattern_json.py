"""Filter patterns over events that are JSON: `{ $.status >= 400 && $.user.name = "a*" }`.

An event that is no JSON object matches none of them. Source: Amazon CloudWatch Logs user guide, "Using filter patterns
to match terms in JSON log events".
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from moorage.domain import log_conditions
from moorage.domain.errors import InvalidParameter
from moorage.domain.log_conditions import Condition, Joined, Test, Token

WILDCARDS: Final = 3
"""So many selectors of a pattern may name all elements of an array, each of them once."""

_STEP = re.compile(r"""\.?\['([^']*)'\]|\.?\["([^"]*)"\]|\.([^.\[]+)|\[(\d+)\]|\[(\*)\]""")
_WORDS: Final[Mapping[tuple[str, str], Any]] = {("IS", "NULL"): None, ("IS", "TRUE"): True, ("IS", "FALSE"): False}
_NOWHERE: Final = object()


class _Numeral(str):
    """A number as it is written in the event."""


@dataclass(frozen=True)
class Selector:
    """A way into an event: names, numbers of elements, and None for all elements."""

    text: str
    steps: tuple[str | int | None, ...]

    def found(self, event: Any) -> list[Any]:
        """The values that it leads to."""
        return list(self._below(event, 0))

    def _below(self, value: Any, at: int) -> Iterator[Any]:
        for number, step in enumerate(self.steps[at:], at):
            if step is None:
                for each in value if isinstance(value, list) else ():
                    yield from self._below(each, number + 1)
                return
            value = _child(value, step)
            if value is _NOWHERE:
                return
        yield value


def _child(value: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else _NOWHERE
    return value.get(step, _NOWHERE) if isinstance(value, dict) else _NOWHERE


@dataclass(frozen=True)
class JsonPattern:
    """A pattern in braces. `selectors` are those that it names."""

    test: Test[Any]
    selectors: tuple[Selector, ...]

    def matches(self, message: str) -> bool:
        event = read(message)
        return event is not None and self.test(event)

    def extracted(self, message: str) -> dict[str, str]:
        """What the pattern's selectors lead to in an event that it matches, as text."""
        event = read(message)
        found = {selector.text: selector.found(event) for selector in self.selectors}
        shown = {name: as_text(values[0]) for name, values in found.items() if values}
        return {name: text for name, text in shown.items() if text is not None}


def read(message: str) -> dict[str, Any] | None:
    """The object that the message is, its numbers as they are written; None if it is none."""
    if not message.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(message, parse_int=_Numeral, parse_float=_Numeral, parse_constant=_refuse)
    except (ValueError, RecursionError):
        # What is nested deeper than the interpreter follows is nothing that anyone wrote to be searched.
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> Any:
    """NaN and Infinity are Python's, not JSON's."""
    raise ValueError(constant)


def as_text(value: Any) -> str | None:
    """A value as it is compared: text, number or truth value; None for what is none of them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


def parse(text: str) -> JsonPattern:
    """The pattern between two braces; InvalidParameter."""
    if not text.endswith("}"):
        raise InvalidParameter(f"Invalid filter pattern: '{text}'")
    pieces = log_conditions.tokens(text[1:-1], text)
    if not pieces:
        raise InvalidParameter(f"Invalid filter pattern: '{text}'")
    names = dict.fromkeys(piece.text for piece in pieces if piece.kind == "selector")
    selectors = tuple(selector(name) for name in names)
    if sum(None in each.steps for each in selectors) > WILDCARDS:
        raise InvalidParameter(f"Invalid filter pattern: more than {WILDCARDS} selectors with [*]")
    return JsonPattern(Joined[Any](pieces, _test).read(), selectors)


def selector(text: str) -> Selector:
    """The selector that is written so, `$.a[0]['b.c']`; InvalidParameter."""
    steps: list[str | int | None] = []
    at = 1
    while (step := _STEP.match(text, at)) is not None:
        in_single, in_double, plain, number, every = step.groups()
        name = next((each for each in (in_single, in_double, plain) if each is not None), None)
        steps.append(None if every else int(number) if number else name)
        at = step.end()
    if at != len(text) or not steps or isinstance(steps[0], int) or steps.count(None) > 1:
        raise InvalidParameter(f"Invalid character(s) in term '{text}'")
    return Selector(text, tuple(steps))


def _test(pieces: Sequence[Token]) -> tuple[Test[Any], int]:
    if len(pieces) < 3 or pieces[0].kind != "selector":
        raise InvalidParameter(f"Invalid character(s) in term '{pieces[0].text if pieces else ''}'")
    place, (_, operator), operand = selector(pieces[0].text), pieces[1], pieces[2]
    if (operator, operand.text) in _WORDS:
        return partial(_is, place, _WORDS[operator, operand.text]), 3
    if (operator, operand.text) == ("NOT", "EXISTS"):
        return lambda event: not place.found(event), 3
    if operator not in log_conditions.OPERATORS:
        raise InvalidParameter(f"Invalid character(s) in term '{operator}'")
    return partial(_compare, place, log_conditions.condition(operator, operand)), 3


def _is(place: Selector, constant: bool | None, event: Any) -> bool:
    return any(value is constant for value in place.found(event))


def _compare(place: Selector, condition: Condition, event: Any) -> bool:
    """Whether the condition holds of a value there. Objects, arrays and null are no values: nothing holds of them."""
    texts = ((as_text(value), isinstance(value, _Numeral)) for value in place.found(event))
    return any(condition.holds(text, numeric) for text, numeric in texts if text is not None)
