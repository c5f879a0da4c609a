"""A change set: what a stack would become and which resources would change, kept until somebody executes it.

Whether it can be executed follows from it and its stack: it speaks of the stack as it was in one phase.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from moorage.domain.arns import Arn
from moorage.domain.changes import Key, Link
from moorage.domain.stack import Source, Stack, StackStatus


@dataclass(frozen=True)
class PropertyChange:
    """A property that differs. `recreation` is CloudFormation's Never, Conditionally or Always.

    `dynamic`: the value is known only once other resources have been made. `cause` names what the change comes from:
    a parameter, a resource (`Log`) or an attribute (`Log.Arn`); empty where the template itself says another thing.
    """

    name: str
    recreation: str
    source: str
    cause: str = ""
    dynamic: bool = False
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class ResourceChange:
    """What would happen to a resource: `action` is Add, Modify or Remove, `replacement` True, False or Conditional.

    `before` and `after` are its properties as JSON; empty where there are none.
    """

    action: str
    logical_id: str
    type: str
    physical_id: str = ""
    replacement: str = ""
    policy: str = ""
    properties: tuple[PropertyChange, ...] = ()
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class ChangeSet:
    """`stack` is the uid of its stack, `of_phase` the phase of the stack that it was made for.

    `failure` says why it can never be executed. `on_failure` is what a creation does that fails.
    """

    table: ClassVar[str] = "change_set"

    account: str
    region: str
    stack: str
    name: str
    uid: str
    type: str
    created_at: datetime
    of_phase: str
    source: Source
    changes: tuple[ResourceChange, ...] = ()
    description: str = ""
    failure: str = ""
    on_failure: str = ""
    token: str = ""
    executed: bool = False

    @property
    def key(self) -> Key:
        return change_set_key(self.account, self.region, self.stack, self.name)

    @property
    def id(self) -> str:
        """Its ARN."""
        return str(Arn("cloudformation", self.region, self.account, f"changeSet/{self.name}/{self.uid}"))

    def links(self) -> tuple[Link, ...]:
        return (("stack", (self.account, self.region, self.stack)), ("id", (self.id,)))

    @property
    def status(self) -> str:
        """CREATE_COMPLETE or FAILED: nothing is left to be done when the request that makes it is answered."""
        return "FAILED" if self.failure else "CREATE_COMPLETE"

    def execution(self, stack: Stack) -> str:
        """CloudFormation's ExecutionStatus, beside the stack as it is now."""
        if self.failure:
            return "UNAVAILABLE"
        if not self.executed:
            return "AVAILABLE" if self.of_phase == stack.phase else "OBSOLETE"
        return _EXECUTION.get(stack.status, "EXECUTE_FAILED")


_EXECUTION = {
    StackStatus.CREATE_IN_PROGRESS: "EXECUTE_IN_PROGRESS",
    StackStatus.CREATE_COMPLETE: "EXECUTE_COMPLETE",
    StackStatus.UPDATE_IN_PROGRESS: "EXECUTE_IN_PROGRESS",
    StackStatus.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS: "EXECUTE_COMPLETE",
    StackStatus.UPDATE_COMPLETE: "EXECUTE_COMPLETE",
}
"""How far an executed change set is; where the stack stands elsewhere, it went back or was given up."""


def change_set_key(account: str, region: str, stack: str, name: str) -> Key:
    return (account, region, stack, name)
