"""Which operation of a REST service a request means: by method, path, query string and headers, as the model says.

Bodies are not read here. Two operations may share a path; the one that asks for more of what is there is meant.
"""

import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl

from botocore.model import OperationModel

from moorage.wire import models
from moorage.wire.message import Request

_VARIABLE = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True)
class _Route:
    """`query` and `headers` are what must be there; a value of None stands for any."""

    operation: str
    method: str
    path: re.Pattern[str]
    query: dict[str, str | None]
    headers: tuple[str, ...]

    def fits(self, request: Request, query: dict[str, str]) -> bool:
        return (
            self.method == request.method
            and self.path.fullmatch(request.path) is not None
            and all(name in query and wanted in (None, query[name]) for name, wanted in self.query.items())
            and all(name in request.headers for name in self.headers)
        )

    @property
    def weight(self) -> int:
        return len(self.query) + len(self.headers)


def operation(service: str, request: Request) -> str:
    """The operation's name; empty if the service has none for such a request."""
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    found = [route for route in _routes(service) if route.fits(request, query)]
    return max(found, key=lambda route: route.weight).operation if found else ""


@cache
def _routes(service: str) -> tuple[_Route, ...]:
    model = models.service(service)
    operations = (model.operation_model(name) for name in sorted(models.service_operations(service)))
    # Deprecated ones have the same path as those that took their place.
    return tuple(_route(operation) for operation in operations if not operation.deprecated)


def _route(operation: OperationModel) -> _Route:
    path, _, static = operation.http["requestUri"].partition("?")
    query: dict[str, str | None] = {name: value or None for name, value in parse_qsl(static, keep_blank_values=True)}
    headers = []
    shape = operation.input_shape
    for name in shape.required_members if shape is not None else ():
        where = shape.members[name].serialization
        if where.get("location") == "querystring":
            query[where["name"]] = None
        elif where.get("location") == "header":
            headers.append(where["name"].lower())
    return _Route(operation.name, operation.http["method"], _pattern(path), query, tuple(headers))


def _pattern(path: str) -> re.Pattern[str]:
    """A variable stands for one part of the path, with a plus for the rest. A slash at the end does not count."""
    expression, end = "", 0
    for variable in _VARIABLE.finditer(path):
        expression += re.escape(path[end : variable.start()]) + ("(.+)" if variable[2] else "([^/]+)")
        end = variable.end()
    expression += re.escape(path[end:].rstrip("/"))
    return re.compile(expression + "/?", re.DOTALL)
