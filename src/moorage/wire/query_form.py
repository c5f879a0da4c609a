"""The form of a Query request: dotted names as a tree, and the tree as the input that JSON would have carried.

EC2 has a dialect of its own: other names for members, and lists without a word between their name and the numbers.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import Shape

from moorage.wire import limits
from moorage.wire.faults import reject
from moorage.wire.message import Request

_PROTOCOL_MEMBERS = frozenset({"Action", "Version"})
_MAX_FIELDS = 10_000
_POSITION = re.compile(r"\d{1,9}", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?", re.ASCII)

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


def parameters(request: Request) -> Tree:
    """The fields that are the operation's own, as a tree."""
    tree: Tree = {}
    for name, value in form(request).items():
        if name not in _PROTOCOL_MEMBERS and not name.startswith("X-Amz-"):
            _plant(tree, name, value)
    return tree


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


class Reader:
    """Reads a tree by a shape, in the dialect of most Query services; its input is validated by who called."""

    def name_of(self, shape: Shape, member: str) -> str:
        """What a member is called in a form."""
        name: str = shape.serialization.get("name", member)
        return name

    def numbered(self, shape: Any, node: Tree) -> Any:
        """The numbers of a list with their items: below the name of its items, if it is not flattened."""
        item = shape.member.serialization.get("name", "member")
        return node if _flat(shape) or item not in node else node[item]

    def read(self, shape: Shape, node: Any, name: str = "") -> Any:
        """The node as JSON would have carried it, for the validation that all protocols share."""
        match shape.type_name:
            case "structure":
                return self._structure(shape, node, name)
            case "list":
                return self._list(shape, node, name)
            case "map":
                return self._map(shape, node, name)
        if not isinstance(node, str):
            raise _malformed(name)
        return _scalar(shape.type_name, node)

    def _structure(self, shape: Any, node: Any, name: str) -> dict[str, Any]:
        if not isinstance(node, dict):
            # An empty structure is written as a field without value.
            if node == "":
                return {}
            raise _malformed(name)
        names = {self.name_of(inner, member): (member, inner) for member, inner in shape.members.items()}
        result = {}
        for field, value in node.items():
            member, inner = names.get(field, (field, None))
            result[member] = value if inner is None else self.read(inner, value, f"{name}.{field}".lstrip("."))
        return result

    def _list(self, shape: Any, node: Any, name: str) -> list[Any]:
        if node == "":
            return []
        if not isinstance(node, dict):
            raise _malformed(name)
        numbered = self.numbered(shape, node)
        if numbered == "":
            return []
        return [self.read(shape.member, value, f"{name}.{number}") for number, value in _in_order(numbered, name)]

    def _map(self, shape: Any, node: Any, name: str) -> dict[str, Any]:
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
            result[entry[key_name]] = self.read(shape.value, entry[value_name], f"{name}.{number}")
        return result


class Ec2Reader(Reader):
    """EC2's dialect (Smithy, "AWS EC2 query protocol")."""

    def name_of(self, shape: Shape, member: str) -> str:
        """The model's name for queries, else its name in answers with a capital at its head."""
        if "queryName" in shape.serialization:
            return str(shape.serialization["queryName"])
        name = shape.serialization.get("name", member)
        return str(name[0].upper() + name[1:])

    def numbered(self, shape: Any, node: Tree) -> Any:
        """The numbers follow the list's own name."""
        return node


def _flat(shape: Shape) -> bool:
    return bool(shape.serialization.get("flattened"))


def _in_order(numbered: Any, name: str) -> list[tuple[int, Any]]:
    if not isinstance(numbered, dict) or not all(_POSITION.fullmatch(number) for number in numbered):
        raise _malformed(name)
    return sorted(((int(number), value) for number, value in numbered.items()), key=lambda pair: pair[0])


def _malformed(name: str) -> Exception:
    return reject("MalformedQueryString", f"The field {name} does not have the form that the operation gives it.")


def _scalar(kind: str, text: str) -> Any:
    """A number or boolean if the text is one; else the text, which validation then refuses by its type."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind in ("integer", "long"):
        return int(text) if _WHOLE.fullmatch(text) else text
    if kind in ("float", "double"):
        return float(text) if _DECIMAL.fullmatch(text) else text
    return text
