"""AWS Query: a form with dotted names in, XML out, each driven by the shapes of the model.

The dialect of EC2 (other list names, another error document) would be a second codec over the same reading.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from botocore.model import OperationModel, Shape

from moorage.wire import limits, models, scalars
from moorage.wire.faults import Fault, reject
from moorage.wire.message import Request, Response

_CONTENT_TYPE = ("content-type", "text/xml")
_PROTOCOL_MEMBERS = frozenset({"Action", "Version"})
_MAX_FIELDS = 10_000
_POSITION = re.compile(r"\d{1,9}", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)
_NOT_XML = {code: None for code in range(32) if chr(code) not in "\t\n\r"} | {0xFFFE: None, 0xFFFF: None}

Tree = dict[str, Any]
"""Dotted names as nested dicts; leaves are text."""


def form(request: Request) -> dict[str, str]:
    """The fields of a Query request, from its body (POST) or its query string (GET)."""
    source = request.body if request.method == "POST" and request.body else request.query.encode()
    try:
        pairs = parse_qsl(source.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise reject("MalformedQueryString", f"The query string is malformed: {error}") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise reject("MalformedQueryString", "The query string names a field twice.")
    return fields


class QueryCodec:
    """The Codec of the Query protocol."""

    def parse(self, operation: OperationModel, request: Request) -> Any:
        tree: Tree = {}
        for name, value in form(request).items():
            if name not in _PROTOCOL_MEMBERS and not name.startswith("X-Amz-"):
                _plant(tree, name, value)
        shape = operation.input_shape
        return tree if shape is None else _read(shape, tree, "")

    def answer(self, operation: OperationModel, output: dict[str, Any], request_id: str) -> Response:
        result = ""
        if operation.output_shape is not None:
            wrapper = operation.output_shape.serialization.get("resultWrapper", f"{operation.name}Result")
            result = _element(wrapper, "".join(_members(operation.output_shape, output)))
        namespace = operation.service_model.metadata.get("xmlNamespace", "")
        metadata = _element("ResponseMetadata", _element("RequestId", _text(request_id)))
        return _document(200, f"{operation.name}Response", namespace, result + metadata, request_id)

    def refuse(self, fault: Fault, request_id: str, service: str) -> Response:
        namespace = models.service(service).metadata.get("xmlNamespace", "") if service in models.ENTRIES else ""
        error = (
            _element("Type", "Sender" if fault.sender else "Receiver")
            + _element("Code", _text(fault.code))
            + _element("Message", _text(fault.message))
        )
        content = _element("Error", error) + _element("RequestId", _text(request_id))
        return _document(fault.status, "ErrorResponse", namespace, content, request_id)


def _plant(tree: Tree, name: str, value: str) -> None:
    """Put a field into the tree at the place that its dotted name says."""
    *branches, leaf = name.split(".")
    if len(branches) >= limits.MAX_DEPTH:
        raise limits.too_deep()
    for branch in branches:
        tree = tree.setdefault(branch, {})
        if not isinstance(tree, dict):
            raise _clash(name)
    if leaf in tree:
        raise _clash(name)
    tree[leaf] = value


def _clash(name: str) -> Exception:
    return reject("MalformedQueryString", f"The field {name} clashes with another of the request.")


def _read(shape: Shape, node: Any, name: str) -> Any:
    """The node as JSON would have carried it, for the validation that both protocols share."""
    match shape.type_name:
        case "structure":
            return _read_structure(shape, node, name)
        case "list":
            return _read_list(shape, node, name)
        case "map":
            return _read_map(shape, node, name)
    if not isinstance(node, str):
        raise _malformed(name)
    return _read_scalar(shape.type_name, node)


def _read_structure(shape: Any, node: Any, name: str) -> dict[str, Any]:
    if not isinstance(node, dict):
        # An empty structure is written as a field without value.
        if node == "":
            return {}
        raise _malformed(name)
    names = {inner.serialization.get("name", member): (member, inner) for member, inner in shape.members.items()}
    result = {}
    for field, value in node.items():
        member, inner = names.get(field, (field, None))
        result[member] = value if inner is None else _read(inner, value, f"{name}.{field}".lstrip("."))
    return result


def _read_list(shape: Any, node: Any, name: str) -> list[Any]:
    if node == "":
        return []
    if not isinstance(node, dict):
        raise _malformed(name)
    item = shape.member.serialization.get("name", "member")
    numbered = node if _flat(shape) or item not in node else node[item]
    if numbered == "":
        return []
    return [_read(shape.member, value, f"{name}.{number}") for number, value in _in_order(numbered, name)]


def _read_map(shape: Any, node: Any, name: str) -> dict[str, Any]:
    if node == "":
        return {}
    if not isinstance(node, dict):
        raise _malformed(name)
    entries = node if _flat(shape) or "entry" not in node else node["entry"]
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    result = {}
    for number, entry in _in_order(entries, name):
        if not isinstance(entry, dict) or set(entry) != {key_name, value_name}:
            raise _malformed(f"{name}.{number}")
        result[entry[key_name]] = _read(shape.value, entry[value_name], f"{name}.{number}")
    return result


def _flat(shape: Shape) -> bool:
    return bool(shape.serialization.get("flattened"))


def _in_order(numbered: Any, name: str) -> list[tuple[int, Any]]:
    if not isinstance(numbered, dict) or not all(_POSITION.fullmatch(number) for number in numbered):
        raise _malformed(name)
    return sorted(((int(number), value) for number, value in numbered.items()), key=lambda pair: pair[0])


def _malformed(name: str) -> Exception:
    return reject("MalformedQueryString", f"The field {name} does not have the form that the operation gives it.")


def _read_scalar(kind: str, text: str) -> Any:
    """A number or boolean if the text is one; else the text, which validation then refuses by its type."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind in ("integer", "long"):
        return int(text) if _WHOLE.fullmatch(text) else text
    if kind in ("float", "double"):
        return float(text) if _DECIMAL.fullmatch(text) else text
    return text


