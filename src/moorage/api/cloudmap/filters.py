"""The filters of ListNamespaces, ListServices and ListOperations.

Which conditions each name allows follows the API reference; EQ is the default.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from moorage.domain import errors
from moorage.domain.registry import Namespace, Operation, RegistryService

T = TypeVar("T")
Field = tuple[Callable[[Any], str], frozenset[str]]

_EQ = "EQ"
_IN = "IN"
_BEGINS = "BEGINS_WITH"
_BETWEEN = "BETWEEN"


def _owner(_record: Namespace | RegistryService) -> str:
    """Nothing is shared between accounts here: every record is the caller's own."""
    return "SELF"


NAMESPACE_FIELDS: dict[str, Field] = {
    "TYPE": (lambda record: record.type, frozenset({_EQ, _IN})),
    "NAME": (lambda record: record.name, frozenset({_EQ, _BEGINS})),
    "HTTP_NAME": (lambda record: record.http_name, frozenset({_EQ, _BEGINS})),
    "RESOURCE_OWNER": (_owner, frozenset({_EQ})),
}
SERVICE_FIELDS: dict[str, Field] = {
    "NAMESPACE_ID": (lambda record: record.namespace_id, frozenset({_EQ, _IN})),
    "RESOURCE_OWNER": (_owner, frozenset({_EQ})),
}
OPERATION_FIELDS: dict[str, Field] = {
    "NAMESPACE_ID": (lambda record: record.targets.get("NAMESPACE", ""), frozenset({_EQ, _IN})),
    "SERVICE_ID": (lambda record: record.targets.get("SERVICE", ""), frozenset({_EQ, _IN})),
    "STATUS": (lambda record: record.status, frozenset({_EQ, _IN})),
    "TYPE": (lambda record: record.type, frozenset({_EQ, _IN})),
}


def chosen(records: Iterable[T], filters: Sequence[Mapping[str, Any]], fields: Mapping[str, Field]) -> Iterator[T]:
    """The records that pass all filters, one by one. InvalidParameter at once."""
    tests = [_test(entry, fields) for entry in filters]
    return (record for record in records if all(test(record) for test in tests))


def _test(entry: Mapping[str, Any], fields: Mapping[str, Field]) -> Callable[[Any], bool]:
    name, values, condition = entry["Name"], entry["Values"], entry.get("Condition", _EQ)
    if name == "UPDATE_DATE":
        return _updated_between(values, condition)
    text, conditions = fields[name]
    if condition not in conditions:
        raise errors.InvalidParameter(f"Filter {name} does not support condition {condition}")
    if not values or (condition != _IN and len(values) != 1):
        raise errors.InvalidParameter(f"Filter {name} with condition {condition} needs one value")
    if condition == _BEGINS:
        return lambda record: text(record).startswith(values[0])
    return lambda record: text(record) in values


def _updated_between(values: Sequence[str], condition: str) -> Callable[[Operation], bool]:
    """Start and end as seconds since 1970."""
    if condition != _BETWEEN or len(values) != 2:
        raise errors.InvalidParameter("Filter UPDATE_DATE needs condition BETWEEN and two values")
    try:
        start, end = (datetime.fromtimestamp(float(value), UTC) for value in values)
    except (ValueError, OverflowError, OSError) as error:
        raise errors.InvalidParameter("Filter UPDATE_DATE needs seconds since 1970") from error
    return lambda record: start <= record.updated_at <= end
