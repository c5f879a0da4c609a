"""What a task definition must be to be registered, and the defaults that ECS fills in.

Works on the document as the API model has validated it. The rules and texts follow the ECS API reference of
RegisterTaskDefinition and docs/reference/service-connect.md section 3. What this machine cannot run is refused in
`api/ecs`, not here.
"""

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from moorage.domain import container_rules, firelens, log_lines, port_rules, secret_rules, sharing_rules, volume_rules
from moorage.domain.errors import ClientMistake
from moorage.domain.task_definition import AWSVPC, HOST, cpu_units, memory_mib

Document = dict[str, Any]

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
MAX_CONTAINERS = 10

GIB = 1024
FARGATE_MEMORY: Mapping[int, tuple[int, ...]] = {
    256: (512, 1 * GIB, 2 * GIB),
    512: tuple(range(1 * GIB, 4 * GIB + 1, GIB)),
    1024: tuple(range(2 * GIB, 8 * GIB + 1, GIB)),
    2048: tuple(range(4 * GIB, 16 * GIB + 1, GIB)),
    4096: tuple(range(8 * GIB, 30 * GIB + 1, GIB)),
    8192: tuple(range(16 * GIB, 60 * GIB + 1, 4 * GIB)),
    16384: tuple(range(32 * GIB, 120 * GIB + 1, 8 * GIB)),
}
"""MiB of memory that go with CPU units on Fargate (ECS developer guide, "Task CPU and memory")."""

STORAGE_BOUNDS = (21, 200)
"""GiB of ephemeral storage that a task may ask for (ECS API reference, EphemeralStorage)."""
STORAGE = "The ephemeral storage of a task must be between {} and {} GiB.".format(*STORAGE_BOUNDS)

HEALTH_CHECK_BOUNDS = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
HEALTH_CHECK_DEFAULTS = {"interval": 30, "timeout": 5, "retries": 3}
MAX_STOP_TIMEOUT_ON_FARGATE = 120


def completed(document: Mapping[str, Any]) -> Document:
    """The document with ECS's defaults filled in, as DescribeTaskDefinition gives it back. ClientMistake."""
    mode = document.get("networkMode")
    result = dict(document)
    result["containerDefinitions"] = [_container(each, mode) for each in document["containerDefinitions"]]
    result.setdefault("volumes", [])
    result.setdefault("placementConstraints", [])
    if "cpu" in document:
        result["cpu"] = str(_size("cpu", document["cpu"]))
    if "memory" in document:
        result["memory"] = str(_size("memory", document["memory"]))
    result["compatibilities"] = compatibilities(result)
    return result


def check(document: Mapping[str, Any]) -> None:
    """Raise ClientMistake or DuplicatePortName unless the completed document can be registered."""
    if not NAME.fullmatch(document["family"]):
        raise ClientMistake("Family must be 1 to 255 letters, numbers, hyphens and underscores.")
    containers = document["containerDefinitions"]
    _check_names(containers)
    for container in containers:
        _check_health_check(container)
        _check_environment(container)
        _check_log_configuration(container)
    secret_rules.check(document)
    firelens.check(document)
    container_rules.check(document)
    volume_rules.check(document)
    port_rules.check(containers, document.get("networkMode"))
    _check_memory(document)
    _check_cpu(document)
    _check_dependencies(containers)
    if "FARGATE" in document.get("requiresCompatibilities", ()):
        check_fargate(document)
    sharing_rules.check(document)
    if not has_fitting_storage(document):
        raise ClientMistake(STORAGE)


def has_fitting_storage(document: Mapping[str, Any]) -> bool:
    """Whether the ephemeral storage that a task definition or its overrides ask for can be had."""
    smallest, largest = STORAGE_BOUNDS
    asked: int = document.get("ephemeralStorage", {}).get("sizeInGiB", smallest)
    return smallest <= asked <= largest


