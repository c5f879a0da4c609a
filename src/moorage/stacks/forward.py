"""The way forward: begin every resource whose dependencies are there, until all are as the blueprint wants them.

Serves creation and update alike. Once something has failed, nothing new is begun.
"""

from collections.abc import Mapping
from dataclasses import replace

from moorage.domain.stack import Deployed, ResourceStatus, StackResource, StackStatus
from moorage.stacks import blueprint as blueprints
from moorage.stacks import changes
from moorage.stacks.blueprint import Blueprint
from moorage.stacks.changes import Add
from moorage.stacks.ledger import Ledger
from moorage.stacks.nodes import TemplateError

REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


def advance(ledger: Ledger, blueprint: Blueprint) -> bool:
    """Begin what can be begun; True when every wanted resource is as it should be."""
    if ledger.failed():
        return False
    for name in blueprint.wanted:
        resource = ledger.resources.get(name)
        if resource is not None and ledger.dealt_with(resource):
            continue
        if all(_there(ledger, other) for other in blueprint.depends[name]):
            _begin(ledger, blueprint, name)
    return all(_there(ledger, name) for name in blueprint.wanted)


def _there(ledger: Ledger, name: str) -> bool:
    resource = ledger.resources.get(name)
    if resource is None or not ledger.dealt_with(resource):
        return False
    return not resource.status.moving and not resource.status.failed


def _begin(ledger: Ledger, blueprint: Blueprint, name: str) -> None:
    resource = replace(ledger.at_hand(name, blueprint.wanted[name].type), phase=ledger.stack.phase)
    existing: Mapping[str, Deployed | None] = ledger.existing()
    try:
        goal = blueprints.goal(blueprint, name, existing)
        change = changes.compare(name, resource.current, goal)
    except TemplateError as error:
        _refuse(ledger, resource, error.sentence)
        return
    if change is None:
        _keep(ledger, resource, goal)
        return
    updating = ledger.stack.status is StackStatus.UPDATE_IN_PROGRESS
    resource = replace(resource, reason="", token=ledger.draw(), goal=goal, touched=updating, type=goal.type)
    resource = replace(resource, before=resource.current if updating else None)
    if isinstance(change, Add) or resource.current is None:
        ledger.tell(replace(resource, status=ResourceStatus.CREATE_IN_PROGRESS), physical_id="")
    elif change.replacement:
        _replace(ledger, resource, resource.current, goal)
    else:
        here = replace(goal, physical_id=resource.current.physical_id, token=resource.current.token)
        ledger.tell(replace(resource, status=ResourceStatus.UPDATE_IN_PROGRESS, goal=here))


def _replace(ledger: Ledger, resource: StackResource, old: Deployed, goal: Deployed) -> None:
    obstacle = changes.name_stands_in_the_way(resource.logical_id, old, goal)
    if obstacle is not None:
        _refuse(ledger, replace(resource, goal=None), obstacle)
        return
    ledger.tell(replace(resource, status=ResourceStatus.UPDATE_IN_PROGRESS, reason=REPLACING))


def _keep(ledger: Ledger, resource: StackResource, goal: Deployed) -> None:
    """Nothing of it changes but, perhaps, its place in the order."""
    if resource.current is None:
        raise AssertionError("only what exists can be kept")
    status = ResourceStatus.UPDATE_COMPLETE if resource.status.failed else resource.status
    ledger.put(replace(resource, status=status, current=changes.kept(resource.current, goal)))


def _refuse(ledger: Ledger, resource: StackResource, reason: str) -> None:
    status = ResourceStatus.UPDATE_FAILED if resource.current else ResourceStatus.CREATE_FAILED
    ledger.tell(replace(resource, status=status, reason=reason))
