"""Template text to syntax tree: JSON, or YAML with CloudFormation's short forms.

Refuses, with the place, what could mislead or exhaust: duplicate keys, aliases and merges (as CloudFormation does),
too much text, too deep nesting. What the sections mean is left to `template`.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from moorage.stacks.nodes import Call, Fields, Items, Node, Path, Scalar, TemplateError

MAX_BYTES = 1_000_000
"""CloudFormation's limit for a template that comes from S3; we take bodies of that size directly."""
MAX_DEPTH = 60

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\Z|[-+]?[0-9]+[eE][-+]?[0-9]+\Z")
_STANDARD_TAGS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!", None})
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str) -> Node:
    """The syntax tree of a template body."""
    if len(text.encode()) > MAX_BYTES:
        raise TemplateError((), f"Template format error: a template may not exceed {MAX_BYTES} bytes")
    if text.lstrip().startswith("{"):
        return _from_json(text)
    return _Yaml(text).document()


def _from_json(text: str) -> Node:
    try:
        return _json_node(json.loads(text, object_pairs_hook=_Pairs, parse_constant=_no_constant), ())
    except json.JSONDecodeError as error:
        where = f"(line {error.lineno}, column {error.colno})"
        raise TemplateError((), f"Template format error: JSON not well-formed. {where}") from error
    except RecursionError as error:
        raise _too_deep(()) from error


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object before duplicates are looked for."""


def _no_constant(name: str) -> None:
    raise TemplateError((), f"Template format error: {name} is not a JSON value")


def _json_node(value: Any, at: Path) -> Node:
    if len(at) > MAX_DEPTH:
        raise _too_deep(at)
    if isinstance(value, _Pairs):
        fields: dict[str, Node] = {}
        for key, member in value:
            _add(fields, key, _json_node(member, (*at, key)), at)
        return _mapping(fields, at)
    if isinstance(value, list):
        return Items(tuple(_json_node(item, (*at, index)) for index, item in enumerate(value)), at)
    return Scalar(value, at)


class _Yaml:
    """Builds the tree from the parser's events: no aliases to expand, no objects to construct."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_Loader))

    def document(self) -> Node:
        try:
            return self._document()
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
            problem = getattr(error, "problem", None) or "it could not be read"
            raise TemplateError((), f"Template format error: YAML not well-formed: {problem}{where}") from error

    def _document(self) -> Node:
        next(self._events)
        if not isinstance(next(self._events), yaml.DocumentStartEvent):
            raise TemplateError((), "Template format error: the template is empty")
        node = self._node(next(self._events), ())
        next(self._events)
        if not isinstance(next(self._events), yaml.StreamEndEvent):
            raise TemplateError((), "Template format error: a template is one YAML document")
        return node

    def _node(self, event: Any, at: Path) -> Node:
        if len(at) > MAX_DEPTH:
            raise _too_deep(at)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise TemplateError(at, "Template format error: YAML aliases are not allowed in CloudFormation templates")
        function = _function(event.tag, at)
        inside = at if function is None else (*at, function)
        node = self._plain(event, inside, function)
        return node if function is None else Call(function, _spread(function, node), at)

    def _plain(self, event: Any, at: Path, function: str | None) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            plain = not event.style and (event.implicit[0] or function is not None)
            return Scalar(_scalar(event.value) if plain and event.tag != "!" else event.value, at)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(following := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(following, (*at, len(items))))
            return Items(tuple(items), at)
        return self._mapping(at)

    def _mapping(self, at: Path) -> Node:
        fields: dict[str, Node] = {}
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent) or key.anchor is not None:
                raise TemplateError(at, "Template format error: a key must be a plain string")
            if key.value == "<<" and not key.style:
                raise TemplateError(
                    at, "Template format error: YAML merges are not allowed in CloudFormation templates"
                )
            _add(fields, key.value, self._node(next(self._events), (*at, key.value)), at)
        return _mapping(fields, at)


def _function(tag: str | None, at: Path) -> str | None:
    """`!Sub` stands for `Fn::Sub`; `!Ref` and `!Condition` for themselves; other tags are refused."""
    if tag in _STANDARD_TAGS or tag == "tag:yaml.org,2002:str":
        return None
    if tag is None or not re.fullmatch(r"![A-Za-z0-9]+", tag):
        raise TemplateError(at, f"Template format error: YAML tag {tag} is not supported")
    name = tag[1:]
    return name if name in {"Ref", "Condition"} else f"Fn::{name}"


def _spread(function: str, argument: Node) -> Node:
    """`!GetAtt Web.Arn` is short for `Fn::GetAtt: [Web, Arn]`."""
    if function == "Fn::GetAtt" and isinstance(argument, Scalar) and isinstance(argument.value, str):
        resource, _, attribute = argument.value.partition(".")
        at = argument.at
        return Items((Scalar(resource, (*at, 0)), Scalar(attribute, (*at, 1))), at)
    return argument


def _scalar(text: str) -> str | int | float | bool | None:
    """YAML 1.1 without what bites in templates: dates, base 60 and octal stay the strings that they were written as."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.match(text) and len(text) < 19:
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text


def _add(fields: dict[str, Node], key: str, node: Node, at: Path) -> None:
    if key in fields:
        raise TemplateError((*at, key), f"Template format error: duplicate key {key}")
    fields[key] = node


def _mapping(fields: dict[str, Node], at: Path) -> Node:
    """A mapping, or the function call that a mapping with one telling key stands for."""
    functions = [key for key in fields if key == "Ref" or key.startswith("Fn::")]
    if not functions and set(fields) == {"Condition"} and isinstance(fields["Condition"], Scalar):
        functions = ["Condition"]
    if not functions or (functions == ["Ref"] and len(fields) > 1):
        return Fields(fields, at)
    if len(fields) > 1 and not functions[0].startswith("Fn::ForEach::"):
        raise TemplateError(at, f"Template format error: {functions[0]} must be the only key of its object")
    name = functions[0]
    return Call(name, _spread(name, fields[name]), at)


def _too_deep(at: Path) -> TemplateError:
    return TemplateError(at[:6], f"Template format error: the template is nested deeper than {MAX_DEPTH}")
