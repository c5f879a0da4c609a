"""What the containers of a task may share beside its network: processes (`pidMode`) and IPC (`ipcMode`).

Values and texts follow the ECS API reference of TaskDefinition; what ECS says on Fargate was read off its answers.
What is shared is made in the runtime.
"""

from collections.abc import Mapping
from typing import Any

from moorage.domain.errors import ClientMistake, Unsupported

TASK, HOST, NONE = "task", "host", "none"

_WHY = {
    "pidMode": "a task cannot see the processes of this machine: share them among its own containers by 'task'.",
    "ipcMode": "a task cannot reach the shared memory of this machine: share it among its own containers by 'task'.",
}


def check(document: Mapping[str, Any]) -> None:
    """Unsupported where a task would share what is this machine's."""
    for member, why in _WHY.items():
        if document.get(member) == HOST:
            raise Unsupported(f"The {member} 'host'", why)


def check_fargate(document: Mapping[str, Any]) -> None:
    """ClientMistake for what tasks on Fargate cannot share."""
    if document.get("pidMode") == HOST:
        raise ClientMistake(
            "Tasks using the Fargate launch type do not support pidMode 'host'. "
            "The supported value for pidMode is 'task'."
        )
    if "ipcMode" in document:
        raise ClientMistake("Tasks using the Fargate launch type do not support ipcMode.")
