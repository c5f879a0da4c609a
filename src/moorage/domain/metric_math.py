"""Expressions over metrics: what an expression of GetMetricData or of an alarm makes of the series that it names.

A value is a number, a series (values by time) or several series. What is not known here is refused by its name when
the expression is read. Source: Amazon CloudWatch user guide, "Using math expressions with CloudWatch metrics".
"""

import math
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from operator import add, eq, ge, gt, le, lt, mul, ne, sub, truediv
from typing import Any, Final

NUMBER, SERIES, MANY = "number", "series", "several series"
DEPTH: Final = 50

Series = Mapping[datetime, float]
Value = Any
"""A number, a Series or a list of Series, as the `kind` of its node says."""


class NotAnExpression(Exception):
    """The text cannot be evaluated; its argument says why, as the end of a sentence about the expression."""


@dataclass(frozen=True)
class Scene:
    """What an expression is evaluated over: `metrics` are the ids of those that are no expressions themselves.

    `times` are the beginnings of all periods of the span, in order; `period` is their length in seconds.
    """

    series: Mapping[str, Value]
    metrics: Sequence[str]
    times: Sequence[datetime]
    period: int


@dataclass(frozen=True)
class Expression:
    """A part of an expression: the kind of its value, and how it is worked out. `names` are the ids that it uses."""

    kind: str
    run: Callable[[Scene], Value]
    names: frozenset[str] = frozenset()


_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<string>\"[^\"]*\"|'[^']*')|(?P<mark>&&|\|\||[<>=!]=|[-+*/^<>(),\[\]]))",
    re.ASCII,
)
_LEVELS: Final[Sequence[Mapping[str, Callable[[float, float], float]]]] = (
    {"||": lambda a, b: a != 0 or b != 0, "OR": lambda a, b: a != 0 or b != 0},
    {"&&": lambda a, b: a != 0 and b != 0, "AND": lambda a, b: a != 0 and b != 0},
    {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge},
    {"+": add, "-": sub},
    {"*": mul, "/": truediv},
)
"""Operators from those that bind least to those that bind most; exponents bind more still."""
_EACH: Final[Mapping[str, Callable[[float], float]]] = {
    "ABS": abs,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
    "LOG": math.log,
    "LOG10": math.log10,
}
_OVER: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "AVG": statistics.fmean,
    "SUM": math.fsum,
    "MIN": min,
    "MAX": max,
    "STDDEV": statistics.pstdev,
}
FUNCTIONS: Final = (*_EACH, *_OVER, "DIFF", "FILL", "IF", "METRICS", "PERIOD", "RATE")


def parse(text: str, kinds: Mapping[str, str]) -> Expression:
    """The expression; `kinds` are those of the ids that it may name. NotAnExpression."""
    reader = _Reader(_tokens(text), kinds)
    found = reader.level(0, 0)
    if reader.left:
        raise NotAnExpression(f"has '{reader.left[0][1]}' where nothing more is expected")
    return found


def named(text: str) -> frozenset[str]:
    """All names in the text, whatever they mean."""
    return frozenset(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text, re.ASCII))


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        piece = _TOKEN.match(text, at)
        if piece is None or piece.lastgroup is None:
            raise NotAnExpression(f"has '{text[at:].strip()[:1]}', which is no part of an expression")
        found.append((piece.lastgroup, piece[piece.lastgroup]))
        at = piece.end()
    return found


