"""Service discovery's part of a new deployment or task set: the Cloud Map service to register its tasks in.

What must be true of it is in `domain/service_registry`; the instances come and go with the tasks (`planning`).
"""

from moorage.api.ecs.draft import Draft
from moorage.domain import arns, service_registry
from moorage.domain.registry import RegistryService
from moorage.domain.service import Deployment
from moorage.domain.task_definition import TaskDefinition


def check(draft: Draft, deployment: Deployment, definition: TaskDefinition) -> None:
    """Check the deployment's service registries, and rest on them: none is deleted meanwhile. InvalidParameter."""
    for registry in deployment.registries:
        found = _find(draft, deployment, registry.arn)
        service_registry.check(registry, found, definition)
        if found is not None:
            draft.rest_on(found)


def _find(draft: Draft, deployment: Deployment, arn: str) -> RegistryService | None:
    """The Cloud Map service, if it is one of this account and region."""
    parsed = arns.parse(arn)
    if parsed is None or (parsed.account, parsed.region) != (deployment.account, deployment.region):
        return None
    return draft.world.get(RegistryService, (deployment.account, deployment.region, arns.last(arn)))
