"""CloudFormation's nouns: Stack, StackResource, StackEvent, and the words for where they stand.

A Stack carries its intent (source and phase); a StackResource what exists, what is being made of it, and what
existed before the update, so that a rollback needs nothing but these records.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from moorage.domain.arns import Arn
from moorage.domain.changes import Key, Link

STACK_NAME = "stack-name"
"""Kind of claim: a stack's name, held until the stack is deleted."""


class StackStatus(StrEnum):
    """CloudFormation's words. REVIEW_IN_PROGRESS: there is but a change set that would create it."""

    REVIEW_IN_PROGRESS = "REVIEW_IN_PROGRESS"
    CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
    CREATE_FAILED = "CREATE_FAILED"
    CREATE_COMPLETE = "CREATE_COMPLETE"
    ROLLBACK_IN_PROGRESS = "ROLLBACK_IN_PROGRESS"
    ROLLBACK_FAILED = "ROLLBACK_FAILED"
    ROLLBACK_COMPLETE = "ROLLBACK_COMPLETE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETE_FAILED = "DELETE_FAILED"
    DELETE_COMPLETE = "DELETE_COMPLETE"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_FAILED = "UPDATE_FAILED"
    UPDATE_COMPLETE_CLEANUP_IN_PROGRESS = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    UPDATE_COMPLETE = "UPDATE_COMPLETE"
    UPDATE_ROLLBACK_IN_PROGRESS = "UPDATE_ROLLBACK_IN_PROGRESS"
    UPDATE_ROLLBACK_FAILED = "UPDATE_ROLLBACK_FAILED"
    UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
    UPDATE_ROLLBACK_COMPLETE = "UPDATE_ROLLBACK_COMPLETE"

    @property
    def moving(self) -> bool:
        """Something is still to be done for the stack."""
        return self.endswith("_IN_PROGRESS") and self is not StackStatus.REVIEW_IN_PROGRESS


UPDATABLE = frozenset({StackStatus.CREATE_COMPLETE, StackStatus.UPDATE_COMPLETE, StackStatus.UPDATE_ROLLBACK_COMPLETE})
"""Where an update may begin."""


class ResourceStatus(StrEnum):
    """CloudFormation's words."""

    CREATE_IN_PROGRESS = "CREATE_IN_PROGRESS"
    CREATE_FAILED = "CREATE_FAILED"
    CREATE_COMPLETE = "CREATE_COMPLETE"
    UPDATE_IN_PROGRESS = "UPDATE_IN_PROGRESS"
    UPDATE_FAILED = "UPDATE_FAILED"
    UPDATE_COMPLETE = "UPDATE_COMPLETE"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    DELETE_FAILED = "DELETE_FAILED"
    DELETE_COMPLETE = "DELETE_COMPLETE"
    DELETE_SKIPPED = "DELETE_SKIPPED"

    @property
    def moving(self) -> bool:
        return self.endswith("_IN_PROGRESS")

    @property
    def failed(self) -> bool:
        return self.endswith("_FAILED")


@dataclass(frozen=True)
class ParameterValue:
    """A parameter as it was given, what it came to (SSM types), and whether it must not be shown."""

    name: str
    given: str
    value: str | tuple[str, ...]
    resolved: str | None = None
    no_echo: bool = False


@dataclass(frozen=True)
class Source:
    """What a stack is made from: all of it that decides what its resources should be.

    Looked up when the request came: `zones`, the availability zones that Fn::GetAZs answers, by region; `read`, what
    Fn::GetStackOutput answers, by region, stack and output. `adopts`: what exists already under a custom name, and is
    retained, becomes the stack's.
    """

    template: str
    parameters: tuple[ParameterValue, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    zones: dict[str, tuple[str, ...]] = field(default_factory=dict)
    role_arn: str = ""
    read: dict[str, str] = field(default_factory=dict)
    adopts: bool = False


@dataclass(frozen=True)
class Output:
    """An output's value; `export` is the name other stacks import it by, or empty."""

    name: str
    value: str
    description: str = ""
    export: str = ""


@dataclass(frozen=True)
class Stack:
    """`phase` is a fresh id for each walk over the resources: create, update, roll back, delete.

    `before` is the source of the last good state while an update or its rollback runs. `events` counts the events.
    `on_failure` is ROLLBACK, DELETE or DO_NOTHING and speaks of creation.
    """

    table: ClassVar[str] = "stack"

    account: str
    region: str
    name: str
    uid: str
    status: StackStatus
    created_at: datetime
    source: Source
    phase: str
    status_reason: str = ""
    description: str = ""
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    before: Source | None = None
    on_failure: str = "ROLLBACK"
    retain: tuple[str, ...] = ()
    termination_protection: bool = False
    request_token: str = ""
    outputs: tuple[Output, ...] = ()
    imports: tuple[str, ...] = ()
    events: int = 0

    @property
    def key(self) -> Key:
        return stack_key(self.account, self.region, self.uid)

    @property
    def id(self) -> str:
        return stack_id(self.account, self.region, self.name, self.uid)

    def links(self) -> tuple[Link, ...]:
        imports = tuple(("import", (self.account, self.region, name)) for name in self.imports)
        return (("name", (self.account, self.region, self.name)), *imports)


def stack_id(account: str, region: str, name: str, uid: str) -> str:
    """A stack's ARN."""
    return str(Arn("cloudformation", region, account, f"stack/{name}/{uid}"))


def stack_key(account: str, region: str, uid: str) -> Key:
    return (account, region, uid)


@dataclass(frozen=True)
class Deployed:
    """Something that exists, or is to exist, for a stack: its id, its properties, what Fn::GetAtt answers.

    `deletion` and `replacement` are its policies; `token` is the client token of the act that made it.
    """

    type: str
    physical_id: str
    properties: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    deletion: str = "Delete"
    replacement: str = "Delete"
    token: str = ""


@dataclass(frozen=True)
class StackResource:
    """A logical resource of a stack.

    `current` is what exists, `goal` what it is being turned into (the intent, committed before acting), `doomed` what a
    replacement left over, `token` the client token of the act under way, `phase` the stack's phase in which it was last
    dealt with. `touched` says that the running update has dealt with it; `before` is then what it found.
    """

    table: ClassVar[str] = "stack_resource"

    account: str
    region: str
    stack: str
    logical_id: str
    type: str
    status: ResourceStatus
    updated_at: datetime
    reason: str = ""
    current: Deployed | None = None
    goal: Deployed | None = None
    before: Deployed | None = None
    touched: bool = False
    doomed: tuple[Deployed, ...] = ()
    token: str = ""
    phase: str = ""

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.stack, self.logical_id)

    @property
    def physical_id(self) -> str:
        return self.current.physical_id if self.current else ""

    def links(self) -> tuple[Link, ...]:
        return (("stack", (self.account, self.region, self.stack)),)


@dataclass(frozen=True)
class StackEvent:
    """One line of a stack's story; `number` orders the events of a stack."""

    table: ClassVar[str] = "stack_event"

    account: str
    region: str
    stack: str
    number: int
    id: str
    stack_name: str
    logical_id: str
    physical_id: str
    type: str
    at: datetime
    status: str
    reason: str = ""
    properties: str = ""
    request_token: str = ""

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.stack, f"{self.number:08}")

    def links(self) -> tuple[Link, ...]:
        return (("stack", (self.account, self.region, self.stack)),)