class _Reader:
    """Reads an expression from its pieces, from left to right."""

    def __init__(self, pieces: list[tuple[str, str]], kinds: Mapping[str, str]) -> None:
        self.left = pieces
        self._kinds = kinds

    def level(self, number: int, depth: int) -> Expression:
        if depth > DEPTH:
            raise NotAnExpression(f"is nested deeper than {DEPTH}")
        if number == len(_LEVELS):
            return self._power(depth)
        found = self.level(number + 1, depth)
        while self.left and self.left[0][1] in _LEVELS[number]:
            operator = _LEVELS[number][self.left.pop(0)[1]]
            found = _both(operator, found, self.level(number + 1, depth))
        return found

    def _power(self, depth: int) -> Expression:
        if self._took("-"):
            return _both(mul, _constant(-1), self.level(len(_LEVELS), depth + 1))
        base = self._one(depth)
        return _both(pow, base, self.level(len(_LEVELS), depth + 1)) if self._took("^") else base

    def _one(self, depth: int) -> Expression:
        if not self.left:
            raise NotAnExpression("ends too early")
        kind, text = self.left.pop(0)
        if kind == "number":
            return _constant(float(text))
        if text == "(":
            found = self.level(0, depth + 1)
            self._expect(")")
            return found
        if text == "[":
            return _listed(self._arguments("]", depth))
        if kind != "name":
            raise NotAnExpression(f"has '{text}' where a value is expected")
        return self._called(text, depth) if self._took("(") else self._named(text)

    def _named(self, name: str) -> Expression:
        kind = self._kinds.get(name)
        if kind is None:
            raise NotAnExpression(f"names '{name}', which is no id of another query")
        return Expression(kind, lambda scene: scene.series[name], frozenset({name}))

    def _called(self, name: str, depth: int) -> Expression:
        if name not in FUNCTIONS:
            raise NotAnExpression(f"calls {name}, which is not supported by Moorage")
        if name == "METRICS":
            return self._metrics()
        if name != "FILL":
            return _call(name, self._arguments(")", depth))
        filled = self.level(0, depth + 1)
        self._expect(",")
        repeat = self.left[:1] == [("name", "REPEAT")]
        if repeat:
            self.left.pop(0)
        filler = None if repeat else self.level(0, depth + 1)
        self._expect(")")
        return _fill(filled, filler)

    def _metrics(self) -> Expression:
        part = self.left.pop(0)[1][1:-1] if self.left and self.left[0][0] == "string" else ""
        self._expect(")")
        known = frozenset(name for name in self._kinds if part in name)
        return Expression(MANY, lambda scene: [scene.series[name] for name in scene.metrics if name in known])

    def _arguments(self, end: str, depth: int) -> list[Expression]:
        found = [self.level(0, depth + 1)]
        while self._took(","):
            found.append(self.level(0, depth + 1))
        self._expect(end)
        return found

    def _took(self, mark: str) -> bool:
        if not self.left or self.left[0] != ("mark", mark):
            return False
        self.left.pop(0)
        return True

    def _expect(self, mark: str) -> None:
        if not self._took(mark):
            raise NotAnExpression(f"lacks a '{mark}'")


def _constant(number: float) -> Expression:
    return Expression(NUMBER, lambda _: number)


def _listed(parts: Sequence[Expression]) -> Expression:
    if any(part.kind == NUMBER for part in parts):
        raise NotAnExpression("has a number in a list of series")

    def run(scene: Scene) -> list[Series]:
        values = [(part.kind, part.run(scene)) for part in parts]
        return [series for kind, value in values for series in (value if kind == MANY else [value])]

    return Expression(MANY, run, _names(parts))


def _names(parts: Iterable[Expression]) -> frozenset[str]:
    return frozenset().union(*(part.names for part in parts))


def _both(operator: Callable[[float, float], float], left: Expression, right: Expression) -> Expression:
    if left.kind == right.kind == MANY:
        raise NotAnExpression("joins two lists of series")
    kind = max(left.kind, right.kind, key=(NUMBER, SERIES, MANY).index)

    def run(scene: Scene) -> Value:
        one, other = left.run(scene), right.run(scene)
        if left.kind == MANY:
            return [_joined(operator, each, other, scene) for each in one]
        if right.kind == MANY:
            return [_joined(operator, one, each, scene) for each in other]
        if kind == SERIES:
            return _joined(operator, one, other, scene)
        return _worked_out(operator, one, other)

    return Expression(kind, run, _names((left, right)))


def _joined(operator: Callable[[float, float], float], one: Value, other: Value, scene: Scene) -> Series:
    """The operator at each time at which both sides have a value."""
    worked = {at: _worked_out(operator, _at(one, at), _at(other, at)) for at in _times(scene, one, other)}
    return {at: value for at, value in worked.items() if value is not None}


def _times(scene: Scene, *values: Value) -> list[datetime]:
    """The times of all series among the values."""
    found = {at for value in values if isinstance(value, Mapping) for at in value}
    return sorted(found) if found or any(isinstance(value, Mapping) for value in values) else list(scene.times)


def _at(value: Value, at: datetime) -> float | None:
    return value.get(at) if isinstance(value, Mapping) else value


