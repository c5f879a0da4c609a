"""What a task is told about itself: the address at which it asks, the paths that lead to it, its environment.

ECS's agent answers tasks at 169.254.170.2; so does Moorage, and at another port of that address it answers as AWS
does. Who asks is known by the task's own address. What is answered, `api.inside` and `api.task_metadata` say.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from moorage.domain.task import Task
from moorage.domain.task_definition import TaskDefinition

ADDRESS = "169.254.170.2"
AGENT_PORT = 80
ENDPOINT_PORT = 4566
"""Where AWS's services answer inside; it does not depend on the port that the daemon has outside."""

EXECUTION_ENV = {"FARGATE": "AWS_ECS_FARGATE", "EC2": "AWS_ECS_EC2"}


@dataclass(frozen=True)
class Surroundings:
    """Environment around a container definition's own: it wins over `defaults`, and `fixed` wins over it."""

    defaults: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)


def with_fetched(around: Surroundings, files: Mapping[str, str], secrets: Mapping[str, str]) -> Surroundings:
    """Secrets go before what the definition says by itself, and that goes before environment files."""
    return replace(around, defaults={**around.defaults, **files}, fixed={**secrets, **around.fixed})


def surroundings(task: Task, definition: TaskDefinition, container: str) -> Surroundings:
    """What ECS puts into a container's environment, and the endpoint, so that SDKs in the task come back here."""
    identity = container_id(task.id, container)
    defaults = {
        "AWS_REGION": task.region,
        "AWS_DEFAULT_REGION": task.region,
        "AWS_ENDPOINT_URL": f"http://{ADDRESS}:{ENDPOINT_PORT}",
    }
    fixed = {
        "AWS_EXECUTION_ENV": EXECUTION_ENV.get(task.launch_type, "AWS_ECS_EC2"),
        "ECS_CONTAINER_METADATA_URI": f"http://{ADDRESS}/v3/{identity}",
        "ECS_CONTAINER_METADATA_URI_V4": f"http://{ADDRESS}/v4/{identity}",
        "ECS_AGENT_URI": f"http://{ADDRESS}/api/{identity}",
    }
    if role(task, definition) is not None:
        fixed["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = f"/v2/credentials/{credentials_id(task)}"
    return Surroundings(defaults, fixed)


def role(task: Task, definition: TaskDefinition) -> str | None:
    """The task role: the override's, else the definition's; a task without one gets no credentials."""
    found: str | None = task.overrides.get("taskRoleArn") or definition.document.get("taskRoleArn")
    return found or None


def container_id(task_id: str, name: str) -> str:
    """The name of a container in its task's paths: the task's id and ten digits, as on Fargate."""
    return f"{task_id}-{zlib.crc32(name.encode()):010d}"


def credentials_id(task: Task) -> str:
    """The name of the task's credentials; the same whenever it is asked for."""
    digest = sha256(f"{task.arn}#credentials".encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