def check_fargate(document: Mapping[str, Any]) -> None:
    """Raise ClientMistake unless Fargate could run it: network mode, and CPU with memory in a known combination."""
    if document.get("networkMode") != "awsvpc":
        raise ClientMistake("Fargate only supports network mode ‘awsvpc’.")
    for member in ("cpu", "memory"):
        if member not in document:
            raise ClientMistake(f"Fargate requires that '{member}' be defined at the task level.")
    check_fargate_size(int(document["cpu"]), int(document["memory"]))
    sharing_rules.check_fargate(document)
    volume_rules.check_fargate(document)
    for container in document["containerDefinitions"]:
        container_rules.check_fargate(container)
        firelens.check_fargate(container)
        if container.get("stopTimeout", 0) > MAX_STOP_TIMEOUT_ON_FARGATE:
            raise ClientMistake(
                f"Invalid 'stopTimeout' setting for container '{container['name']}': "
                f"the maximum on Fargate is {MAX_STOP_TIMEOUT_ON_FARGATE} seconds."
            )


def check_fargate_size(cpu: int, memory: int) -> None:
    """Raise ClientMistake unless Fargate has tasks of so many CPU units and MiB."""
    if memory not in FARGATE_MEMORY.get(cpu, ()):
        raise ClientMistake(
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
            "See the Amazon ECS documentation for the valid values."
        )


def compatibilities(document: Mapping[str, Any]) -> list[str]:
    """The launch types that the completed document could run on."""
    if document.get("networkMode") != "awsvpc":
        return ["EXTERNAL", "EC2"]
    try:
        check_fargate(document)
    except ClientMistake:
        return ["EC2"]
    return ["EC2", "FARGATE"]


def _container(document: Mapping[str, Any], mode: str | None) -> Document:
    result: Document = {"cpu": 0, "portMappings": [], "essential": True, "environment": []}
    result |= {"mountPoints": [], "volumesFrom": [], "systemControls": [], **document}
    result["portMappings"] = [_port_mapping(mapping, mode) for mapping in result["portMappings"]]
    if "healthCheck" in result:
        result["healthCheck"] = {**HEALTH_CHECK_DEFAULTS, **result["healthCheck"]}
    return result


def _port_mapping(document: Mapping[str, Any], mode: str | None) -> Document:
    mapping = {"protocol": "tcp", **document}
    if "containerPortRange" in document:
        return mapping
    same = document.get("containerPort", 0) if mode in (AWSVPC, HOST) else 0
    return {**mapping, "hostPort": document.get("hostPort") or same}


def _size(member: str, text: str) -> int:
    try:
        number = cpu_units(text) if member == "cpu" else memory_mib(text)
    except ValueError:
        raise ClientMistake(f"Invalid '{member}' setting for task: '{text}' is not a number or a size.") from None
    if number <= 0:
        raise ClientMistake(f"Invalid '{member}' setting for task: '{text}' must be greater than 0.")
    return number


def _check_names(containers: list[Document]) -> None:
    if not containers:
        raise ClientMistake("Container list cannot be empty.")
    if len(containers) > MAX_CONTAINERS:
        raise ClientMistake(f"Too many containers: a task definition may have {MAX_CONTAINERS} at most.")
    seen: set[str] = set()
    for container in containers:
        _check_name(container)
        name = container["name"]
        if name in seen:
            raise ClientMistake(f"Container name '{name}' is used more than once; names must be unique in a task.")
        seen.add(name)
    if not any(container["essential"] for container in containers):
        raise ClientMistake("At least one container in the task definition must be essential.")


def _check_name(container: Document) -> None:
    for member in ("name", "image"):
        if not container.get(member):
            raise ClientMistake(f"Container.{member} should not be null or empty.")
    if not NAME.fullmatch(container["name"]):
        raise ClientMistake(
            f"Container name '{container['name']}' must be 1 to 255 letters, numbers, hyphens and underscores."
        )


