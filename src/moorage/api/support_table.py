"""What is supported: of every operation and parameter whether it is real, recorded, supporting or refused.

Each service's folder contributes its rows as plain data; what no row names is refused, by name. Whether a value is
valid at all is `wire/validate`'s question, and was answered before.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from moorage.api import reasons
from moorage.api.context import Handler
from moorage.wire import models
from moorage.wire.faults import Rejected, reject

WHOLE: Final = "*"
"""Last part of a path: everything below is meant as well."""

LONGEST_VALUE: Final = 100
"""How many characters of a refused value an error repeats."""


class Level(StrEnum):
    """REAL does what AWS does; RECORDED is kept and shown, without effect; SUPPORTING is answered by Moto."""

    REAL = "real"
    RECORDED = "recorded"
    SUPPORTING = "supporting"
    REFUSED = "refused"


Tree = dict[str, Any]
"""Member names to further trees, to WHOLE, or to the tuple of the values that are accepted."""


@dataclass(frozen=True)
class Supported:
    """An operation that is served here.

    `real` and `recorded` are parameter paths, separated by blanks: `name`, `serviceConnectConfiguration.enabled`. Lists
    are passed through (`services.portName`); maps and whole subtrees are `tags.*`. `only` accepts a parameter at the
    values that ask for what happens anyway, and refuses it at any other. `repeatable`: what it answers follows from the
    World, the caller and the input alone, not from the time or anything else.
    """

    handler: Handler
    real: str = ""
    recorded: str = ""
    only: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    repeatable: bool = False

    def levels(self) -> Iterator[tuple[str, Level]]:
        """Every path that is accepted, with its level: the rows of the support matrix."""
        yield from ((path, Level.REAL) for path in self.real.split())
        yield from ((path, Level.RECORDED) for path in self.recorded.split())
        yield from ((path, Level.RECORDED) for path in self.only)

    @cached_property
    def tree(self) -> Tree:
        """The accepted paths as nested dicts."""
        tree: Tree = {}
        for path, _ in self.levels():
            _plant(tree, path.split("."), self.only.get(path, WHOLE))
        return tree


def _plant(tree: Tree, path: list[str], accepted: Any) -> None:
    *branches, leaf = path[:-1] if path[-1] == WHOLE else path
    for branch in branches:
        tree = tree.setdefault(branch, {})
    tree[leaf] = accepted


class SupportTable:
    """All rows. `operations` by service, as the folders contribute them; `supporting` names the services of Moto.

    `reasons` says of operations that are refused why they are.
    """

    def __init__(
        self,
        operations: Mapping[str, Mapping[str, Supported]],
        supporting: frozenset[str] = frozenset(),
        reasons: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.operations = operations
        self.supporting = supporting
        self.reasons = reasons or {}

    def level(self, service: str, operation: str) -> Level:
        """The level of an operation; a served operation is real, its parameters have levels of their own."""
        if self.is_passed_on(service, operation):
            return Level.SUPPORTING
        return Level.REAL if operation in self.operations.get(service, {}) else Level.REFUSED

    def is_passed_on(self, service: str, operation: str) -> bool:
        """True for operations of the supporting services, but for those that are served here all the same."""
        return service in self.supporting and operation not in self.operations.get(service, {})

    def find(self, service: str, operation: str) -> Supported:
        """The row of a served operation, or Rejected with a code that the operation's model allows."""
        supported = self.operations.get(service, {}).get(operation)
        if supported is None:
            raise _operation_refused(service, operation, self.reasons.get(service, {}).get(operation, ""))
        return supported

    def check(self, service: str, operation: str, arguments: dict[str, Any]) -> None:
        """Rejected if the input holds a parameter, at any depth, that no row accepts."""
        refused = list(_refused(arguments, self.find(service, operation).tree, ""))
        if refused:
            raise _parameters_refused(service, operation, refused)


@dataclass(frozen=True)
class _Refused:
    """A parameter that is not accepted, with its place in the input; `accepted` are the values that would be."""

    place: str
    value: str = ""
    accepted: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"'{self.place}={self.value}'" if self.accepted else f"'{self.place}'"

    def why(self, service: str) -> str:
        """The reason, and the values that are served."""
        reason = reasons.of_parameter(service, re.sub(r"\[\d+\]", "", self.place))
        if not self.accepted:
            return reason
        values = " or ".join(_shown(value) for value in self.accepted)
        return f"only {values} is served" if reason == reasons.PLAINLY else f"{reason}; only {values} is served"


def _refused(value: Any, tree: Tree, path: str) -> Iterator[_Refused]:
    """What is not accepted. Plain values cannot come here: their path ends in an accepted leaf."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _refused(item, tree, f"{path}[{number}]")
        return
    for name, inner in value.items():
        place = f"{path}.{name}" if path else name
        accepted = tree.get(name)
        if accepted is None:
            yield _Refused(place)
        elif isinstance(accepted, dict):
            yield from _refused(inner, accepted, place)
        elif accepted != WHOLE and inner not in accepted:
            yield _Refused(place, _shown(inner), accepted)


def _shown(value: Any) -> str:
    """A value as the caller wrote it, in JSON, as far as a sentence has room for it; a plain word is left as it is."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def _operation_refused(service: str, operation: str, why: str) -> Rejected:
    entry = models.ENTRIES.get(service)
    if entry is None:
        return reject(
            "UnknownOperationException",
            f"The service '{service}' is not supported by Moorage"
            + (f" (operation {operation})." if operation else "."),
        )
    unknown = "InvalidAction" if entry.protocol == models.QUERY else "UnknownOperationException"
    if operation not in models.service_operations(service):
        return reject(unknown, f"The service {service} has no operation '{operation[:200]}'.")
    why = why or f"{reasons.of_operation(service, operation)}."
    allowed = {shape.name for shape in models.operation(service, operation).error_shapes}
    code = "UnsupportedFeatureException" if "UnsupportedFeatureException" in allowed else unknown
    return reject(code, f"The operation {operation} of {service} is not supported by Moorage: {why}")


def _parameters_refused(service: str, operation: str, refused: list[_Refused]) -> Rejected:
    names = ", ".join(str(each) for each in refused)
    subject = f"Parameter {names} is" if len(refused) == 1 else f"Parameters {names} are"
    why = "; ".join(dict.fromkeys(each.why(service) for each in refused))
    return reject(models.ENTRIES[service].invalid, f"{subject} not supported by Moorage in {operation}: {why}.")
