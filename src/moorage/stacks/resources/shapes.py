"""The shapes of properties: which keys a resource type understands, and what their values must be.

`fit` checks a value and brings it to its type ("256" where a number is wanted is 256, as CloudFormation reads it);
`camel` turns understood keys into the spelling of ECS's API. One declaration serves both.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.stacks.nodes import Path, TemplateError
from moorage.stacks.scope import Unknown
from moorage.stacks.template import as_text


@dataclass(frozen=True)
class Text:
    """A string; numbers and booleans become their text."""


@dataclass(frozen=True)
class Whole:
    """A whole number."""


@dataclass(frozen=True)
class Number:
    """A number, whole or not."""


@dataclass(frozen=True)
class Truth:
    """A boolean."""


@dataclass(frozen=True)
class Document:
    """Free JSON, such as an IAM policy; its keys are its own."""


@dataclass(frozen=True)
class Texts:
    """A map whose keys are the user's own."""


@dataclass(frozen=True)
class Exactly:
    """A property that is accepted at the values that ask for what happens anyway, and refused at any other."""

    shape: "Shape"
    values: tuple[Any, ...]
    why: str = ""


@dataclass(frozen=True)
class ListOf:
    """A list of one shape."""

    item: "Shape"


@dataclass(frozen=True)
class Object:
    """An object of known keys, some of them required."""

    members: Mapping[str, "Shape"]
    required: tuple[str, ...] = ()


Shape = Text | Whole | Number | Truth | Document | Texts | Exactly | ListOf | Object
TEXT, WHOLE, NUMBER, TRUTH, DOCUMENT, TEXTS = Text(), Whole(), Number(), Truth(), Document(), Texts()
TEXT_LIST = ListOf(TEXT)
TAGS = ListOf(Object({"Key": TEXT, "Value": TEXT}, ("Key", "Value")))
OFF = Exactly(TRUTH, (False,))
NONE = Exactly(ListOf(DOCUMENT), ([],))
PAIRS = ListOf(Object({"Name": TEXT, "Value": TEXT}))


def fit(shape: Shape, value: Any, at: Path) -> Any:
    """The value in its shape, or a refusal that says what was found where. Unknown fits everywhere."""
    if isinstance(value, Unknown):
        return value
    match shape:
        case Object():
            return _object(shape, value, at)
        case Exactly(inner, values, why):
            return _exactly(fit(inner, value, at), values, why, at)
        case ListOf(item):
            return _list(item, value, at)
        case Texts():
            return _texts(value, at)
        case Document():
            return _document(value, at)
        case _:
            return _scalar(shape, value, at)


def _list(item: Shape, value: Any, at: Path) -> list[Any]:
    """A list; a single value stands for a list of one, as CloudFormation takes it."""
    if isinstance(value, Mapping) and not isinstance(item, Object | Document):
        raise _wrong(at, "Array", value)
    listed = value if isinstance(value, list | tuple) else [value]
    return [fit(item, one, (*at, index)) for index, one in enumerate(listed)]


def _texts(value: Any, at: Path) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(at, "Object", value)
    return {key: fit(TEXT, one, (*at, key)) for key, one in value.items()}


def _object(shape: Object, value: Any, at: Path) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(at, "Object", value)
    for key in value:
        if key not in shape.members:
            raise TemplateError((*at, key), f"extraneous key [{key}] is not permitted: it is not supported")
    for key in shape.required:
        if key not in value:
            raise TemplateError(at, f"required key [{key}] not found")
    return {key: fit(shape.members[key], one, (*at, key)) for key, one in value.items()}


def _exactly(value: Any, values: tuple[Any, ...], why: str, at: Path) -> Any:
    if any(_may_be(value, one) for one in values):
        return value
    if values == ([],):
        raise TemplateError(at, f"{at[-1]} is not supported here{why and f': {why}'}")
    accepted = " or ".join(json.dumps(one) for one in values)
    raise TemplateError(at, f"the value {json.dumps(value)} is not supported, only {accepted}{why and f': {why}'}")


def _may_be(value: Any, wanted: Any) -> bool:
    """Whether the value is the wanted one, or may still become it once what it is made of is known."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, list) and isinstance(wanted, list):
        return len(value) == len(wanted) and all(map(_may_be, value, wanted))
    return bool(value == wanted)


def _document(value: Any, at: Path) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except json.JSONDecodeError as error:
            raise TemplateError(at, f"expected a JSON document: {error}") from error
    return value


def _scalar(shape: Shape, value: Any, at: Path) -> Any:
    if isinstance(value, Mapping | list | tuple) or value is None:
        raise _wrong(at, "String" if isinstance(shape, Text) else "Number or Boolean", value)
    if isinstance(shape, Text):
        return as_text(value)
    if isinstance(shape, Truth):
        if isinstance(value, bool) or as_text(value).lower() in {"true", "false"}:
            return as_text(value).lower() == "true"
        raise _wrong(at, "Boolean", value)
    if isinstance(shape, Number):
        if not isinstance(value, bool) and re.fullmatch(r"-?\d+(\.\d*)?([eE]-?\d+)?", as_text(value)):
            return float(value)
        raise _wrong(at, "Number", value)
    if not isinstance(value, bool) and re.fullmatch(r"-?\d+(\.0*)?", as_text(value)):
        return int(float(value))
    raise _wrong(at, "Integer", value)


def _wrong(at: Path, wanted: str, value: Any) -> TemplateError:
    return TemplateError(at, f"expected type: {wanted}, found: {type(value).__name__}")


def camel(shape: Shape, value: Any) -> Any:
    """The value with the keys of its objects as ECS spells them: `ContainerPort` is `containerPort`."""
    match shape:
        case Object(members):
            return {key[0].lower() + key[1:]: camel(members[key], one) for key, one in value.items()}
        case ListOf(item):
            return [camel(item, one) for one in value]
        case _:
            return value
