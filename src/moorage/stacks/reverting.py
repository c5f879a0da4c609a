"""The way back of an update: every resource that it touched becomes again what it was before.

What the update added, and what it put in the place of something else, is left to the clean-up that follows.
"""

from dataclasses import replace

from moorage.domain.stack import Deployed, ResourceStatus, StackResource
from moorage.stacks.ledger import Ledger


def advance(ledger: Ledger) -> bool:
    """Begin what can be begun; True when everything is as it was, or has failed to be."""
    if ledger.moving() and any(not ledger.dealt_with(one) for one in ledger.moving()):
        return False  # what the update had begun is still being stopped
    pending = {name: one for name, one in ledger.resources.items() if one.touched and one.before is not None}
    for name in sorted(pending):
        resource = pending[name]
        if (
            not ledger.dealt_with(resource)
            and resource.before
            and all(
                _settled(ledger, other) for other in resource.before.depends_on if other in pending and other != name
            )
        ):
            _begin(ledger, resource, resource.before)
    return all(_settled(ledger, name) for name in pending)


def _settled(ledger: Ledger, name: str) -> bool:
    resource = ledger.resources[name]
    return ledger.dealt_with(resource) and not resource.status.moving


def _begin(ledger: Ledger, resource: StackResource, before: Deployed) -> None:
    resource = replace(resource, phase=ledger.stack.phase, reason="", goal=None)
    current = resource.current
    if current is None or current.physical_id != before.physical_id:
        doomed = tuple(one for one in resource.doomed if one.physical_id != before.physical_id)
        doomed += (current,) if current is not None else ()
        status = ResourceStatus.UPDATE_COMPLETE
        ledger.tell(replace(resource, status=status, current=before, doomed=doomed))
    elif current.properties == before.properties:
        ledger.put(replace(resource, status=ResourceStatus.UPDATE_COMPLETE, current=before))
    else:
        status = ResourceStatus.UPDATE_IN_PROGRESS
        ledger.tell(replace(resource, status=status, goal=before, token=ledger.draw()))
