"""`GET /_moorage/metrics`: what the proxies counted, for Prometheus. What the numbers are is `engine/exposition`'s."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/_moorage/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def mounts(text: Callable[[], Awaitable[str]]) -> dict[str, Starlette]:
    """The application for `Endpoint.mounts`."""

    async def metrics(_request: Request) -> Response:
        return Response(await text(), headers={"content-type": CONTENT_TYPE})

    return {PATH: Starlette(routes=[Route(PATH, metrics)])}
