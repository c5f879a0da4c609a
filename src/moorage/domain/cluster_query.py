"""Cluster query language: expressions that pick container instances, for `memberOf` and for ListContainerInstances.

Reads `attribute:NAME == value`, `in`, `exists`, patterns, comparisons, `and`, `or`, `not` and parentheses (Amazon ECS
developer guide, "Cluster query language"). What is known of an instance comes as facts: the values of each subject.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

Facts = Mapping[str, frozenset[str]]
"""The values that each subject has; a subject that is missing does not exist. An attribute without value has ""."""

Predicate = Callable[[Facts], bool]

MAX_LENGTH: Final = 2000
MAX_NOTS: Final = 50
SUBJECT: Final = re.compile(
    r"attribute:.+|task:group|agentConnected|agentVersion|ec2InstanceId|registeredAt|runningTasksCount|pendingTasksCount"
)
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<mark>\|\||&&|==|!=|=~|!~|>=|<=|>|<|!exists|!in\b|!|\(|\)|\[|\]|,)"""
    r"""|'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<word>[^\s()\[\],!=<>&|~'"]+))"""
)
_OPERATORS: Final[Mapping[str, str]] = {
    "==": "==", "equals": "==", "!=": "!=", "not_equals": "!=",
    ">": ">", "greater_than": ">", ">=": ">=", "greater_than_equal": ">=",
    "<": "<", "less_than": "<", "<=": "<=", "less_than_equal": "<=",
    "exists": "exists", "!exists": "!exists", "not_exists": "!exists",
    "in": "in", "!in": "!in", "not_in": "!in",
    "=~": "=~", "matches": "=~", "!~": "!~", "not_matches": "!~",
}  # fmt: skip
# A pattern runs inside the daemon: groups and many repeats are what can keep a matcher busy for ever.
_UNSAFE: Final = re.compile(r"[({]|([*+?].*){6}")


class InvalidQuery(ValueError):
    """The expression cannot be read; the argument says where."""


def read(expression: str) -> Predicate:
    """The expression as a question about facts. InvalidQuery."""
    if len(expression) > MAX_LENGTH:
        raise InvalidQuery(f"it is longer than {MAX_LENGTH} characters")
    reader = _Reader(_tokens(expression))
    predicate = reader.any_of()
    if not reader.at_end:
        raise InvalidQuery(f"'{reader.token}' is not expected there")
    return predicate


def _tokens(expression: str) -> list[str]:
    tokens, position, text = [], 0, expression.strip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise InvalidQuery(f"'{text[position : position + 20]}' cannot be read")
        tokens.append(next(group for group in found.groups() if group is not None))
        position = found.end()
    return tokens


class _Reader:
    """Walks over the tokens, one method for each rank of operators."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    @property
    def at_end(self) -> bool:
        return self._next == len(self._tokens)

    @property
    def token(self) -> str:
        return "" if self.at_end else self._tokens[self._next]

    def any_of(self) -> Predicate:
        first = self._all_of()
        while self._takes("or", "||"):
            first = _either(first, self._all_of())
        return first

    def _all_of(self) -> Predicate:
        first = self._one()
        while self._takes("and", "&&"):
            first = _both(first, self._one())
        return first

    def _one(self) -> Predicate:
        self._depth += 1
        if self._depth > MAX_NOTS:
            raise InvalidQuery("it is nested too deeply")
        if self._takes("not", "!"):
            found = _not(self._one())
        elif self._takes("("):
            found = self.any_of()
            self._expect(")")
        else:
            found = self._comparison()
        self._depth -= 1
        return found

    def _comparison(self) -> Predicate:
        subject = self._word()
        if not SUBJECT.fullmatch(subject):
            raise InvalidQuery(f"'{subject[:50]}' is not a subject")
        operator = _OPERATORS.get(self._word())
        if operator is None:
            raise InvalidQuery(f"an operator is expected after {subject[:50]}")
        if operator.endswith("exists"):
            return _exists(subject, operator == "exists")
        arguments = self._list() if operator.endswith("in") else [self._word()]
        return _compared(subject, operator, arguments)

    def _list(self) -> list[str]:
        self._expect("[")
        items = [self._word()]
        while self._takes(","):
            items.append(self._word())
        self._expect("]")
        return items

    def _takes(self, *tokens: str) -> bool:
        if self.at_end or self.token.lower() not in tokens:
            return False
        self._next += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._takes(token):
            raise InvalidQuery(f"'{token}' is expected")

    def _word(self) -> str:
        if self.at_end:
            raise InvalidQuery("it ends too early")
        self._next += 1
        return self._tokens[self._next - 1]


def _not(inner: Predicate) -> Predicate:
    return lambda facts: not inner(facts)


def _either(one: Predicate, other: Predicate) -> Predicate:
    return lambda facts: one(facts) or other(facts)


def _both(one: Predicate, other: Predicate) -> Predicate:
    return lambda facts: one(facts) and other(facts)


def _exists(subject: str, wanted: bool) -> Predicate:
    return lambda facts: (subject in facts) is wanted


def _compared(subject: str, operator: str, arguments: list[str]) -> Predicate:
    """A comparison with the values of a subject; the negated ones hold where none of its values is meant."""
    if operator in ("!=", "!in", "!~"):
        positive = _compared(subject, {"!=": "==", "!in": "in", "!~": "=~"}[operator], arguments)
        return lambda facts: not positive(facts)
    if operator in ("==", "in"):
        wanted = frozenset(arguments)
        return lambda facts: not wanted.isdisjoint(facts.get(subject, frozenset()))
    if operator == "=~":
        pattern = _pattern(arguments[0])
        return lambda facts: any(pattern.fullmatch(value) for value in facts.get(subject, frozenset()))
    return lambda facts: any(_ordered(value, operator, arguments[0]) for value in facts.get(subject, frozenset()))


def _pattern(text: str) -> re.Pattern[str]:
    if _UNSAFE.search(text):
        raise InvalidQuery("a pattern can have no groups and at most five repeats here")
    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidQuery(f"the pattern '{text[:50]}' cannot be read") from error


def _ordered(value: str, operator: str, limit: str) -> bool:
    """Numbers compare as numbers, everything else by its letters: instants of one form do so rightly."""
    try:
        below, equal = float(value) < float(limit), float(value) == float(limit)
    except ValueError:
        below, equal = value < limit, value == limit
    return {"<": below, "<=": below or equal, ">": not below and not equal, ">=": not below}[operator]
