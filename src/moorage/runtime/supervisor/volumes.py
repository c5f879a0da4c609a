"""Where volumes lie on disk: a task's own beside its records, shared ones for as long as Moorage's data is there.

Made when the first container wants them, owned by user 0 of the containers. What is mounted where is in `furnish`.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from moorage.runtime.supervisor import records, users
from moorage.runtime.supervisor.furnish import Volume
from moorage.runtime.supervisor.users import Ids

_OF_TASKS, _SHARED = "volumes", "shared-volumes"


def made(state: Path, task_id: str, ids: Ids | None, mounts: list[dict[str, Any]]) -> tuple[Volume, ...]:
    """The volumes that a container mounts, each with a directory."""
    return tuple(_made(state, task_id, ids, mount) for mount in mounts)


def sockets(state: Path, task_id: str, ids: Ids | None) -> Path:
    """Where the task's log router has its socket, whoever it runs as; no other container is given it."""
    place = state / _OF_TASKS / task_id / ".sockets"
    if not place.exists():
        place.mkdir(parents=True)
        place.chmod(0o777)
        owner = ids.first if ids else 0
        os.chown(place, owner, owner)
    return place


def shared_memory(state: Path, task_id: str) -> Path:
    """Where the /dev/shm is mounted that a task's containers share; a name that no volume has."""
    return state / _OF_TASKS / task_id / ".shm"


def discard(state: Path, task_id: str) -> None:
    """Take away what a task had in volumes of its own."""
    shutil.rmtree(state / _OF_TASKS / task_id, ignore_errors=True)


def sweep(state: Path) -> None:
    """Take away what tasks of a former supervisor had: none of them runs."""
    shutil.rmtree(state / _OF_TASKS, ignore_errors=True)


def _made(state: Path, task_id: str, ids: Ids | None, mount: dict[str, Any]) -> Volume:
    shared = mount["scope"] == "shared"
    mapped = shared and ids is not None and ids.first != 0
    name = records.checked(mount["volume"])
    place = state / _SHARED / name if shared else state / _OF_TASKS / task_id / name
    if not place.exists():
        place.mkdir(parents=True)
        place.chmod(0o755)
        keeper = users.of_slot(users.SHARED) if mapped else ids
        owner = keeper.first if keeper else 0
        os.chown(place, owner, owner)
    return Volume(os.path.realpath(place), mount["target"], not mount["read_only"], mapped)
