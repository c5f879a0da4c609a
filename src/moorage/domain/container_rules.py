"""What a container definition may ask of the machine: ECS's rules for it, and what nothing here can give.

The texts follow the ECS API reference of ContainerDefinition and LinuxParameters. What is taken is made in the runtime.
"""

from collections.abc import Mapping
from typing import Any

from moorage.domain import capabilities
from moorage.domain.errors import ClientMistake, Unsupported

Document = Mapping[str, Any]

ON_FARGATE = frozenset({"SYS_PTRACE"})
"""The capabilities that can be added on Fargate (ECS API reference, KernelCapabilities)."""


def check(document: Document) -> None:
    """ClientMistake or Unsupported unless every container of the completed task definition can be made."""
    for container in document["containerDefinitions"]:
        _check_capabilities(container)


def check_fargate(container: Document) -> None:
    """ClientMistake for what Fargate does not take from a container."""
    asked = container.get("linuxParameters", {}).get("capabilities", {}).get("add", ())
    if set(asked) - ON_FARGATE:
        raise ClientMistake(
            f"Invalid 'capabilities' setting for container '{container['name']}': "
            "on Fargate only SYS_PTRACE can be added."
        )


def _check_capabilities(container: Document) -> None:
    beyond = capabilities.not_addable(container.get("linuxParameters", {}).get("capabilities"))
    if beyond:
        raise Unsupported(
            f"Adding the capability {', '.join(beyond)} to container '{container['name']}'",
            "it would reach beyond the task's own user ids; "
            f"{', '.join(sorted(capabilities.EFFECTIVE - capabilities.DEFAULT))} can be added.",
        )
