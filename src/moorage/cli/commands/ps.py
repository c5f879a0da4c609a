"""`moorage ps`: clusters, services and tasks, as the ECS operations tell them."""

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moorage.cli import address, render
from moorage.system import SystemClock

if TYPE_CHECKING:
    from moorage.cli.lookup import TaskLine

TASK_ID = re.compile(r"\b[0-9a-f]{32}\b")


def ps(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List clusters, services and tasks."""
    from moorage.cli import lookup
    from moorage.cli.aws import Aws
    from moorage.cli.control import Control

    where = address.find()
    aws = Aws(where)
    clusters = lookup.clusters(aws)
    names = [lookup.last(cluster["clusterArn"]) for cluster in clusters]
    services = [service for name in names for service in lookup.services(aws, name)]
    tasks = [task for name in names for task in lookup.tasks(aws, name)]
    control = Control(where)
    waiting = {each["id"]: str(each["reason"]) for each in control.get("waiting")["tasks"]}
    live = frozenset(control.get("endpoints", account=where.account, region=where.region)["live"])
    now = SystemClock().now()
    if as_json:
        render.document(
            {
                "clusters": [_cluster(cluster) for cluster in clusters],
                "services": [_service(service, live) for service in services],
                "tasks": [_task(task, waiting) for task in tasks],
            }
        )
        return
    if not clusters:
        render.note("There is no cluster. `moorage up PATH` deploys a template or a CDK assembly.")
        return
    _show_clusters(clusters)
    if services:
        render.data("")
        _show_services([_service(service, live) for service in services], now)
    if tasks:
        render.data("")
        _show_tasks([_task(task, waiting) for task in tasks], now)


def _cluster(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": document["clusterName"],
        "status": document.get("status", ""),
        "services": document.get("activeServicesCount", 0),
        "running": document.get("runningTasksCount", 0),
        "pending": document.get("pendingTasksCount", 0),
    }


def _service(document: dict[str, Any], live: frozenset[str]) -> dict[str, Any]:
    deployed = [*document.get("deployments", []), *document.get("taskSets", [])]
    primary: dict[str, Any] = next((each for each in deployed if each["status"] == "PRIMARY"), {})
    events = document.get("events", [])
    cluster = document["clusterArn"].rsplit("/", 1)[-1]
    return {
        "cluster": cluster,
        "name": document["serviceName"],
        "names": "live" if f"{cluster}/{document['serviceName']}" in live else "frozen",
        "status": document["status"],
        "desired": document["desiredCount"],
        "running": document["runningCount"],
        "pending": document["pendingCount"],
        "deployment": primary.get("id", ""),
        "rollout": primary.get("rolloutState") or primary.get("stabilityStatus", ""),
        "rollout_reason": primary.get("rolloutStateReason", ""),
        "deployed_at": primary.get("createdAt"),
        "last_event": events[0]["message"] if events else "",
    }


def _task(task: "TaskLine", waiting: dict[str, str]) -> dict[str, Any]:
    return {
        "id": task.id,
        "cluster": task.cluster,
        "service": task.service,
        "status": task.status,
        "desired": task.document.get("desiredStatus", ""),
        "health": task.health,
        "address": task.address,
        "ports": task.ports,
        "deployment": task.document.get("startedBy", ""),
        "created_at": task.created_at,
        "reason": task.document.get("stoppedReason", ""),
        "waits_for": waiting.get(task.id, ""),
    }


def _show_clusters(clusters: list[dict[str, Any]]) -> None:
    lines = [_cluster(cluster) for cluster in clusters]
    rows = [
        [line["name"], line["status"], *(str(line[key]) for key in ("services", "running", "pending"))]
        for line in lines
    ]
    render.table(["CLUSTER", "STATUS", "SERVICES", "RUNNING", "PENDING"], rows)


def _show_services(services: list[dict[str, Any]], now: datetime) -> None:
    told = any(line["names"] == "live" for line in services)
    rows = [
        [
            f"{line['cluster']}/{line['name']}",
            line["status"],
            f"{line['running']}/{line['desired']}",
            short(line["deployment"]),
            line["rollout"] or "-",
            *([line["names"]] if told else []),
            render.age(line["deployed_at"], now),
            _event(line) or "-",
        ]
        for line in services
    ]
    render.table(
        ["SERVICE", "STATUS", "RUNNING", "DEPLOYMENT", "ROLLOUT", *(["NAMES"] if told else []), "AGE", "LAST EVENT"],
        rows,
    )


def _event(line: dict[str, Any]) -> str:
    """The event's own words without what the line says already, and with the task ids as the other table has them."""
    return _shortened(line["last_event"].removeprefix(f"(service {line['name']}) "))


def _shortened(text: str) -> str:
    return TASK_ID.sub(lambda found: found[0][:8], text)


def _show_tasks(tasks: list[dict[str, Any]], now: datetime) -> None:
    """The last column is there only while something waits."""
    waits = any(line["waits_for"] for line in tasks)
    rows = [
        [
            line["id"][:8],
            f"{line['cluster']}/{line['service']}" if line["service"] else line["cluster"],
            line["status"],
            line["health"],
            line["address"] or " ".join(line["ports"]) or "-",
            short(line["deployment"]) or "-",
            render.age(line["created_at"], now),
            *([_shortened(line["waits_for"]) or "-"] if waits else []),
        ]
        for line in tasks
    ]
    heads = ["TASK", "SERVICE", "STATUS", "HEALTH", "ADDRESS", "DEPLOYMENT", "AGE"]
    render.table([*heads, "WAITS"] if waits else heads, rows)


def short(deployment: str) -> str:
    """The last digits of a deployment's id, enough to tell two apart."""
    return deployment.removeprefix("ecs-svc/")[-6:]