def _worked_out(operator: Callable[..., float], *values: float | None) -> float | None:
    """The result as a number; None where a value is missing or there is no result, as of a division by zero."""
    if any(value is None for value in values):
        return None
    try:
        found = operator(*values)
    except (ArithmeticError, ValueError):
        return None
    return float(found) if not isinstance(found, complex) and math.isfinite(found) else None


def _call(name: str, given: Sequence[Expression]) -> Expression:
    wanted = {"IF": (2, 3)}.get(name, (1, 1))
    if not wanted[0] <= len(given) <= wanted[1]:
        raise NotAnExpression(f"calls {name} with {len(given)} values")
    if name == "IF":
        return _choice(given)
    (part,) = given
    if name in _OVER:
        return _aggregate(name, part)
    if part.kind == NUMBER:
        raise NotAnExpression(f"calls {name} of a number")
    if name == "PERIOD":
        return Expression(NUMBER, lambda scene: float(scene.period), part.names)
    change: Callable[[Series], Series] = _changes[name] if name in _changes else lambda series: _mapped(name, series)
    return Expression(part.kind, lambda scene: _each(change, part, scene), part.names)


def _each(change: Callable[[Series], Series], part: Expression, scene: Scene) -> Value:
    value = part.run(scene)
    return [change(series) for series in value] if part.kind == MANY else change(value)


def _mapped(name: str, series: Series) -> Series:
    worked = {at: _worked_out(_EACH[name], value) for at, value in series.items()}
    return {at: value for at, value in worked.items() if value is not None}


def _differences(series: Series) -> Series:
    times = sorted(series)
    return {later: series[later] - series[before] for before, later in pairwise(times)}


def _rates(series: Series) -> Series:
    times = sorted(series)
    return {later: (series[later] - series[one]) / (later - one).total_seconds() for one, later in pairwise(times)}


_changes: Final[Mapping[str, Callable[[Series], Series]]] = {"DIFF": _differences, "RATE": _rates}


def _aggregate(name: str, part: Expression) -> Expression:
    """Of a series one number; of several series one series, with what there is at each time."""

    def over(*values: float) -> float:
        return _OVER[name](values)

    if part.kind == NUMBER:
        raise NotAnExpression(f"calls {name} of a number")
    if part.kind == SERIES:

        def single(scene: Scene) -> float | None:
            values = list(part.run(scene).values())
            return _worked_out(over, *values) if values else None

        return Expression(NUMBER, single, part.names)

    def run(scene: Scene) -> Series:
        many: list[Series] = part.run(scene)
        worked = {at: _worked_out(over, *(each[at] for each in many if at in each)) for at in _times(scene, *many)}
        return {at: value for at, value in worked.items() if value is not None}

    return Expression(SERIES, run, part.names)


def _choice(given: Sequence[Expression]) -> Expression:
    """IF: at each time of the condition one value or the other; without another, nothing where it does not hold."""
    if any(part.kind == MANY for part in given):
        raise NotAnExpression("calls IF of several series")

    def run(scene: Scene) -> Value:
        condition, *values = (part.run(scene) for part in given)
        chosen: dict[datetime, float] = {}
        times = _times(scene, condition) if isinstance(condition, Mapping) else _times(scene, *values)
        for at in times:
            holds = _at(condition, at)
            value = values[0] if holds else values[1] if len(values) > 1 else None
            found = _at(value, at)
            if holds is not None and found is not None:
                chosen[at] = found
        return chosen

    return Expression(SERIES, run, _names(given))


def _fill(part: Expression, filler: Expression | None) -> Expression:
    """FILL: a value for each period without one; `filler` None: the one before it."""
    if part.kind == NUMBER or (filler is not None and filler.kind == MANY):
        raise NotAnExpression("calls FILL of what is no series, or with several")

    def run(scene: Scene) -> Value:
        other = filler.run(scene) if filler is not None else None

        def filled(series: Series) -> Series:
            last: float | None = None
            found: dict[datetime, float] = {}
            for at in scene.times:
                last = series.get(at, last if filler is None else _at(other, at))
                if last is not None:
                    found[at] = last
            return found

        return _each(filled, part, scene)

    return Expression(part.kind, run, _names([part] if filler is None else [part, filler]))
