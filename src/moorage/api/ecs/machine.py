"""What this machine has to offer as a container instance: processors, memory, and the attributes that follow from them.

Read from the operating system, unless the settings say otherwise; nothing here is remembered.
"""

import os
import platform
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from moorage.domain.capacity import AVAILABILITY_ZONE

CPU_UNITS: Final = 1024
MIB: Final = 1024 * 1024

RESERVED_PREFIXES: Final = ("ecs.", "com.amazonaws.")
"""Attributes that begin so are the machine's own; users cannot write them."""


@dataclass(frozen=True)
class Machine:
    """`cpu` in ECS CPU units, `memory` in MiB."""

    cpu: int
    memory: int
    architecture: str

    def attributes(self, region: str) -> dict[str, str]:
        """By name; a capability has no value, which is the empty one here. It stands in a region's first zone."""
        return {
            AVAILABILITY_ZONE: f"{region}a",
            "ecs.os-type": "linux",
            "ecs.os-family": "LINUX",
            "ecs.cpu-architecture": self.architecture,
            "ecs.capability.container-health-check": "",
            "ecs.capability.container-ordering": "",
            "ecs.capability.firelens.fluentbit": "",
            "ecs.capability.firelens.fluentd": "",
            "ecs.capability.firelens.options.config.file": "",
            "ecs.capability.firelens.options.config.s3": "",
            "ecs.capability.pid-ipc-namespace-sharing": "",
            "ecs.capability.task-eni": "",
            "com.amazonaws.ecs.capability.logging-driver.awsfirelens": "",
            "com.amazonaws.ecs.capability.logging-driver.awslogs": "",
            "com.amazonaws.ecs.capability.logging-driver.json-file": "",
        }


def registered(cpu: int, memory: int) -> Machine:
    """This machine with so many CPU units and MiB to give to tasks; 0: as many as it has."""
    own = this_machine()
    return replace(own, cpu=cpu or own.cpu, memory=memory or own.memory)


@cache
def this_machine() -> Machine:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MIB
    return Machine((os.cpu_count() or 1) * CPU_UNITS, memory, platform.machine().replace("aarch64", "arm64"))
