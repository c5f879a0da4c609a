"""Input against the service model: types, required members, enums, lengths, ranges, patterns; unknown members by name.

A reader is compiled for each shape once; it returns the input with timestamps as datetimes and blobs as bytes, and
collects what AWS would complain of, in AWS's words. Which valid input is supported is `api/support_table`'s business.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.model import OperationModel, Shape, StructureShape

from moorage.wire import patterns, scalars
from moorage.wire.faults import Rejected, reject

Path = tuple[str, ...]
Reader = Callable[[Any, Path, "Findings"], Any]

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)


@dataclass
class Findings:
    """What is wrong with one input. A wrong type stops the reading, as a parser does; all else is collected."""

    violations: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def violated(self, shown: str, path: Path, rule: str) -> None:
        self.violations.append(f"Value {shown}at '{_dotted(path)}' failed to satisfy constraint: Member must {rule}")


def read(operation: OperationModel, value: Any, invalid: str) -> dict[str, Any]:
    """The operation's input in Python's types, or Rejected; `invalid` is the service's code for broken constraints."""
    shape = operation.input_shape
    if shape is None:
        if value:
            raise reject(invalid, f"{operation.name} takes no parameters.")
        return {}
    result: dict[str, Any]
    result, findings = inspect(shape, value)
    if findings.unknown:
        raise reject(invalid, _unknown_sentence(findings.unknown, operation.name))
    if findings.violations:
        count = len(findings.violations)
        raise reject(
            invalid,
            f"{count} validation error{'s' if count > 1 else ''} detected: " + "; ".join(findings.violations),
        )
    return result


def inspect(shape: Shape, value: Any) -> tuple[Any, Findings]:
    """A value of any shape in Python's types, and what is wrong with it. Rejected where its type is."""
    findings = Findings()
    return _reader(shape)(value, (), findings), findings


def _unknown_sentence(unknown: list[str], operation: str) -> str:
    names = ", ".join(f"'{name}'" for name in unknown)
    if len(unknown) == 1:
        return f"Parameter {names} is not one of {operation}."
    return f"Parameters {names} are not of {operation}."


def _dotted(path: Path) -> str:
    return ".".join(path)


@cache
def _reader(shape: Shape) -> Reader:
    return _READERS[shape.type_name](shape)


def _inner(shape: Shape) -> Reader:
    """A reader for a part of a shape. Those of containers are made when first used: shapes may contain themselves."""
    if shape.type_name not in ("structure", "list", "map"):
        return _reader(shape)
    return lambda value, path, findings: _reader(shape)(value, path, findings)


def _structure(shape: StructureShape) -> Reader:
    members = {name: (_lower_first(name), _inner(inner)) for name, inner in shape.members.items()}
    check = _membership(shape)

    def read_structure(value: Any, path: Path, findings: Findings) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong_type(value, path, "a structure")
        result = {}
        for name, inner in value.items():
            member = members.get(name)
            if member is None:
                findings.unknown.append(_dotted((*path, name)))
            elif inner is not None:
                result[name] = member[1](inner, (*path, member[0]), findings)
        check(result, path, findings)
        return result

    def read_document(value: Any, _path: Path, _findings: Findings) -> Any:
        return value

    return read_document if shape.metadata.get("document") else read_structure


def _membership(shape: StructureShape) -> Callable[[dict[str, Any], Path, Findings], None]:
    """Which members there must be: the required ones, and of a union exactly one."""
    required = tuple((name, _lower_first(name)) for name in shape.required_members)
    union = bool(shape.metadata.get("union"))
    one_of = f"have exactly one of the members [{', '.join(shape.members)}]"

    def check(result: dict[str, Any], path: Path, findings: Findings) -> None:
        for name, shown in required:
            if name not in result:
                findings.violated("null ", (*path, shown), "not be null")
        if union and len(result) != 1:
            findings.violated("", path, one_of)

    return check


def _list(shape: Any) -> Reader:
    item = _inner(shape.member)
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def read_list(value: Any, path: Path, findings: Findings) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong_type(value, path, "a list")
        _check_length(value, low, high, Place(path, findings, _shown))
        result = []
        for number, inner in enumerate(value, 1):
            place = (*path, str(number), "member")
            if inner is None:
                findings.violated("null ", place, "not be null")
            else:
                result.append(item(inner, place, findings))
        return result

    return read_list


