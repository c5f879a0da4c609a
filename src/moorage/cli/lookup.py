"""What runs, as the ECS operations tell it, and what a person means by SERVICE or TASK on the command line."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final

from moorage.cli.aws import Aws
from moorage.cli.failure import Failure

PROXY_PREFIX = "ecs-service-connect-"
_TASK_ARN: Final = re.compile(r"arn:[^:]+:ecs:[^:]*:[^:]*:task/")


@dataclass(frozen=True)
class TaskLine:
    """A task as DescribeTasks has it."""

    id: str
    cluster: str
    service: str
    document: dict[str, Any]

    @property
    def status(self) -> str:
        return str(self.document["lastStatus"])

    @property
    def health(self) -> str:
        return str(self.document.get("healthStatus", "UNKNOWN"))

    @property
    def created_at(self) -> datetime | None:
        return self.document.get("createdAt")

    @property
    def address(self) -> str:
        details = (detail for item in self.document.get("attachments", []) for detail in item.get("details", []))
        return next((str(item["value"]) for item in details if item.get("name") == "privateIPv4Address"), "")

    @property
    def ports(self) -> list[str]:
        """Host ports and the container ports that they lead to: 32768->5000, or a range of each."""
        bound = [each for item in self.document.get("containers", []) for each in item.get("networkBindings", [])]
        outside = (each.get("hostPort") or each["hostPortRange"] for each in bound)
        inside = (each.get("containerPort") or each["containerPortRange"] for each in bound)
        return [f"{host}->{own}" for host, own in zip(outside, inside, strict=True)]

    def containers(self, proxy: bool) -> list[str]:
        """The names of its containers: the proxy's, or all the others."""
        names = [str(container["name"]) for container in self.document.get("containers", [])]
        return [name for name in names if name.startswith(PROXY_PREFIX) == proxy]


def clusters(aws: Aws) -> list[dict[str, Any]]:
    arns = list(aws.pages("ecs", "list_clusters", "clusterArns"))
    return aws.batches("ecs", "describe_clusters", "clusters", "clusters", arns)


def services(aws: Aws, cluster: str) -> list[dict[str, Any]]:
    arns = list(aws.pages("ecs", "list_services", "serviceArns", cluster=cluster))
    return aws.batches("ecs", "describe_services", "services", "services", arns, cluster=cluster)


def tasks(aws: Aws, cluster: str, service: str | None = None) -> list[TaskLine]:
    """The tasks of a cluster, or of one service of it, that have not come to their end, oldest first."""
    return [task for task in remembered(aws, cluster, service) if task.status != "STOPPED"]


def remembered(aws: Aws, cluster: str, service: str | None = None) -> list[TaskLine]:
    """The same, with those that have stopped and are still told of."""
    narrowed = {"serviceName": service} if service else {}
    arns = [
        arn
        for wanted in ("RUNNING", "STOPPED")
        for arn in aws.pages("ecs", "list_tasks", "taskArns", cluster=cluster, desiredStatus=wanted, **narrowed)
    ]
    found = [_task(item) for item in aws.batches("ecs", "describe_tasks", "tasks", "tasks", arns, cluster=cluster)]
    return sorted(found, key=lambda task: (str(task.created_at), task.id))


@dataclass(frozen=True)
class Meant:
    """What SERVICE|TASK named: a service with its tasks, or one task (then `service` is its own, or empty)."""

    cluster: str
    service: str
    tasks: tuple[TaskLine, ...]
    one_task: bool = False


def meant(aws: Aws, name: str, service_only: bool = False, ended: bool = False) -> Meant:
    """What `name` means: a service (`name`, `cluster/name`, its ARN, or a part that only one has), or a task.

    A task is called by its ARN, by `cluster/id`, by its id, or by a beginning of that which only one has. With `ended`
    it may have stopped already, and so may tasks of the service.
    """
    names = [last(cluster["clusterArn"]) for cluster in clusters(aws)]
    known = [(cluster, last(arn)) for cluster in names for arn in _service_arns(aws, cluster)]
    found = [] if _TASK_ARN.match(name) else _matching(known, name)
    if len(found) == 1:
        cluster, service = found[0]
        return Meant(cluster, service, tuple((remembered if ended else tasks)(aws, cluster, service)))
    if len(found) > 1:
        listed = ", ".join("/".join(pair) for pair in found)
        raise Failure(name, f"{len(found)} services are called so: {listed}", "Name one of them as CLUSTER/SERVICE.")
    if not service_only:
        task = _task_called(aws, names, name) or (_task_called(aws, names, name, remembered) if ended else None)
        if task is not None:
            return Meant(task.cluster, task.service, (task,), one_task=True)
    kinds = "service" if service_only else "service or task"
    raise Failure(name, f"there is no {kinds} of this name", _near(known, name) + "`moorage ps` lists what there is.")


def runner(found: Meant) -> TaskLine:
    """A task of it that runs, a healthy one first."""
    ranked = sorted(found.tasks, key=lambda task: task.health != "HEALTHY")
    for task in ranked:
        if task.status == "RUNNING":
            return task
    what = found.service or (found.tasks[0].id if found.tasks else "it")
    why = f"its task is {found.tasks[0].status}" if found.tasks else "it has no running task"
    raise Failure(what, why, "`moorage ps` shows its tasks and its last event.")


def last(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]


def _service_arns(aws: Aws, cluster: str) -> list[str]:
    return list(aws.pages("ecs", "list_services", "serviceArns", cluster=cluster))


def _matching(known: Sequence[tuple[str, str]], name: str) -> list[tuple[str, str]]:
    """An exact name wins over a part of one."""
    cluster, _, service = name.rpartition("/")
    wanted = last(cluster)
    within = [pair for pair in known if not wanted or pair[0] == wanted]
    exact = [pair for pair in within if pair[1] == service]
    return exact or [pair for pair in within if service.lower() in pair[1].lower()]


def _near(known: Sequence[tuple[str, str]], name: str) -> str:
    """A question after the service that was perhaps meant, where a name is like one."""
    full = ["/".join(pair) for pair in known]
    by_name = {service: f"{cluster}/{service}" for cluster, service in known}
    like = get_close_matches(name, [*full, *by_name], n=1)
    return f"Did you mean {by_name.get(like[0], like[0])}? " if like else ""


def _task_called(
    aws: Aws, names: Sequence[str], name: str, known: Callable[[Aws, str], list[TaskLine]] = tasks
) -> TaskLine | None:
    """The task that is called so, where a cluster is named too only one of that; None when there is none."""
    place, _, prefix = name.rpartition("/")
    within = [each for each in names if not place or each == last(place)]
    found = [task for cluster in within for task in known(aws, cluster) if task.id.startswith(prefix)]
    if len(found) > 1:
        raise Failure(prefix, f"{len(found)} tasks begin so", "Give more of the task's id.")
    return found[0] if found else None


def _task(document: dict[str, Any]) -> TaskLine:
    kind, _, service = str(document.get("group", "")).partition(":")
    own = service if kind == "service" else ""
    return TaskLine(last(document["taskArn"]), last(document["clusterArn"]), own, document)
