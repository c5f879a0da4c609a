"""Host ports of the container instance: which a task fixes, who has them, and why a task cannot have them.

Every cluster has this machine for its container instance, so a port is taken wherever its holder belongs. Ports that
are not fixed are the runtime's choice. How a lack of them is told, `resources` knows.
"""

from collections.abc import Iterable

from moorage.domain.connect import ConnectConfiguration
from moorage.domain.service import Deployment
from moorage.domain.service_rules import EC2
from moorage.domain.task import Status, Task, TaskState, stop_of
from moorage.domain.task_definition import BRIDGE, TaskDefinition
from moorage.domain.world import World

Port = tuple[str, int]
"""Protocol and number."""


def fixed(definition: TaskDefinition, deployment: Deployment | None) -> frozenset[Port]:
    """The host ports that every task of the definition takes: those it names, and its proxy's overrides."""
    if definition.mode != BRIDGE:
        return frozenset()
    own = {(m.protocol, m.host_port) for c in definition.containers for m in c.port_mappings if m.host_port}
    exposed = ConnectConfiguration.read(deployment.connect).exposed if deployment is not None else ()
    return frozenset(own | {("tcp", port.ingress_port_override) for port in exposed if port.ingress_port_override})


def taken(world: World, wanted: frozenset[Port]) -> frozenset[Port]:
    """Those of the wanted ports that tasks on this machine have, until they have stopped."""
    held = (_held(world, task) for task in world.all(Task) if task.launch_type == EC2) if wanted else ()
    return wanted.intersection(_joined(held))


def in_use(world: World) -> frozenset[Port]:
    """Every host port that a task on this machine fixes."""
    return frozenset(_joined(_held(world, task) for task in world.all(Task) if task.launch_type == EC2))


def _held(world: World, task: Task) -> frozenset[Port]:
    state, definition = world.get(TaskState, task.key), world.get(TaskDefinition, task.task_definition)
    gone = stop_of(task, state) is not None if state is None else state.status is Status.STOPPED
    if gone or definition is None:
        return frozenset()
    return fixed(definition, world.get(Deployment, task.deployment_key) if task.deployment_key else None)


def _joined(sets: Iterable[frozenset[Port]]) -> set[Port]:
    return {port for each in sets for port in each}
