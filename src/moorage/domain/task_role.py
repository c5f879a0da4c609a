"""The IAM roles of a task, and whether ECS may act under one: it must be the account's own and trust ECS.

What IAM knows of a role is asked elsewhere; here are the names and the reading of its trust policy (ECS developer
guide, "Task IAM role": the principal is the service `ecs-tasks.amazonaws.com`).
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from moorage.domain import arns
from moorage.domain.task_definition import TaskDefinition

PRINCIPAL: Final = "ecs-tasks.amazonaws.com"
_ACTIONS: Final = frozenset({"sts:assumerole", "sts:*", "*"})


def of(definition: TaskDefinition, overrides: Mapping[str, Any]) -> tuple[str, ...]:
    """The roles that a task needs, as they were written: the task's own and the one that starts it, each once."""
    named = (overrides.get(name) or definition.document.get(name) for name in ("executionRoleArn", "taskRoleArn"))
    return tuple(dict.fromkeys(role for role in named if role))


def arn(role: str, account: str) -> str:
    """The role's ARN: ECS takes a name of a role of the account, too."""
    return role if role.startswith("arn:") else str(arns.Arn("iam", "", account, f"role/{role}"))


def name(role_arn: str, account: str) -> str:
    """The name by which IAM of `account` knows the role; empty if it is another account's, or no role."""
    found = arns.parse(role_arn)
    if found is None or found.service != "iam" or found.account != account or not found.resource.startswith("role/"):
        return ""
    return found.resource.rsplit("/", 1)[1]


def trusts(document: str) -> bool:
    """True if the trust policy, as IAM gives it (JSON, percent-encoded), lets ECS act under the role for a task."""
    try:
        policy = json.loads(unquote(document))
    except ValueError:
        return False
    return any(_allows(statement) for statement in _listed(policy.get("Statement", [])))


def sentence(role_arn: str) -> str:
    """ECS's words for a role that it cannot act under."""
    return (
        f"ECS was unable to assume the role '{role_arn}' that was provided for this task. Please verify that the role "
        "being passed has the proper trust relationship and permissions and that your IAM user has permissions to "
        "pass this role."
    )


def _allows(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal", {})
    services = _listed(principal.get("Service", [])) if isinstance(principal, Mapping) else [principal]
    actions = {str(action).lower() for action in _listed(statement.get("Action", []))}
    return statement.get("Effect") == "Allow" and bool({PRINCIPAL, "*"} & set(services)) and bool(actions & _ACTIONS)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
