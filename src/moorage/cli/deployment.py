"""Deploying and deleting one stack through CloudFormation: the request, the wait, and the reason when it failed.

Yields what happens as values; how they look is `progress`'s and the commands'.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from moorage.cli.assembly import StackToDeploy
from moorage.cli.aws import Aws, Refusal
from moorage.cli.event import Event
from moorage.cli.failure import Failure
from moorage.cli.task_watch import TaskWatch

CAPABILITIES: Final = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
POLL_SECONDS: Final = 0.2
REPLACEABLE: Final = frozenset({"ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"})


class Deployment:
    """One stack on its way. `deploy` and `delete` yield events until it has come to rest."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._aws = aws
        self.name = name
        self._seen: set[str] = set()
        self._failures: list[Event] = []
        self._tasks = TaskWatch(aws)

    def describe(self) -> dict[str, Any] | None:
        """The stack, or None if there is none."""
        try:
            answer = self._aws.call("cloudformation", "describe_stacks", StackName=self.name)
        except Refusal as error:
            if error.error_code == "ValidationError" and "does not exist" in error.message:
                return None
            raise
        found: dict[str, Any] = answer["Stacks"][0]
        return found

    def deploy(self, stack: StackToDeploy) -> Iterator[Event]:
        """Create or update the stack; nothing is yielded when it is as it should be already."""
        there = self.describe()
        if there is not None and there["StackStatus"].endswith("_IN_PROGRESS"):
            raise Failure(f"stack {self.name}", f"it is {there['StackStatus']}", "Try again when that has ended.")
        if there is not None and there["StackStatus"] in REPLACEABLE:
            # What never came to be cannot be updated: CloudFormation wants it deleted first.
            yield from self.delete()
            there = None
        self._remember(there)
        try:
            stack_id = self._create(stack) if there is None else self._update(stack, there)
        except Refusal as error:
            if error.error_code != "ValidationError":
                raise
            raise Failure(f"stack {self.name}", f"refused, nothing was changed: {error.message}") from error
        if stack_id is not None:
            yield from self._follow(stack_id, ("CREATE_COMPLETE", "UPDATE_COMPLETE"))

    def delete(self) -> Iterator[Event]:
        """Delete the stack and wait until it is gone."""
        there = self.describe()
        if there is None:
            raise Failure(f"stack {self.name}", "it does not exist", "`aws cloudformation list-stacks` lists them.")
        self._remember(there)
        self._aws.call("cloudformation", "delete_stack", StackName=there["StackId"])
        yield from self._follow(there["StackId"], ("DELETE_COMPLETE",))

    def outputs(self) -> list[dict[str, Any]]:
        there = self.describe()
        return list(there.get("Outputs", [])) if there else []

    def _create(self, stack: StackToDeploy) -> str:
        answer = self._aws.call("cloudformation", "create_stack", **self._request(stack, frozenset()))
        return str(answer["StackId"])

    def _update(self, stack: StackToDeploy, there: dict[str, Any]) -> str | None:
        kept = frozenset(parameter["ParameterKey"] for parameter in there.get("Parameters", []))
        try:
            answer = self._aws.call("cloudformation", "update_stack", **self._request(stack, kept))
            return str(answer["StackId"])
        except Refusal as error:
            if "No updates are to be performed" in error.message:
                return None
            raise

    def _request(self, stack: StackToDeploy, kept: frozenset[str]) -> dict[str, Any]:
        """Parameters that an update does not mention keep their values, as long as the template declares them."""
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in stack.parameters.items()]
        previous = [
            {"ParameterKey": name, "UsePreviousValue": True}
            for name in stack.declares
            if name in kept and name not in stack.parameters
        ]
        return {
            "StackName": self.name,
            "TemplateBody": stack.template,
            "Parameters": given + previous,
            "Capabilities": CAPABILITIES,
            "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
        }

    def _remember(self, there: dict[str, Any] | None) -> None:
        """Events of earlier deployments are not news."""
        if there is not None:
            self._seen = {event["EventId"] for event in self._events(there["StackId"])}

    def _follow(self, stack_id: str, good: Sequence[str]) -> Iterator[Event]:
        while True:
            answer = self._aws.call("cloudformation", "describe_stacks", StackName=stack_id)
            status: str = answer["Stacks"][0]["StackStatus"]
            for event in self._new_events(stack_id):
                if event.status.endswith("_FAILED"):
                    self._failures.append(event)
                self._tasks.heed(event)
                yield event
            yield from self._tasks.changes()
            if status in good:
                return
            if not status.endswith("_IN_PROGRESS"):
                raise self._failed(status, answer["Stacks"][0].get("StackStatusReason", ""))
            time.sleep(POLL_SECONDS)

    def _new_events(self, stack_id: str) -> list[Event]:
        fresh = [event for event in self._events(stack_id) if event["EventId"] not in self._seen]
        self._seen |= {event["EventId"] for event in fresh}
        return [_event(event) for event in reversed(fresh)]

    def _events(self, stack_id: str) -> list[dict[str, Any]]:
        return list(self._aws.pages("cloudformation", "describe_stack_events", "StackEvents", StackName=stack_id))

    def _failed(self, status: str, reason: str) -> Failure:
        """The first failure that has a reason of its own tells why; the others were cancelled for it."""
        causes = [event for event in self._failures if event.reason and "cancelled" not in event.reason]
        if causes:
            cause = causes[0]
            return Failure(f"stack {self.name}", f"{status}: {cause.name} ({cause.kind}): {cause.reason}")
        return Failure(f"stack {self.name}", f"{status}: {reason}" if reason else status)


def _event(document: dict[str, Any]) -> Event:
    return Event(
        at=document["Timestamp"],
        status=document["ResourceStatus"],
        kind=document["ResourceType"],
        name=document["LogicalResourceId"],
        physical_id=document.get("PhysicalResourceId", ""),
        reason=document.get("ResourceStatusReason", ""),
    )