def _check_memory(document: Mapping[str, Any]) -> None:
    task = int(document["memory"]) if "memory" in document else None
    for container in document["containerDefinitions"]:
        hard, soft = container.get("memory"), container.get("memoryReservation")
        where = f"Invalid setting for container '{container['name']}'."
        if task is None and hard is None and soft is None:
            raise ClientMistake(f"{where} At least one of 'memory' or 'memoryReservation' must be specified.")
        for member, value in (("memory", hard), ("memoryReservation", soft)):
            if value is not None and value < 6:
                raise ClientMistake(f"{where} '{member}' must be at least 6 MiB.")
        if hard is not None and soft is not None and soft > hard:
            raise ClientMistake(f"{where} 'memoryReservation' must not be greater than 'memory'.")
        if task is not None and max(hard or 0, soft or 0) > task:
            raise ClientMistake(f"{where} The 'memory' setting for container is greater than for the task.")
    reserved = sum(c.get("memoryReservation", c.get("memory", 0)) for c in document["containerDefinitions"])
    if task is not None and reserved > task:
        raise ClientMistake(f"The containers reserve {reserved} MiB of memory, more than the {task} MiB of the task.")


def _check_cpu(document: Mapping[str, Any]) -> None:
    for container in document["containerDefinitions"]:
        if container["cpu"] < 0:
            raise ClientMistake(f"Invalid setting for container '{container['name']}'. 'cpu' must not be negative.")
    reserved = sum(container["cpu"] for container in document["containerDefinitions"])
    if "cpu" in document and reserved > int(document["cpu"]):
        raise ClientMistake(
            f"The containers reserve {reserved} CPU units, more than the {document['cpu']} CPU units of the task."
        )


def _check_health_check(container: Document) -> None:
    health_check = container.get("healthCheck")
    if health_check is None:
        return
    where = f"Invalid 'healthCheck' setting for container '{container['name']}':"
    command = health_check["command"]
    if len(command) < 2 or command[0] not in ("CMD", "CMD-SHELL"):
        raise ClientMistake(f"{where} 'command' must start with CMD or CMD-SHELL and name a command.")
    for member, (low, high) in HEALTH_CHECK_BOUNDS.items():
        if not low <= health_check.get(member, low) <= high:
            raise ClientMistake(f"{where} '{member}' must be between {low} and {high}.")


def _check_environment(container: Document) -> None:
    for pair in container["environment"]:
        if not pair.get("name"):
            raise ClientMistake(f"Container '{container['name']}' has an environment variable without a name.")


def _check_log_configuration(container: Document) -> None:
    configuration = container.get("logConfiguration")
    if configuration is None or configuration["logDriver"] != "awslogs":
        return
    for option in ("awslogs-group", "awslogs-region"):
        if not configuration.get("options", {}).get(option):
            raise ClientMistake(f"Log driver awslogs requires options: {option}")
    log_lines.check(configuration["options"])


def _check_dependencies(containers: list[Document]) -> None:
    known = {container["name"]: container for container in containers}
    graph: dict[str, list[str]] = {}
    for name, container in known.items():
        graph[name] = [each["containerName"] for each in container.get("dependsOn", ())]
        for dependency in container.get("dependsOn", ()):
            _check_dependency(name, dependency, known)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise ClientMistake(f"Container dependencies form a cycle: {' -> '.join(reversed(error.args[1]))}.") from None


def _check_dependency(name: str, dependency: Document, known: Mapping[str, Document]) -> None:
    where = f"Invalid 'dependsOn' setting for container '{name}':"
    target = known.get(dependency["containerName"])
    if target is None:
        raise ClientMistake(f"{where} there is no container '{dependency['containerName']}' in the task definition.")
    if dependency["condition"] == "HEALTHY" and "healthCheck" not in target:
        raise ClientMistake(
            f"{where} the condition HEALTHY needs a health check on container '{dependency['containerName']}'."
        )
    if dependency["condition"] in ("COMPLETE", "SUCCESS") and target["essential"]:
        raise ClientMistake(
            f"{where} the condition {dependency['condition']} needs container '{dependency['containerName']}' "
            "not to be essential."
        )
