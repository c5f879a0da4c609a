"""A task definition as ECS shows it: the registered document, and what registering added."""

from typing import Any

from moorage.api.ecs import tagging
from moorage.api.ecs.output import given
from moorage.domain.task_definition import TaskDefinition


def task_definition(found: TaskDefinition) -> dict[str, Any]:
    return given(
        **found.document,
        taskDefinitionArn=found.arn,
        revision=found.revision,
        status=found.status,
        registeredAt=found.registered_at,
        registeredBy=found.registered_by,
        deregisteredAt=found.deregistered_at,
    )


def with_tags(found: TaskDefinition) -> dict[str, Any]:
    """The answer of the operations that show tags beside the task definition."""
    answer = {"taskDefinition": task_definition(found)}
    return {**answer, "tags": tagging.present(found.tags)} if found.tags else answer
