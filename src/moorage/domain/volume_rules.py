"""Volumes of a task definition and the mounts of its containers: ECS's rules, and which kinds of volume there are.

A volume here is empty at first and belongs to the task, or to the machine (scope shared). Texts follow the ECS API
reference of Volume, DockerVolumeConfiguration, MountPoint and VolumeFrom.
"""

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from moorage.domain.errors import ClientMistake, Unsupported

Document = Mapping[str, Any]

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,254}")
LOCAL = "local"


def check(document: Document) -> None:
    """ClientMistake or Unsupported unless every volume can be made and every mount names one."""
    names: set[str] = set()
    for volume in document["volumes"]:
        _check_volume(volume, names)
        names.add(volume["name"])
    containers = {each["name"]: each for each in document["containerDefinitions"]}
    for container in containers.values():
        _check_mounts(container, names)
        for source in container.get("volumesFrom", ()):
            if source.get("sourceContainer") not in containers:
                raise ClientMistake(
                    f"Invalid 'volumesFrom' setting for container '{container['name']}': "
                    f"there is no container '{source.get('sourceContainer')}' in the task definition."
                )
    _check_circle(containers)


def check_fargate(document: Document) -> None:
    """ClientMistake for volumes that Fargate does not have."""
    for volume in document.get("volumes", ()):
        if "dockerVolumeConfiguration" in volume:
            raise ClientMistake("Fargate compatible task definitions do not support dockerVolumeConfiguration.")


def _check_volume(volume: Document, names: set[str]) -> None:
    name = volume.get("name", "")
    if not NAME.fullmatch(name):
        raise ClientMistake(f"Volume name '{name}' must be 1 to 255 letters, numbers, hyphens and underscores.")
    if name in names:
        raise ClientMistake(f"Volume name '{name}' is used more than once; names must be unique in a task.")
    if volume.get("host", {}).get("sourcePath"):
        raise Unsupported(f"The host path of volume '{name}'", "a task cannot reach the files of this machine.")
    docker = volume.get("dockerVolumeConfiguration", {})
    if docker and volume.get("host") is not None:
        raise ClientMistake(f"Volume '{name}' cannot have both host and dockerVolumeConfiguration.")
    if docker.get("driver", LOCAL) != LOCAL:
        raise Unsupported(f"The driver of volume '{name}'", "volumes are directories: use the driver local.")
    if docker.get("scope") == "shared" and not docker.get("autoprovision"):
        raise Unsupported(f"Volume '{name}' without autoprovision", "shared volumes are made when they are first used.")


def _check_mounts(container: Document, names: set[str]) -> None:
    taken: set[str] = set()
    for mount in container.get("mountPoints", ()):
        where = f"Invalid 'mountPoints' setting for container '{container['name']}':"
        path = mount.get("containerPath", "")
        if mount.get("sourceVolume") not in names:
            raise ClientMistake(f"Unknown volume '{mount.get('sourceVolume')}'.")
        if not path.startswith("/") or path.rstrip("/") in ("", "/proc", "/dev", "/sys") or ".." in path.split("/"):
            raise ClientMistake(f"{where} nothing can be mounted at '{path}'.")
        if path in taken:
            raise ClientMistake(f"{where} '{path}' is used more than once.")
        taken.add(path)


def _check_circle(containers: Mapping[str, Document]) -> None:
    graph = {
        name: [each["sourceContainer"] for each in container.get("volumesFrom", ())]
        for name, container in containers.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise ClientMistake(f"Containers mount volumes from each other: {' -> '.join(error.args[1])}.") from None
