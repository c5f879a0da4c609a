"""What a resource type says: scripts of requests, waits and results, and the type's own facts.

A script is a generator: it yields what it wants and is sent the answer. It touches nothing itself, so the same script
runs in a test against answers written by hand and in the engine against the real operations. A script may be run again
from its start after a crash (`resumed`); it must then find what its first run made instead of making it twice.
"""

import base64
import hashlib
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage.stacks.resources.shapes import Object

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    """Call an operation; the script is sent its response, or a Declined is raised in it."""

    service: str
    operation: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Until:
    """Repeat a request until `settled` says True of its answer; then the script is sent that answer.

    `settled` may raise Failed. Errors whose code is in `again_on` are waited out. Without `patience` (seconds) the wait
    has no end of its own. Here, and only here, a script may be stopped from outside.
    """

    request: Request
    settled: Callable[[Answer], bool]
    again_on: frozenset[str] = frozenset()
    patience: float | None = None


@dataclass(frozen=True)
class Made:
    """What there is now: recorded at once, so that whatever happens next, it is known and can be taken away."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Declined(Exception):
    """An operation answered with an error."""

    def __init__(self, request: Request, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.request = request
        self.code = code
        self.message = message
        self.status = status


class Failed(Exception):
    """The resource cannot be made as asked. `handler_code` is CloudFormation's own word for the kind of failure."""

    def __init__(self, reason: str, handler_code: str = "GeneralServiceException") -> None:
        super().__init__(reason)
        self.reason = reason
        self.handler_code = handler_code


Step = Request | Until | Made
Script = Generator[Step, Answer, None]


@dataclass(frozen=True)
class Order:
    """What a script works from.

    `properties` are in shape. `old` and `physical_id`, `attributes` speak of what exists (update, delete). `known` are
    the ids that this logical resource had before, which a resumed creation must not take for its own. `adopts`: what
    exists under its custom name is to be taken.
    """

    account: str
    region: str
    stack_name: str
    stack_id: str
    logical_id: str
    token: str
    properties: Mapping[str, Any]
    resumed: bool = False
    old: Mapping[str, Any] = field(default_factory=dict)
    physical_id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    adopts: bool = False

    def may_take(self, tags: Mapping[str, str]) -> bool:
        """What exists under a resource's name, with these tags, may become the stack's: its own run made it before,
        or the stack adopts what others made."""
        return self.adopts or (self.resumed and tags.items() >= self.system_tags().items())

    def changed(self, *names: str) -> bool:
        """One of the properties differs from what exists."""
        return any(self.properties.get(name) != self.old.get(name) for name in names)

    def generated_name(self, limit: int = 64) -> str:
        """`Stack-Logical-RANDOM`: the same on every run of a script with this token, new with a new token."""
        suffix = base64.b32encode(hashlib.sha256(self.token.encode()).digest()).decode()[:12]
        room = limit - len(suffix) - 2
        logical = self.logical_id[: max(room - len(self.stack_name), room // 2)]
        return f"{self.stack_name[: room - len(logical)]}-{logical}-{suffix}"

    def tags(self, of: Mapping[str, Any] | None = None) -> dict[str, str]:
        """The tags, the stack's among them."""
        own = (self.properties if of is None else of).get("Tags", [])
        if not isinstance(own, Mapping):  # a few types write their tags as a map
            own = {tag["Key"]: tag["Value"] for tag in own}
        return dict(own)

    def system_tags(self) -> dict[str, str]:
        """The tags by which CloudFormation marks what it makes."""
        return {
            "aws:cloudformation:stack-name": self.stack_name,
            "aws:cloudformation:logical-id": self.logical_id,
            "aws:cloudformation:stack-id": self.stack_id,
        }


@dataclass(frozen=True)
class ResourceType:
    """A resource type: what it understands, and its scripts. A change of a property in `replace_on` makes a new one;
    one inside a property is written `Outer.Inner`.

    Without `update` every change does. `name` is the property that gives a custom name, if there is one; `check` looks
    for faults that the shape cannot express and returns a sentence.
    """

    type: str
    properties: Object
    create: Callable[[Order], Script]
    delete: Callable[[Order], Script]
    update: Callable[[Order], Script] | None = None
    replace_on: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    name: str | None = None

    def replaces(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
        """A change from the old to the new properties cannot be made in place."""
        return self.update is None or any(_at(old, path) != _at(new, path) for path in self.replace_on)


def _at(properties: Any, path: str) -> Any:
    """What is at `Outer.Inner`; the outer one where it cannot be looked into yet."""
    outer, _, inner = path.partition(".")
    found = properties.get(outer)
    return _at(found, inner) if inner and isinstance(found, Mapping) else found


def as_tags(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as a list of pairs, in the order of their names."""
    return [{key: name, value: tags[name]} for name in sorted(tags)]


def ask(service: str, operation: str, /, **arguments: Any) -> Request:
    """A request without the arguments that are None."""
    return Request(service, operation, {name: value for name, value in arguments.items() if value is not None})


def unless(codes: Iterable[str], request: Request | Until) -> Generator[Step, Answer, Answer | None]:
    """Make the request; None if it is declined with one of these codes."""
    try:
        return (yield request)
    except Declined as declined:
        if declined.code in codes:
            return None
        raise


def already_exists(kind: str, identifier: str) -> Failed:
    """CloudFormation's words for a name that is taken."""
    return Failed(f"Resource of type '{kind}' with identifier '{identifier}' already exists.", "AlreadyExists")


def nothing(order: Order) -> Script:
    """A script with nothing to do."""
    return
    yield
