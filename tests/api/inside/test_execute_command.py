"""Who is granted a session by ExecuteCommand, for which container, and who may not enable it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

import ec2
from moorage.api import operations
from moorage.api.dispatch import Dispatcher
from moorage.api.ecs.execute_command import NOT_CONNECTED, NOT_ENABLED
from moorage.api.exec_sessions import OPENS_WITHIN, Sessions, origin
from moorage.domain.changes import Put
from moorage.domain.cluster import Cluster
from moorage.domain.task import ContainerState, Status, Task, TaskState
from moorage.domain.world import World
from moorage.engine.ports import OperationFailed
from moorage.store.memory import MemoryStore
from moorage.system import SystemIds
from worlds import CLUSTER, HOME, NOON, definition

PAIR = [{"name": "app", "image": "a"}, {"name": "side", "image": "b"}]


class Clock:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time


class House:
    """A cluster with one task, which may be entered; `containers` are what is seen of it."""

    def __init__(self, enabled: bool = True, containers: list[dict[str, Any]] | None = None, status: str = "RUNNING"):
        kind = definition(containers=containers) if containers else definition()
        task = Task(
            *HOME, CLUSTER, "1" * 32, NOON, kind.key, "g", "FARGATE", recorded={"enableExecuteCommand": enabled}
        )
        seen = tuple(ContainerState(each.name, status) for each in kind.containers)
        state = TaskState(*HOME, CLUSTER, task.id, status=Status.RUNNING, containers=seen)
        cluster = Cluster(*HOME, CLUSTER, "ACTIVE", NOON)
        self.clock = Clock()
        self.sessions = Sessions("ws://127.0.0.1:4566", self.clock, SystemIds())
        store = MemoryStore(world=World.empty().apply([Put(each) for each in (cluster, kind, task, state)]))
        table = operations.table(sessions=self.sessions)
        self.dispatcher = Dispatcher(table, store, self.clock, SystemIds(), ec2.forward)

    async def execute(self, **arguments: Any) -> dict[str, Any]:
        asked = {"cluster": CLUSTER, "task": "1" * 32, "command": "ls -l 'a b'", "interactive": True, **arguments}
        return await self.dispatcher.call(*HOME, "ecs", "ExecuteCommand", asked)

    async def refusal(self, **arguments: Any) -> tuple[str, str]:
        with pytest.raises(OperationFailed) as error:
            await self.execute(**arguments)
        return error.value.code, error.value.message


async def test_a_session_is_granted_for_the_only_container() -> None:
    house = House()
    granted = await house.execute()
    assert (granted["containerName"], granted["interactive"]) == ("app", True)
    session = granted["session"]
    assert session["streamUrl"].startswith(f"ws://127.0.0.1:4566/v1/data-channel/{session['sessionId']}?")
    opened = house.sessions.open(session["sessionId"], session["tokenValue"])
    assert opened is not None
    assert (opened.task_id, opened.container, opened.argv) == ("1" * 32, "app", ("ls", "-l", "a b"))


async def test_a_session_opens_once_in_time_and_by_its_own_token() -> None:
    house = House()
    one, other = [(await house.execute())["session"] for _ in range(2)]
    assert house.sessions.open(one["sessionId"], other["tokenValue"]) is None
    assert house.sessions.open(one["sessionId"], "") is None
    assert house.sessions.open("nobody", one["tokenValue"]) is None
    assert house.sessions.open(one["sessionId"], one["tokenValue"]) is not None
    assert house.sessions.open(one["sessionId"], one["tokenValue"]) is None
    house.clock.time += OPENS_WITHIN + timedelta(seconds=1)
    assert house.sessions.open(other["sessionId"], other["tokenValue"]) is None


async def test_of_several_containers_one_must_be_named() -> None:
    house = House(containers=PAIR)
    assert (await house.refusal())[1] == "A container name is required for a task with multiple containers."
    assert (await house.execute(container="side"))["containerName"] == "side"
    assert (await house.refusal(container="none"))[1] == "The container none was not found in the task."


async def test_refusals_have_the_words_of_ecs() -> None:
    assert await House(enabled=False).refusal() == ("InvalidParameterException", NOT_ENABLED)
    assert await House(status="STOPPED").refusal() == ("TargetNotConnectedException", NOT_CONNECTED)
    wrong = {"interactive": False}
    assert (await House().refusal(**wrong))[1] == "Interactive is the only mode supported currently."
    assert (await House().refusal(command="'"))[0] == "InvalidParameterException"
    assert (await House().refusal(task="2" * 32))[0] == "InvalidParameterException"


async def test_nobody_enables_it_without_a_task_role() -> None:
    house = House()
    network = {"awsvpcConfiguration": {"subnets": ["subnet-a"]}}
    run = {"cluster": CLUSTER, "taskDefinition": "web", "networkConfiguration": network, "enableExecuteCommand": True}
    with pytest.raises(OperationFailed, match="The task couldn't be run because a valid taskRoleArn is not being used"):
        await house.dispatcher.call(*HOME, "ecs", "RunTask", run)
    service = {**run, "serviceName": "web", "desiredCount": 1}
    with pytest.raises(OperationFailed, match="The service couldn't be created because a valid taskRoleArn is not"):
        await house.dispatcher.call(*HOME, "ecs", "CreateService", service)
    role = {"overrides": {"taskRoleArn": "arn:aws:iam::111122223333:role/app"}}
    made = await house.dispatcher.call(*HOME, "ecs", "RunTask", {**run, **role})
    assert made["tasks"][0]["enableExecuteCommand"] is True


def test_streams_are_where_clients_reach_them() -> None:
    assert origin("127.0.0.1", 1) == "ws://127.0.0.1:1"
    assert origin("0.0.0.0", 1) == "ws://127.0.0.1:1"
    assert origin("::", 1) == "ws://[::1]:1"
    assert origin("fd00::1", 1) == "ws://[fd00::1]:1"
