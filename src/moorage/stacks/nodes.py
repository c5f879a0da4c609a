"""The syntax tree of a template: scalars, lists, mappings and function calls, each knowing where it stands.

Nothing here knows what a function means; `syntax` builds the tree and `intrinsics` gives calls their values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where a node stands in the template: the keys and indexes that lead to it."""


class TemplateError(Exception):
    """A template was refused: `reason` says why, `path` where. Nothing was changed."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{reason} (at {spot(path)})" if path else reason)
        self.path = path
        self.reason = reason

    @property
    def sentence(self) -> str:
        """Reason and place, as a user reads them."""
        return str(self)


def spot(path: Path) -> str:
    """`Resources/Web/Properties/Tags/0`."""
    return "/".join(str(step) for step in path)


@dataclass(frozen=True)
class Scalar:
    """A string, number, boolean or null."""

    value: str | int | float | bool | None
    at: Path


@dataclass(frozen=True)
class Items:
    """A list."""

    items: tuple["Node", ...]
    at: Path


@dataclass(frozen=True)
class Fields:
    """A mapping with unique string keys, in the order written."""

    fields: Mapping[str, "Node"]
    at: Path

    def get(self, name: str) -> "Node | None":
        return self.fields.get(name)


@dataclass(frozen=True)
class Call:
    """A function and its one argument: `Ref`, `Condition` or `Fn::Something`."""

    function: str
    argument: "Node"
    at: Path


Node = Scalar | Items | Fields | Call


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, outer before inner."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(children(current)))


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case Items(items):
            return items
        case Fields(fields):
            return tuple(fields.values())
        case Call(_, argument):
            return (argument,)
        case _:
            return ()


def fields_of(node: Node, what: str) -> Fields:
    """The node as a mapping, or a refusal that names `what` it should have been."""
    if isinstance(node, Fields):
        return node
    raise TemplateError(node.at, f"Template format error: {what} must be an object")


def text_of(node: Node, what: str) -> str:
    """The node as a literal string, or a refusal."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value
    raise TemplateError(node.at, f"Template format error: {what} must be a string")


def texts_of(node: Node, what: str) -> tuple[str, ...]:
    """The node as a literal string or list of strings."""
    if isinstance(node, Items):
        return tuple(text_of(item, what) for item in node.items)
    return (text_of(node, what),)
