"""The routes under /_moorage/ but health: what Moorage says and does beyond AWS's own operations.

Status, endpoints, checks, mesh, logs, images, the tunnel into a task, kill, reset and stop. Each reads the World or
asks a port; nothing is decided here. Admission (origin, signature, size) is `app`'s.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from moorage.api import local_tasks, tunnel
from moorage.domain import switches
from moorage.domain.cluster import ACTIVE, Cluster
from moorage.domain.service import Service
from moorage.domain.task import Status, Task, TaskState
from moorage.domain.world import World
from moorage.engine.ports import LogLine, Runtime, RuntimeFailed, Store
from moorage.planning import visibility

PREFIXES = tuple(
    f"/_moorage/{name}"
    for name in (
        "status",
        "endpoints",
        "waiting",
        "checks",
        "mesh/",
        "logs/",
        "images",
        "dial/",
        "tasks/",
        "reset",
        "stop",
    )
)


class Images(Protocol):
    """The catalog of local images. `add` raises RuntimeFailed with a sentence; `remove` is False if there was none."""

    def add(self, name: str, source: Path) -> Any: ...
    def list(self) -> Sequence[Any]: ...
    def source(self, name: str) -> Path | None: ...
    def remove(self, name: str) -> bool: ...


@dataclass(frozen=True)
class Check:
    """A thing that was looked at: `status` is ok, warning or failure; `detail` says what to do about it."""

    name: str
    status: str
    detail: str


@dataclass(frozen=True)
class Doors:
    """What the routes reach.

    `explain` tells what a task's proxy was told, acknowledged and refused, or None for a task without one; `answers`
    whether that proxy says anything when it is asked now. `facts` goes into the status as it is (runtime, data_dir,
    endpoint, pid …). `names` is what services without a tag of their own know. `stop` asks the daemon to stop its tasks
    and end.
    """

    store: Store
    runtime: Runtime
    images: Images
    checks: Callable[[], Awaitable[Sequence[Check]]]
    explain: Callable[[str], Mapping[str, Any] | None]
    answers: Callable[[str], Awaitable[bool]]
    reset: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    version: str
    names: str = switches.FROZEN
    facts: Mapping[str, Any] = field(default_factory=dict)


def mounts(doors: Doors) -> dict[str, Starlette]:
    """The application for `Endpoint.mounts`, under each prefix that it answers."""
    app = _Routes(doors).application()
    return dict.fromkeys(PREFIXES, app)


class _Routes:
    """One method per route."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._tasks = local_tasks.Tasks(doors.store)

    def application(self) -> Starlette:
        dial = tunnel.Tunnel(self._doors.runtime)
        return Starlette(
            routes=[
                Route("/_moorage/status", self.status),
                Route("/_moorage/endpoints", self.endpoints),
                Route("/_moorage/waiting", self.waiting),
                Route("/_moorage/checks", self.checks),
                Route("/_moorage/mesh/{task}", self.mesh),
                Route("/_moorage/logs/{task}/{container}", self.logs),
                Route("/_moorage/images", self.images),
                Route("/_moorage/images/{name:path}", self.image, methods=["PUT", "DELETE"]),
                Route("/_moorage/tasks/{task}/kill", self.kill, methods=["POST"]),
                Route("/_moorage/reset", self.reset, methods=["POST"]),
                Route("/_moorage/stop", self.stop, methods=["POST"]),
                WebSocketRoute("/_moorage/dial/{task}", dial.serve),
            ],
            exception_handlers={RuntimeFailed: _failed, local_tasks.Refused: _refused},
        )

    async def status(self, _request: Request) -> Response:
        world = self._doors.store.snapshot()
        return _json({"status": "running", "version": self._doors.version, **self._doors.facts, **_counts(world)})

    async def endpoints(self, request: Request) -> Response:
        """`account` and `region` say whose; the answer holds `endpoints`, `ghosts` and the `live` services."""
        account = request.query_params.get("account", "000000000000")
        region = request.query_params.get("region", "us-east-1")
        world, names = self._doors.store.snapshot(), self._doors.names
        return _json(
            {
                "endpoints": [asdict(sight) for sight in visibility.endpoints(world, account, region, names)],
                "ghosts": [asdict(ghost) for ghost in visibility.ghosts(world, account, region)],
                "live": visibility.live(world, account, region, names),
            }
        )

    async def waiting(self, _request: Request) -> Response:
        """What tasks wait for, of every account and region: `tasks`, each with `id`, `since` and a clause, `reason`."""
        return _json({"tasks": self._tasks.waiting()})

    async def checks(self, _request: Request) -> Response:
        """The machine as the runtime finds it, then the proxy of every task that serves or starts.

        Each is told as by `mesh`, and whether it `answers` now: one that owes nothing may hang, too.
        """
        told = {task: self._doors.explain(task) for task in self._tasks.proxied()}
        proxies = {task: proxy for task, proxy in told.items() if proxy is not None}
        # All at once: one that hangs takes as long as it is waited for, whatever else is looked at.
        checks, *answers = await asyncio.gather(self._machine(), *map(self._doors.answers, proxies))
        found = [{**proxy, "answers": so} for proxy, so in zip(proxies.values(), answers, strict=True)]
        return _json({"checks": checks, "proxies": found})

    async def _machine(self) -> list[dict[str, Any]]:
        return [asdict(check) for check in await self._doors.checks()]

    async def mesh(self, request: Request) -> Response:
        task = self._tasks.find(request.path_params["task"])
        told = self._doors.explain(task.id)
        if told is None:
            raise local_tasks.Refused(404, f"Task {task.id} has no proxy.")
        return _json(told)

    async def logs(self, request: Request) -> Response:
        """One JSON object a line: `at`, `stream`, `text`. A task that the World has forgotten may still have output."""
        since = request.query_params.get("since")
        lines = self._doors.runtime.logs(
            request.path_params["task"],
            request.path_params["container"],
            _instant(since) if since else None,
            request.query_params.get("follow") == "true",
        )
        return StreamingResponse(_encoded(lines), media_type="application/x-ndjson")

    async def images(self, _request: Request) -> Response:
        images = self._doors.images
        return _json({"images": [_image(image, images.source(image.name)) for image in images.list()]})

    async def image(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "DELETE":
            if not await asyncio.to_thread(self._doors.images.remove, name):
                raise local_tasks.Refused(404, f"There is no image {name}.")
            return _json({"removed": name})
        kind, text = _member(await request.body(), "folder", "archive")
        source = Path(text)
        if not source.is_absolute():
            raise local_tasks.Refused(400, f"The {kind} must be an absolute path, not {text!r}.")
        if kind == "archive" and not source.is_file():
            raise local_tasks.Refused(400, f"The archive {text} is not a file of this machine.")
        return _json(_image(await asyncio.to_thread(self._doors.images.add, name, source), source))

    async def kill(self, request: Request) -> Response:
        """SIGKILL a container of the task (`container`, else its first essential one), as `kill` would."""
        task = self._tasks.find(request.path_params["task"])
        container = request.query_params.get("container") or self._tasks.essential(task)
        await self._doors.runtime.signal(task.id, container, local_tasks.SIGKILL)
        return _json({"task": task.id, "container": container, "signal": "SIGKILL"})

    async def reset(self, _request: Request) -> Response:
        await self._doors.reset()
        return _json({"status": "reset"})

    async def stop(self, _request: Request) -> Response:
        await self._doors.stop()
        return _json({"status": "stopping"})


def _counts(world: World) -> dict[str, int]:
    return {
        "clusters": sum(cluster.status == ACTIVE for cluster in world.all(Cluster)),
        "services": sum(service.deleted_at is None for service in world.all(Service)),
        "tasks": sum(not _stopped(world, task) for task in world.all(Task)),
    }


def _stopped(world: World, task: Task) -> bool:
    state = world.get(TaskState, task.key)
    return state is not None and state.status is Status.STOPPED


def _image(image: Any, source: Path | None) -> dict[str, Any]:
    """A local image as the route shows it: plain members only, whatever else the catalog keeps of it."""
    return {
        "name": image.name,
        "digest": image.digest,
        "folder": "" if image.complete else str(source or ""),
        "archive": str(source or "") if image.complete else "",
        "entry_point": list(image.entry_point),
        "command": list(image.command),
        "exposed": list(image.exposed),
        "user": image.user,
    }


async def _encoded(lines: AsyncIterator[LogLine]) -> AsyncIterator[bytes]:
    async for line in lines:
        yield orjson.dumps({"at": line.at, "stream": line.stream, "text": line.text}) + b"\n"


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise local_tasks.Refused(400, f"{text!r} is not an ISO 8601 time.") from error
    if moment.tzinfo is None:
        raise local_tasks.Refused(400, f"{text!r} has no time zone.")
    return moment


def _member(body: bytes, *names: str) -> tuple[str, str]:
    """The one member of the body that is called one of `names`, and its value."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise local_tasks.Refused(400, f"The body is not JSON: {error}.") from error
    found = list(document.items()) if isinstance(document, dict) else []
    if len(found) != 1 or found[0][0] not in names or not isinstance(found[0][1], str):
        wanted = " or ".join(repr(name) for name in names)
        raise local_tasks.Refused(400, f"The body must be an object with the string {wanted}, and nothing else.")
    return found[0]


async def _failed(_request: Request, error: Exception) -> Response:
    return _json({"message": str(error)}, 409)


async def _refused(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, local_tasks.Refused) else 400
    return _json({"message": str(error)}, status)


def _json(document: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")
