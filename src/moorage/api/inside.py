"""What a task reaches at 169.254.170.2: its metadata, its role's credentials, its protection, and AWS's services.

Who asks is known by the address that it asks from: it belongs to one task's namespace, and no program of a task may
send from another. So a task sees itself and no other. Moorage's own routes are not served here.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moorage.api import sessions, task_metadata
from moorage.api.app import ASGIApp, Receive, Scopes, Send
from moorage.api.task_metadata import Subject
from moorage.api.task_stats import Measure, Stats
from moorage.domain import task_role
from moorage.domain.role_session import RoleSession
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.task_definition import TaskDefinition
from moorage.engine.ports import Clock, Ids, OperationFailed, Operations, RuntimeFailed, Store
from moorage.planning import inside

LIFETIME: Final = timedelta(hours=6)
RENEWED_BEFORE: Final = timedelta(hours=1)
"""Credentials that end sooner are not given out any more: SDKs ask again some minutes before the end."""


class Refused(Exception):
    """The agent's answer to what it cannot tell: a status and a sentence, or the document that has it."""

    def __init__(self, status: int, sentence: str, document: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.document = document or sentence


class Inside:
    """The ASGI application of both ports. `endpoint` serves AWS's services."""

    def __init__(
        self, store: Store, operations: Operations, measure: Measure, clock: Clock, ids: Ids, endpoint: ASGIApp
    ) -> None:
        self._ids = ids
        self._store = store
        self._operations = operations
        self._stats = Stats(measure, clock)
        self._clock = clock
        self._endpoint = endpoint
        self._agent = self._routes()

    async def __call__(self, scope: Scopes, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._find(scope) is None:
            await Response("This address answers the tasks that run here.", 403)(scope, receive, send)
        elif scope["server"][1] == inside.ENDPOINT_PORT:
            await self._endpoint(scope, receive, send)
        else:
            await self._agent(scope, receive, send)

    def _routes(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v4/{container}", self.container),
                Route("/v4/{container}/task", self.task),
                Route("/v4/{container}/taskWithTags", self.task_with_tags),
                Route("/v4/{container}/stats", self.stats),
                Route("/v4/{container}/task/stats", self.task_stats),
                Route("/v3/{container}", self.container_as_before),
                Route("/v3/{container}/task", self.task_as_before),
                Route("/v3/{container}/taskWithTags", self.task_with_tags_as_before),
                Route("/v3/{container}/stats", self.stats),
                Route("/v3/{container}/task/stats", self.task_stats),
                Route("/v2/credentials/{id}", self.credentials),
                Route("/api/{container}/task-protection/v1/state", self.protection, methods=["GET", "PUT"]),
            ],
            exception_handlers={Refused: _refused, RuntimeFailed: _failed},
        )

    async def container(self, request: Request) -> Response:
        subject, name = self._asked(request)
        return _json(task_metadata.container(subject, name))

    async def task(self, request: Request) -> Response:
        return _json(task_metadata.task(self._asked(request)[0]))

    async def task_with_tags(self, request: Request) -> Response:
        return _json(task_metadata.task(self._asked(request)[0], with_tags=True))

    async def container_as_before(self, request: Request) -> Response:
        subject, name = self._asked(request)
        return _json(task_metadata.version_3(task_metadata.container(subject, name)))

    async def task_as_before(self, request: Request) -> Response:
        return _json(task_metadata.version_3(task_metadata.task(self._asked(request)[0])))

    async def task_with_tags_as_before(self, request: Request) -> Response:
        return _json(task_metadata.version_3(task_metadata.task(self._asked(request)[0], with_tags=True)))

    async def stats(self, request: Request) -> Response:
        subject, name = self._asked(request)
        return _json(await self._stats.container(subject.task, subject.state, name))

    async def task_stats(self, request: Request) -> Response:
        subject, _ = self._asked(request)
        return _json(await self._stats.task(subject.task, subject.state))

    async def credentials(self, request: Request) -> Response:
        """Temporary credentials of the task's role. The session's name is the task's id, as on ECS."""
        subject = self._subject(request.scope)
        role = inside.role(subject.task, subject.definition)
        if role is None or request.path_params["id"] != inside.credentials_id(subject.task):
            why = "CredentialsV2Request: Credentials not found"
            raise Refused(400, why, {"code": "InvalidIdInRequest", "message": why, "HTTPErrorCode": 400})
        arn = task_role.arn(role, subject.task.account)
        session = await self._session(subject.task, arn)
        keys = sessions.shown(session)
        return _json(
            {
                "RoleArn": arn,
                "AccessKeyId": keys["AccessKeyId"],
                "SecretAccessKey": keys["SecretAccessKey"],
                "Token": keys["SessionToken"],
                "Expiration": session.expires_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            }
        )

    async def _session(self, task: Task, role: str) -> RoleSession:
        """The session of the task under its role: the one that there is, while it lasts for a while, or a new one."""
        found = self._store.snapshot().linked(RoleSession, "sessions", (task.account,))
        enough = self._clock.now() + RENEWED_BEFORE
        held = [each for each in found if (each.role, each.name) == (role, task.id) and each.expires_at > enough]
        if held:
            return max(held, key=lambda each: each.expires_at)
        asked = {"RoleName": task_role.name(role, task.account)}
        try:
            known = (await self._operations.call(task.account, task.region, "iam", "GetRole", asked))["Role"]
        except OperationFailed as error:
            raise Refused(error.status, task_role.sentence(role)) from error
        about = {"account": task.account, "region": task.region, "role": role, "role_id": known["RoleId"]}
        return await sessions.begin(self._store, self._clock, self._ids, LIFETIME, **about, name=task.id)

    async def protection(self, request: Request) -> Response:
        """The agent's way to GetTaskProtection and UpdateTaskProtection, for the task that asks."""
        subject, _ = self._asked(request)
        found = subject.task
        arguments: dict[str, Any] = {"cluster": found.cluster, "tasks": [found.id]}
        operation = "GetTaskProtection"
        if request.method == "PUT":
            operation, arguments = "UpdateTaskProtection", {**arguments, **_protection(await request.body(), found.arn)}
        try:
            answer = await self._operations.call(found.account, found.region, "ecs", operation, arguments)
        except OperationFailed as error:
            return _json({"error": {"Arn": found.arn, "Code": error.code, "Message": error.message}}, error.status)
        if answer.get("failures"):
            return _json({"failure": _capitals(answer["failures"][0])})
        return _json({"protection": _capitals(answer["protectedTasks"][0])})

    def _asked(self, request: Request) -> tuple[Subject, str]:
        """The task that asks, and which of its containers its path names."""
        subject = self._subject(request.scope)
        name = task_metadata.name_of(subject, request.path_params["container"])
        if name is None:
            raise Refused(404, "The task has no container of this name.")
        return subject, name

    def _subject(self, scope: Scopes) -> Subject:
        world = self._store.snapshot()
        found = self._find(scope)
        task = world.get(Task, found.key) if found is not None else None
        definition = world.get(TaskDefinition, task.task_definition) if task is not None else None
        if found is None or task is None or definition is None:
            raise Refused(404, "There is no such task any more.")
        return Subject(task, found, definition)

    def _find(self, scope: Scopes) -> TaskState | None:
        """The task that has the caller's address now; stopped ones had it before."""
        address = scope["client"][0] if scope.get("client") else ""
        held = self._store.snapshot().linked(TaskState, "address", (address,))
        return next((state for state in held if state.status is not Status.STOPPED), None)


def _protection(body: bytes, arn: str) -> dict[str, Any]:
    """The agent's member names as the operation's."""
    try:
        document = msgspec.json.decode(body or b"{}", type=_Protection)
    except msgspec.MsgspecError as error:
        raise _invalid("", f"UpdateTaskProtection: failed to decode request: {error}") from error
    if document.ProtectionEnabled is None:
        raise _invalid(arn, "Invalid request: does not contain 'ProtectionEnabled' field")
    asked = {"protectionEnabled": document.ProtectionEnabled}
    return asked | ({} if document.ExpiresInMinutes is None else {"expiresInMinutes": document.ExpiresInMinutes})


class _Protection(msgspec.Struct, forbid_unknown_fields=True):
    """What a task may ask for."""

    ProtectionEnabled: bool | None = None
    ExpiresInMinutes: int | None = None


def _invalid(arn: str, why: str) -> Refused:
    return Refused(400, why, {"error": _given(Arn=arn, Code="InvalidParameterException", Message=why)})


def _given(**members: str) -> dict[str, str]:
    return {name: value for name, value in members.items() if value}


def _capitals(members: Mapping[str, Any]) -> dict[str, Any]:
    """The operation's members with the agent's names, and instants as the agent writes them."""
    return {name[:1].upper() + name[1:]: _instant(value) for name, value in members.items()}


def _instant(value: object) -> object:
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z") if isinstance(value, datetime) else value


async def _refused(_request: Request, error: Exception) -> Response:
    return _json(error.document, error.status) if isinstance(error, Refused) else _json(str(error), 400)


async def _failed(_request: Request, error: Exception) -> Response:
    return _json(str(error), 500)


def _json(document: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