def _map(shape: Any) -> Reader:
    read_key, read_value = _inner(shape.key), _inner(shape.value)
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def read_map(value: Any, path: Path, findings: Findings) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong_type(value, path, "a map")
        _check_length(value, low, high, Place(path, findings, _shown))
        result = {}
        for key, inner in value.items():
            read_key(key, (*path, "key"), findings)
            if inner is not None:
                result[key] = read_value(inner, (*path, key, "member"), findings)
        return result

    return read_map


def _string(shape: Any) -> Reader:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    source, enum = shape.metadata.get("pattern"), frozenset(shape.enum)
    pattern = patterns.compiled(source) if source else None
    allowed = f"satisfy enum value set: [{', '.join(shape.enum)}]"
    show = _hidden if shape.metadata.get("sensitive") else _shown

    def read_string(value: Any, path: Path, findings: Findings) -> str:
        if not isinstance(value, str):
            raise _wrong_type(value, path, "a String")
        if enum and value not in enum:
            findings.violated(show(value), path, allowed)
        _check_length(value, low, high, Place(path, findings, show))
        if pattern is not None and not pattern.fullmatch(value):
            findings.violated(show(value), path, f"satisfy regular expression pattern: {source}")
        return value

    return read_string


def _number(shape: Shape) -> Reader:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    whole = {"integer": INT32, "long": INT64}.get(shape.type_name)

    def read_number(value: Any, path: Path, findings: Findings) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _wrong_type(value, path, "a number")
        if whole is not None:
            if not whole[0] <= value <= whole[1] or value != int(value):
                raise _wrong_type(value, path, "an Integer" if whole is INT32 else "a Long")
            value = int(value)
        if low is not None and value < low:
            findings.violated(f"'{value}' ", path, f"have value greater than or equal to {low}")
        if high is not None and value > high:
            findings.violated(f"'{value}' ", path, f"have value less than or equal to {high}")
        return value

    return read_number


def _boolean(_shape: Shape) -> Reader:
    def read_boolean(value: Any, path: Path, _findings: Findings) -> bool:
        if not isinstance(value, bool):
            raise _wrong_type(value, path, "a Boolean")
        return value

    return read_boolean


def _timestamp(_shape: Shape) -> Reader:
    def read_timestamp(value: Any, path: Path, _findings: Findings) -> Any:
        try:
            return scalars.read_timestamp(value)
        except scalars.NotScalar as error:
            raise _wrong_type(value, path, "a Timestamp") from error

    return read_timestamp


def _blob(shape: Shape) -> Reader:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")

    def read_blob(value: Any, path: Path, findings: Findings) -> bytes:
        try:
            content = value if isinstance(value, bytes) else scalars.read_blob(value)
        except (scalars.NotScalar, TypeError) as error:
            raise _wrong_type(value, path, "a Blob") from error
        _check_length(content, low, high, Place(path, findings, _hidden))
        return content

    return read_blob


_READERS: dict[str, Callable[[Any], Reader]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, where to write what is wrong with it, and how it is shown there."""

    path: Path
    findings: Findings
    show: Callable[[Any], str]


def _check_length(value: Any, low: int | None, high: int | None, place: Place) -> None:
    if low is not None and len(value) < low:
        place.findings.violated(place.show(value), place.path, f"have length greater than or equal to {low}")
    if high is not None and len(value) > high:
        place.findings.violated(place.show(value), place.path, f"have length less than or equal to {high}")


def _wrong_type(value: Any, path: Path, wanted: str) -> Rejected:
    place = f" at '{_dotted(path)}'" if path else ""
    return reject("SerializationException", f"{_kind(value)} can not be converted to {wanted}{place}")


def _kind(value: Any) -> str:
    """The parser's word for what arrived, as AWS's messages have it."""
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    names = {
        str: "STRING_VALUE",
        bytes: "BINARY_VALUE",
        dict: "START_OBJECT",
        list: "START_ARRAY",
        type(None): "NULL_VALUE",
    }
    return names.get(type(value), "NUMBER_VALUE")


def _shown(value: Any) -> str:
    """A value in a message; cut short, since it may be as large as the request."""
    text = str(value)
    return f"'{text if len(text) <= 1024 else text[:1024] + '...'}' "


def _hidden(_value: Any) -> str:
    """Values that the model marks as sensitive are not repeated."""
    return ""


def _lower_first(name: str) -> str:
    """AWS's messages write member names in lower camel case whatever the case in the request."""
    return name[:1].lower() + name[1:]
