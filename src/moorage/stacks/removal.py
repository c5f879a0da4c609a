"""Taking away: the resources of a deleted or rolled-back stack, and what an update left over.

Nothing is taken away while something that is to go as well still depends on it. Policies may keep a resource.
"""

from collections.abc import Callable
from dataclasses import replace

from moorage.domain.stack import Deployed, ResourceStatus, StackResource, StackStatus
from moorage.stacks.ledger import Ledger

Going = Callable[[StackResource], bool]
"""Says of a resource whether what it is now has to go."""


def advance(ledger: Ledger, going: Going) -> bool:
    """Begin what can be begun; True when nothing is left, or only what could not be taken away."""
    if any(one.status is not ResourceStatus.DELETE_IN_PROGRESS for one in ledger.moving()):
        return False  # what was under way is still being stopped
    while ready := _ready(ledger, _left(ledger, going)):
        begun = [_begin(ledger, name, target) for name, target in ready]
        if any(begun):
            break  # nothing more can be ready before one of these is done; what was only skipped frees others at once
    return not ledger.moving()


def _left(ledger: Ledger, going: Going) -> dict[str, list[Deployed]]:
    """What is to go, by logical id, in the order in which it goes."""
    left: dict[str, list[Deployed]] = {}
    for name, resource in ledger.resources.items():
        targets = list(resource.doomed)
        if resource.current is not None and going(resource):
            targets.append(resource.current)
        if targets:
            left[name] = targets
    return left


def _ready(ledger: Ledger, left: dict[str, list[Deployed]]) -> list[tuple[str, Deployed]]:
    needed = {other for name, targets in left.items() for one in targets for other in one.depends_on if other != name}
    idle = {name: targets[0] for name, targets in left.items() if not _tried(ledger, name)}
    free = [(name, target) for name, target in sorted(idle.items()) if name not in needed]
    if free or ledger.moving() or len(idle) < len(left):
        return free
    # Resources of different generations can depend on each other in a ring: then one of them goes first.
    return sorted(idle.items())[:1]


def _tried(ledger: Ledger, name: str) -> bool:
    resource = ledger.resources[name]
    return resource.status.moving or (ledger.dealt_with(resource) and resource.status.failed)


def _begin(ledger: Ledger, name: str, target: Deployed) -> bool:
    """Begin to take `target` away, or skip it; True if begun."""
    resource = replace(ledger.resources[name], phase=ledger.stack.phase, reason="", goal=target, token=ledger.draw())
    if _kept(ledger, resource, target):
        ledger.tell(replace(resource, status=ResourceStatus.DELETE_SKIPPED), physical_id=target.physical_id)
        ledger.put(settled(without(ledger.resources[name], target)))
        return False
    ledger.tell(replace(resource, status=ResourceStatus.DELETE_IN_PROGRESS), physical_id=target.physical_id)
    return True


def _kept(ledger: Ledger, resource: StackResource, target: Deployed) -> bool:
    if resource.logical_id in ledger.stack.retain:
        return True
    if target in resource.doomed:
        return target.replacement == "Retain"
    creating = ledger.stack.status is StackStatus.ROLLBACK_IN_PROGRESS
    return target.deletion == "Retain" or (target.deletion == "RetainExceptOnCreate" and not creating)


def without(resource: StackResource, target: Deployed) -> StackResource:
    """The resource once `target` is gone."""
    if target in resource.doomed:
        return replace(resource, goal=None, doomed=tuple(one for one in resource.doomed if one != target))
    return replace(resource, goal=None, current=None)


def settled(resource: StackResource) -> StackResource:
    """A resource of which only something left over went away is as it was before."""
    return resource if resource.current is None else replace(resource, status=ResourceStatus.UPDATE_COMPLETE)
