"""The ledger of one turn: what a stack's records become, and the events that tell of it, in order.

Walks over the resources read and write it; the engine commits what it holds in one go.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from moorage.domain.changes import ABSENT, Delete, Put, RecordId, Write
from moorage.domain.claim import EXPORT, Claim, claim_key
from moorage.domain.stack import (
    STACK_NAME,
    Deployed,
    Output,
    ResourceStatus,
    Stack,
    StackEvent,
    StackResource,
    StackStatus,
)

STACK_TYPE = "AWS::CloudFormation::Stack"


class Ledger:
    """Mutable for one turn. `draw` gives fresh ids."""

    def __init__(
        self, stack: Stack, resources: Iterable[StackResource], now: datetime, draw: Callable[[], str]
    ) -> None:
        self.stack = stack
        self.resources: dict[str, StackResource] = {resource.logical_id: resource for resource in resources}
        self.now = now
        self.draw = draw
        self._before = stack
        self._changed: dict[str, StackResource] = {}
        self._events: list[StackEvent] = []
        self._claims: list[Write] = []
        self.expect: dict[RecordId, int] = {}

    def at_hand(self, logical_id: str, type_: str) -> StackResource:
        """The resource, or a new record for it."""
        found = self.resources.get(logical_id)
        if found is not None:
            return found
        stack = self.stack
        return StackResource(
            stack.account, stack.region, stack.uid, logical_id, type_, ResourceStatus.CREATE_IN_PROGRESS, self.now
        )

    def put(self, resource: StackResource) -> None:
        """Keep a resource without telling of it."""
        self.resources[resource.logical_id] = resource
        self._changed[resource.logical_id] = resource

    def tell(self, resource: StackResource, physical_id: str | None = None) -> None:
        """Keep a resource and tell its status and reason in an event."""
        resource = replace(resource, updated_at=self.now)
        self.put(resource)
        shown = resource.goal or resource.current
        self._event(
            resource.logical_id,
            resource.physical_id if physical_id is None else physical_id,
            resource.type,
            resource.status,
            resource.reason,
            json.dumps(shown.properties, sort_keys=True) if shown else "",
        )

    def turn(self, status: StackStatus, reason: str = "", **changes: Any) -> None:
        """Move the stack to a status, in a new phase, and tell of it."""
        self.stack = replace(self.stack, status=status, status_reason=reason, phase=self.draw(), **changes)
        self._event(self.stack.name, self.stack.id, STACK_TYPE, status, reason, "")

    def _event(self, logical_id: str, physical_id: str, type_: str, status: str, reason: str, properties: str) -> None:
        stack = self.stack
        number = stack.events + 1
        identity = self.draw() if type_ == STACK_TYPE else f"{logical_id}-{status}-{number:06}"
        self._events.append(
            StackEvent(
                account=stack.account,
                region=stack.region,
                stack=stack.uid,
                number=number,
                id=identity,
                stack_name=stack.name,
                logical_id=logical_id,
                physical_id=physical_id,
                type=type_,
                at=self.now,
                status=str(status),
                reason=reason,
                properties=properties,
                request_token=stack.request_token,
            )
        )
        self.stack = replace(stack, events=number)

    def export(self, outputs: Iterable[Output], versions: Mapping[str, int]) -> None:
        """Claim the names that `outputs` export and let go of those that are exported no more.

        `versions` are the versions of the claims that this stack holds now.
        """
        wanted = {output.export: output.value for output in outputs if output.export}
        for name in sorted(set(versions) - set(wanted)):
            self._claims.append(Delete(Claim.table, self._claim_key(name)))
        for name, value in wanted.items():
            self._claims.append(Put(self._claim(name, value)))
        for name in {*wanted, *versions}:
            self.expect[(Claim.table, self._claim_key(name))] = versions.get(name, ABSENT)

    def release_name(self) -> None:
        """Let another stack have the name."""
        stack = self.stack
        self._claims.append(Delete(Claim.table, claim_key(stack.account, stack.region, STACK_NAME, stack.name)))

    def _claim_key(self, name: str) -> tuple[str, ...]:
        return claim_key(self.stack.account, self.stack.region, EXPORT, name)

    def _claim(self, name: str, value: str) -> Claim:
        return Claim(self.stack.account, self.stack.region, EXPORT, (name,), self.stack.id, value)

    # What walks ask of the resources.

    def dealt_with(self, resource: StackResource) -> bool:
        """The running phase has begun or finished with it."""
        return resource.phase == self.stack.phase

    def failed(self) -> list[str]:
        """The resources that failed in the running phase."""
        found = [one for one in self.resources.values() if self.dealt_with(one) and one.status.failed]
        return sorted(one.logical_id for one in found)

    def moving(self) -> list[StackResource]:
        """The resources that something is being done to."""
        return [resource for resource in self.resources.values() if resource.status.moving]

    def existing(self) -> dict[str, Deployed]:
        """What exists by logical id."""
        return {name: one.current for name, one in self.resources.items() if one.current is not None}

    def writes(self) -> list[Write]:
        """Everything that the turn changed."""
        records: list[Any] = [*self._changed.values(), *self._events]
        if self.stack != self._before:
            records.append(self.stack)
        return [*(Put(record) for record in records), *self._claims]
