"""The tasks' own address over a World of two tasks: each asker is known by its address and sees itself only."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from moorage.api import operations
from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Dispatcher
from moorage.api.inside import Inside
from moorage.domain.changes import Put
from moorage.domain.cluster import Cluster
from moorage.domain.task import ContainerState, Status, Task, TaskState
from moorage.domain.world import World
from moorage.planning import inside
from moorage.store.memory import MemoryStore
from moorage.system import SystemIds
from moorage.wire.message import Request, Response
from worlds import CLUSTER, HOME, NOON, definition

HERE, THERE, NOWHERE = "100.64.0.2", "100.64.0.3", "100.64.0.9"
ROLE = "arn:aws:iam::111122223333:role/app"


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def iam(_service: str, request: Request) -> Response:
    """IAM, which knows all roles but one."""
    name = parse_qs(request.body.decode())["RoleName"][0]
    if name == "gone":
        error = "<Error><Code>NoSuchEntity</Code><Message>Not found</Message></Error>"
        return Response(404, (), f"<ErrorResponse>{error}</ErrorResponse>".encode())
    role = f"<Role><RoleId>AROA{name}</RoleId><RoleName>{name}</RoleName></Role>"
    return Response(200, (), f"<GetRoleResponse><GetRoleResult>{role}</GetRoleResult></GetRoleResponse>".encode())


async def measure(task_id: str) -> Mapping[str, Any]:
    counted = {"cpu": 7, "user": 4, "kernel": 3, "memory": {"usage": 5, "limit": 9}, "pids": {"current": 1}}
    return {
        "cpus": 2,
        "system": 100,
        "containers": {"app": counted, "odd": None},
        "networks": {"app": {"rx_bytes": 3}, "odd": {}},
    }


def task(number: int, address: str, status: Status = Status.RUNNING, **more: Any) -> tuple[Task, TaskState]:
    identity = f"{number:032x}"
    made = Task(*HOME, CLUSTER, identity, NOON, definition().key, "g", "FARGATE", **more)
    containers = (ContainerState("app", "RUNNING", started_at=NOON),)
    return made, TaskState(*HOME, CLUSTER, identity, status=status, address=address, containers=containers)


MINE, MINE_STATE = task(1, HERE)
OTHER, OTHER_STATE = task(2, THERE)


def served(*records: Any, clock: Clock | None = None) -> Inside:
    world = World.empty().apply([Put(record) for record in records])
    store = MemoryStore(world=world)
    clock = clock or Clock()
    dispatcher = Dispatcher(operations.table(), store, clock, SystemIds(), forward=iam)
    return Inside(store, dispatcher, measure, clock, SystemIds(), App(dispatcher, Endpoint("test")))


async def ask(app: Inside, caller: str, path: str, port: int = 80, **request: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app=app, client=(caller, 40000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://169.254.170.2:{port}") as client:
        return await client.request(request.pop("method", "GET"), path, **request)


def two_tasks() -> Inside:
    return served(definition(taskRoleArn=ROLE), MINE, MINE_STATE, OTHER, OTHER_STATE)


def path_of(of: Task) -> str:
    return f"/v4/{inside.container_id(of.id, 'app')}"


async def test_a_task_sees_itself_and_no_other() -> None:
    app = two_tasks()
    for rest in ("", "/task", "/taskWithTags", "/stats", "/task/stats"):
        for before in ("v4", "v3"):
            assert (await ask(app, HERE, path_of(MINE).replace("v4", before) + rest)).status_code == 200
            assert (await ask(app, HERE, path_of(OTHER).replace("v4", before) + rest)).status_code == 404
    assert (await ask(app, HERE, path_of(MINE) + "/task")).json()["TaskARN"] == MINE.arn


async def test_credentials_are_those_of_the_task_that_asks() -> None:
    app = two_tasks()
    path = f"/v2/credentials/{inside.credentials_id(MINE)}"
    keys = (await ask(app, HERE, path)).json()
    assert (keys["RoleArn"], keys["Expiration"]) == (ROLE, "2026-11-22T18:00:00Z")
    refused = await ask(app, THERE, path)
    assert (refused.status_code, refused.json()["code"]) == (400, "InvalidIdInRequest")
    assert (await ask(app, HERE, path)).json() == keys
    assert f"assumed-role/app/{MINE.id}" in (await identity(app, keys)).text
    assert (await identity(app, {**keys, "Token": "other"})).status_code == 403


async def identity(app: Inside, keys: dict[str, str]) -> httpx.Response:
    """GetCallerIdentity with these credentials."""
    scope = f"{keys['AccessKeyId']}/20261122/us-east-1/sts/aws4_request"
    headers = {"authorization": f"AWS4-HMAC-SHA256 Credential={scope}", "x-amz-security-token": keys["Token"]}
    return await ask(app, HERE, "/?Action=GetCallerIdentity&Version=2011-06-15", 4566, headers=headers)


async def test_credentials_are_renewed_before_they_end_and_not_before_that(clock: Clock) -> None:
    app = served(definition(taskRoleArn=ROLE), MINE, MINE_STATE, clock=clock)
    path = f"/v2/credentials/{inside.credentials_id(MINE)}"
    first = (await ask(app, HERE, path)).json()
    clock.at += timedelta(hours=4, minutes=59)
    assert (await ask(app, HERE, path)).json() == first
    clock.at += timedelta(minutes=1)
    second = (await ask(app, HERE, path)).json()
    assert second["AccessKeyId"] != first["AccessKeyId"]
    assert (await identity(app, first)).status_code == 200
    clock.at += timedelta(hours=1)
    assert "ExpiredToken" in (await identity(app, first)).text
    assert (await identity(app, second)).status_code == 200


async def test_a_role_that_is_gone_has_no_credentials_any_more() -> None:
    gone = replace(MINE, overrides={"taskRoleArn": "arn:aws:iam::111122223333:role/gone"})
    app = served(definition(), gone, MINE_STATE)
    answer = await ask(app, HERE, f"/v2/credentials/{inside.credentials_id(MINE)}")
    assert answer.status_code == 404
    assert "unable to assume the role" in answer.text


async def test_a_task_without_a_role_has_no_credentials() -> None:
    app = served(definition(), MINE, MINE_STATE)
    assert (await ask(app, HERE, f"/v2/credentials/{inside.credentials_id(MINE)}")).status_code == 400


async def test_the_role_of_an_override_goes_before() -> None:
    other = "arn:aws:iam::111122223333:role/other"
    app = served(definition(taskRoleArn=ROLE), replace(MINE, overrides={"taskRoleArn": other}), MINE_STATE)
    keys = (await ask(app, HERE, f"/v2/credentials/{inside.credentials_id(MINE)}")).json()
    assert keys["RoleArn"] == other


async def test_who_is_no_task_is_told_nothing() -> None:
    app = two_tasks()
    for port, path in ((80, path_of(MINE)), (4566, "/?Action=GetCallerIdentity&Version=2011-06-15")):
        assert (await ask(app, NOWHERE, path, port)).status_code == 403


async def test_an_address_belongs_to_who_has_it_now_not_to_who_had_it() -> None:
    app = served(definition(), *task(1, HERE, Status.STOPPED), *task(2, HERE))
    assert (await ask(app, HERE, path_of(MINE))).status_code == 404
    assert (await ask(app, HERE, path_of(OTHER))).status_code == 200


async def test_the_endpoint_answers_inside_without_moorages_own_routes() -> None:
    app = two_tasks()
    answer = await ask(app, HERE, "/?Action=GetCallerIdentity&Version=2011-06-15", 4566)
    assert answer.status_code == 200
    for route in ("status", "reset", "stop", "dial/1"):
        assert (await ask(app, HERE, f"/_moorage/{route}", 4566)).status_code == 404


async def test_what_cannot_be_counted_is_told_as_nothing() -> None:
    found = (await ask(two_tasks(), HERE, path_of(MINE) + "/task/stats")).json()
    assert found[inside.container_id(MINE.id, "odd")] is None
    assert found[inside.container_id(MINE.id, "app")]["cpu_stats"]["system_cpu_usage"] == 100


async def test_protection_is_asked_of_the_operation() -> None:
    path = f"/api/{inside.container_id(MINE.id, 'app')}/task-protection/v1/state"
    answer = await ask(two_tasks(), HERE, path, method="PUT", json={"ProtectionEnabled": True, "Colour": 1})
    assert (answer.status_code, answer.json()["error"]["Code"]) == (400, "InvalidParameterException")
    assert "Colour" in answer.json()["error"]["Message"]
    answer = await ask(two_tasks(), HERE, path, method="PUT", content=b"")
    assert answer.json()["error"] == {
        "Arn": MINE.arn,
        "Code": "InvalidParameterException",
        "Message": "Invalid request: does not contain 'ProtectionEnabled' field",
    }
    answer = await ask(two_tasks(), HERE, path, method="PUT", json={"ProtectionEnabled": True})
    assert "protection" in answer.json() or answer.json().keys() & {"error", "failure"}


async def test_a_protection_ends_at_an_instant_as_the_agent_writes_it() -> None:
    cluster = Cluster(*HOME, CLUSTER, "ACTIVE", NOON)
    app = served(cluster, definition(), replace(MINE, group="service:web", service="web"), MINE_STATE)
    path = f"/api/{inside.container_id(MINE.id, 'app')}/task-protection/v1/state"
    asked = {"ProtectionEnabled": True, "ExpiresInMinutes": 30}
    answer = await ask(app, HERE, path, method="PUT", json=asked)
    assert answer.json()["protection"]["ExpirationDate"] == "2026-11-22T12:30:00.000Z"


async def test_the_options_of_the_log_driver_name_the_stream_and_not_its_prefix() -> None:
    options = {"awslogs-group": "/g", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "p"}
    logging = {"logConfiguration": {"logDriver": "awslogs", "options": options}}
    kind = definition(containers=[{"name": "app", "image": "i", **logging}])
    app = served(kind, MINE, MINE_STATE)
    found = (await ask(app, HERE, path_of(MINE))).json()
    assert found["LogDriver"] == "awslogs"
    assert found["LogOptions"] == {
        "awslogs-group": "/g",
        "awslogs-region": "us-east-1",
        "awslogs-stream": f"p/app/{MINE.id}",
    }
    whole = (await ask(app, HERE, path_of(MINE).replace("v4", "v3") + "/task")).json()
    assert not {"LaunchType", "ServiceName"} & whole.keys()
    assert not {"LogDriver", "LogOptions", "ContainerARN"} & whole["Containers"][0].keys()


async def test_statistics_are_compared_with_a_sample_that_is_a_second_old(clock: Clock) -> None:
    app = served(definition(), MINE, MINE_STATE, clock=clock)

    async def read() -> dict[str, Any]:
        found: dict[str, Any] = (await ask(app, HERE, path_of(MINE) + "/stats")).json()
        return found

    assert (await read())["preread"] == "0001-01-01T00:00:00Z"
    former = []
    for _ in range(4):
        clock.at += timedelta(seconds=0.6)
        found = await read()
        former.append(found["preread"])
        assert found["network_rate_stats"] == {"rx_bytes_per_sec": 0.0, "tx_bytes_per_sec": 0.0}
    assert former == [
        "2026-11-22T12:00:00Z",
        "2026-11-22T12:00:00Z",
        "2026-11-22T12:00:01.200000Z",
        "2026-11-22T12:00:01.200000Z",
    ]
    assert found["cpu_stats"]["cpu_usage"] == {"total_usage": 7, "usage_in_usermode": 4, "usage_in_kernelmode": 3}


async def test_a_container_that_has_stopped_uses_nothing() -> None:
    stopped = replace(MINE_STATE, containers=(ContainerState("app", "STOPPED", started_at=NOON),))
    app = served(definition(), MINE, stopped)
    assert (await ask(app, HERE, path_of(MINE) + "/stats")).json() is None
