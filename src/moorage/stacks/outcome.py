"""What an act came to, written into the ledger: made, done, failed.

An act is what is under way for one resource: making it, changing it, taking something of it away. Which of these it
is follows from the record alone, so that a restarted daemon knows it as well.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from moorage.domain.stack import ResourceStatus, Stack, StackResource
from moorage.stacks import removal
from moorage.stacks.ledger import Ledger
from moorage.stacks.resources.script import Made, Order

INITIATED = "Resource creation Initiated"


class Act(StrEnum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


def act_of(resource: StackResource) -> Act:
    """The act under way."""
    if resource.status is ResourceStatus.DELETE_IN_PROGRESS:
        return Act.DELETE
    if resource.goal is not None and resource.goal.physical_id:
        return Act.UPDATE
    return Act.CREATE


def order_of(stack: Stack, resource: StackResource, resumed: bool) -> Order:
    """What the script of the act under way works from.

    A stack that adopts what exists takes it as if an interrupted run of its own had made it.
    """
    goal, current = resource.goal, resource.current
    if goal is None:
        raise AssertionError(f"{resource.logical_id} has no goal")
    act = act_of(resource)
    subject = current if act is Act.UPDATE else goal
    adopts = stack.source.adopts and goal.deletion == "Retain"
    older = {
        one.physical_id for one in (*resource.doomed, resource.before, current) if one and one.token != resource.token
    }
    return Order(
        account=stack.account,
        region=stack.region,
        stack_name=stack.name,
        stack_id=stack.id,
        logical_id=resource.logical_id,
        token=resource.token,
        properties=goal.properties,
        resumed=resumed or adopts,
        adopts=adopts,
        old=current.properties if act is Act.UPDATE and current else {},
        physical_id=subject.physical_id if subject else "",
        attributes=subject.attributes if subject else {},
        known=frozenset(older) if act is Act.CREATE else frozenset(),
    )


def made(ledger: Ledger, logical_id: str, thing: Made) -> None:
    """Record what there is now, before anything else can go wrong."""
    resource = ledger.resources[logical_id]
    current, goal = resource.current, resource.goal
    if goal is None or act_of(resource) is Act.DELETE:
        return
    attributes: Mapping[str, Any] = dict(thing.attributes)
    if current is not None and (act_of(resource) is Act.UPDATE or current.token == resource.token):
        ledger.put(replace(resource, current=replace(current, attributes={**current.attributes, **attributes})))
        return
    new = replace(goal, physical_id=thing.physical_id, attributes=dict(attributes), token=resource.token)
    doomed = resource.doomed if current is None else (*resource.doomed, current)
    ledger.tell(replace(resource, current=new, doomed=doomed, reason=INITIATED))


def done(ledger: Ledger, logical_id: str) -> None:
    """The act has reached its goal."""
    resource = ledger.resources[logical_id]
    goal, current = resource.goal, resource.current
    if goal is None:
        raise AssertionError(f"{logical_id} has no goal")
    resource = replace(resource, reason="", goal=None)
    match act_of(ledger.resources[logical_id]):
        case Act.DELETE:
            gone = replace(removal.without(resource, goal), status=ResourceStatus.DELETE_COMPLETE)
            ledger.tell(gone, physical_id=goal.physical_id)
            ledger.put(removal.settled(ledger.resources[logical_id]))
        case Act.UPDATE if current is not None:
            now = replace(goal, attributes=current.attributes)
            ledger.tell(replace(resource, status=ResourceStatus.UPDATE_COMPLETE, current=now))
        case _:
            creating = ledger.resources[logical_id].status is ResourceStatus.CREATE_IN_PROGRESS
            status = ResourceStatus.CREATE_COMPLETE if creating else ResourceStatus.UPDATE_COMPLETE
            ledger.tell(replace(resource, status=status))


def failed(ledger: Ledger, logical_id: str, reason: str) -> None:
    """The act has failed; what it may have left behind stays on record."""
    resource = ledger.resources[logical_id]
    goal, current = resource.goal, resource.current
    match act_of(resource):
        case Act.DELETE:
            physical = goal.physical_id if goal else ""
            ledger.tell(replace(resource, status=ResourceStatus.DELETE_FAILED, reason=reason, goal=None), physical)
        case Act.UPDATE if current is not None and goal is not None:
            perhaps = replace(current, properties=goal.properties)
            status = ResourceStatus.UPDATE_FAILED
            ledger.tell(replace(resource, status=status, reason=reason, goal=None, current=perhaps))
        case _:
            creating = resource.status is ResourceStatus.CREATE_IN_PROGRESS
            status = ResourceStatus.CREATE_FAILED if creating else ResourceStatus.UPDATE_FAILED
            ledger.tell(replace(resource, status=status, reason=reason, goal=None))


def cancelled(ledger: Ledger, logical_id: str) -> None:
    """The act was stopped because another one had failed, or because the stack is to go."""
    creating = act_of(ledger.resources[logical_id]) is Act.CREATE
    failed(ledger, logical_id, f"Resource {'creation' if creating else 'update'} cancelled")