def _members(shape: Any, value: dict[str, Any]) -> Iterator[str]:
    for member, inner in shape.members.items():
        content = value.get(member)
        if content is not None:
            yield from _written(inner, inner.serialization.get("name", member), content)


def _written(shape: Any, name: str, value: Any) -> Iterator[str]:
    match shape.type_name:
        case "structure":
            yield _element(name, "".join(_members(shape, value)))
        case "list":
            yield from _written_list(shape, name, value)
        case "map":
            yield from _written_map(shape, name, value)
        case _:
            yield _element(name, _text(_scalar(shape, value)))


def _written_list(shape: Any, name: str, value: list[Any]) -> Iterator[str]:
    item = shape.member.serialization.get("name", "member")
    if _flat(shape):
        for inner in value:
            yield from _written(shape.member, name, inner)
        return
    yield _element(name, "".join(part for inner in value for part in _written(shape.member, item, inner)))


def _written_map(shape: Any, name: str, value: dict[str, Any]) -> Iterator[str]:
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    entries = [
        _element(key_name, _text(key)) + "".join(_written(shape.value, value_name, inner))
        for key, inner in value.items()
    ]
    if _flat(shape):
        yield from (_element(name, entry) for entry in entries)
    else:
        yield _element(name, "".join(_element("entry", entry) for entry in entries))


def _scalar(shape: Shape, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return scalars.write_iso8601(value)
    if isinstance(value, bytes):
        return scalars.write_blob(value)
    return str(value)


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>"


def _text(value: str) -> str:
    """Text for XML 1.0, which has no way to write control characters."""
    return escape(value.translate(_NOT_XML), {"\r": "&#13;"})


def _document(status: int, root: str, namespace: str, content: str, request_id: str) -> Response:
    attribute = f' xmlns="{namespace}"' if namespace else ""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>{content}</{root}>\n'
    return Response(status, (_CONTENT_TYPE, ("x-amzn-requestid", request_id)), body.encode("utf-8"))
