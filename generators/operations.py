"""The support matrix: every operation and parameter of every service that is answered here, from the support table."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, cast

from botocore.model import ListShape, OperationModel, Shape, StructureShape

from moorage.api import operations, reasons
from moorage.api.exec_sessions import Sessions
from moorage.api.log_events import Archive
from moorage.api.support_table import Level, Supported, SupportTable, Tree
from moorage.support.operations import PASSED_ON
from moorage.wire import models

# Only the rows are read: nothing is ever asked of this archive.
TABLE: Final[SupportTable] = operations.table(cast(Archive, object()), cast(Sessions, object()))
SERVICES: Final = tuple(sorted(TABLE.operations.keys() - {"ec2"}))
"""The services with a section of their own. Of EC2 one operation is served here: the page says so beside Moto's."""
SUPPORTING: Final = tuple(sorted(TABLE.supporting))


def summary() -> str:
    """How many operations of each service are served, passed on, refused."""
    rows = []
    for service in SERVICES:
        served, known = len(TABLE.operations[service]), len(models.service_operations(service))
        rows.append(f"| `{service}` | {served} | {known - served} |")
    return "\n".join(["| service | served | refused by name |", "|---|---|---|", *rows])


def page_of(service: str) -> Any:
    """The writer of a service's part."""
    return lambda: _page(service)


def passed_on() -> str:
    """The operations that go to Moto, a section for each service."""
    return "\n\n".join(f"### `{service}`\n\n{_passed_on(service)}" for service in SUPPORTING)


def _page(service: str) -> str:
    rows = TABLE.operations[service]
    served = "\n".join(_operation(service, name, rows[name]) for name in sorted(rows))
    refused = "\n".join(_refused_operations(service))
    return f"{served}\n\nRefused:\n\n{refused}" if refused else served


def _operation(service: str, name: str, row: Supported) -> str:
    parts = [f"* **{name}**"]
    for level in (Level.REAL, Level.RECORDED):
        paths = [path for path, is_level in row.levels() if is_level is level and path not in row.only]
        if paths:
            parts.append(f"  * {level}: {_code(sorted(paths))}")
    if row.only:
        values = [f"`{path}` at {_values(accepted)}" for path, accepted in sorted(row.only.items())]
        parts.append(f"  * one value only: {', '.join(values)}")
    parts += [f"  * refused: `{path}`: {reasons.of_parameter(service, path)}" for path in refused(service, name)]
    return "\n".join(parts)


def refused(service: str, name: str) -> list[str]:
    """The parameters of a served operation that are refused, each by the shortest path that says it."""
    model: OperationModel = models.operation(service, name)
    if model.input_shape is None:
        return []
    return sorted(_beyond(model.input_shape, TABLE.operations[service][name].tree, ""))


def _beyond(shape: Shape, tree: Tree, at: str) -> Iterator[str]:
    if isinstance(shape, ListShape):
        yield from _beyond(shape.member, tree, at)
    if not isinstance(shape, StructureShape):
        return
    for name, member in shape.members.items():
        path = f"{at}.{name}" if at else name
        accepted = tree.get(name)
        if accepted is None:
            yield path
        elif isinstance(accepted, dict):
            yield from _beyond(member, accepted, path)


def refused_operations(service: str) -> list[str]:
    """The operations that the service has at AWS and not here."""
    return sorted(models.service_operations(service) - set(TABLE.operations[service]))


def why(service: str, name: str) -> str:
    """Why an operation is refused: what the endpoint itself says to its caller, else a row of `reasons`."""
    return TABLE.reasons.get(service, {}).get(name) or f"{reasons.of_operation(service, name)}."


def _refused_operations(service: str) -> Iterator[str]:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name in refused_operations(service):
        by_reason[why(service, name)].append(name)
    yield from (f"* {_code(names)}: {reason}" for reason, names in by_reason.items())


def _passed_on(service: str) -> str:
    allowed = PASSED_ON[service]
    if allowed is None:
        return "Every operation that Moto has."
    return f"{_code(sorted(allowed))}."


def _values(accepted: tuple[Any, ...]) -> str:
    return " or ".join(f"`{json.dumps(value)}`" for value in accepted)


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
