"""`/_moorage/proxy/<task>/…`: what the proxy of a task says of itself, as Envoy writes it. Nothing is stored here.

GET config, stats and endpoints are Envoy's JSON; POST log-level sets its loggers and answers with what they are then.
"""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from moorage.api import local_tasks
from moorage.engine.ports import Store

PREFIX = "/_moorage/proxy/"
READ = ("config", "stats", "endpoints")
LEVELS = ("trace", "debug", "info", "warning", "error", "critical", "off")

Question = Callable[[str, str, str], Awaitable[str | None]]
"""Asks the proxy of a task about a subject, with a log level or ""; None when it does not answer."""


def mounts(store: Store, question: Question) -> dict[str, Starlette]:
    """The application for `Endpoint.mounts`."""
    tasks = local_tasks.Tasks(store)

    async def read(request: Request) -> Response:
        about = request.path_params["about"]
        if about not in READ:
            raise local_tasks.Refused(404, f"A proxy can be asked for {', '.join(READ)}, not for {about}.")
        return Response(await answer(request, about), media_type="application/json")

    async def log_level(request: Request) -> Response:
        level = request.query_params.get("level", "")
        if level not in LEVELS:
            raise local_tasks.Refused(400, f"'{level}' is not a log level: {', '.join(LEVELS)}.")
        loggers = [line.strip() for line in (await answer(request, "log-level", level)).splitlines()[1:]]
        return JSONResponse({"loggers": dict(line.split(": ", 1) for line in loggers if ": " in line)})

    async def answer(request: Request, about: str, level: str = "") -> str:
        task = tasks.find(request.path_params["task"])
        text = await question(task.id, about, level)
        if text is None:
            raise local_tasks.Refused(409, f"Task {task.id} has no proxy that answers.")
        return text

    routes = [
        Route(f"{PREFIX}{{task}}/log-level", log_level, methods=["POST"]),
        Route(f"{PREFIX}{{task}}/{{about}}", read),
    ]
    return {PREFIX: Starlette(routes=routes, exception_handlers={local_tasks.Refused: _refused})}


def _refused(_request: Request, refusal: Exception) -> Response:
    status = refusal.status if isinstance(refusal, local_tasks.Refused) else 500
    return JSONResponse({"message": str(refusal)}, status_code=status)
