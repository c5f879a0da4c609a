"""Requests from inside a task, as its programs make them: through its hosts file and its proxy.

They go by the daemon's tunnel, as `moorage curl` does, but from this process: a test asks often.
"""

import asyncio
from dataclasses import dataclass

import httpx

from moorage.cli.address import Address
from moorage.cli.tunnel import Relay, Way


@dataclass(frozen=True)
class Answer:
    """`status` is 0 when there was none; then `body` says why."""

    status: int
    body: str
    headers: httpx.Headers


def get(daemon: str, task: str, url: str, seconds: float) -> Answer:
    """GET a URL as a program in the task would."""
    target = httpx.URL(url)
    way = Way(Address(daemon), task, target.port or 80, target.host)
    return asyncio.run(_get(way, url, seconds))


async def _get(way: Way, url: str, seconds: float) -> Answer:
    async with Relay(way) as relay:
        transport = httpx.AsyncHTTPTransport(uds=relay.socket_path)
        async with httpx.AsyncClient(transport=transport, timeout=seconds, trust_env=False) as client:
            try:
                response = await client.get(url)
            except httpx.HTTPError as error:
                why = relay.failure.why if relay.failure is not None else f"{type(error).__name__}: {error}"
                return Answer(0, why, httpx.Headers())
            return Answer(response.status_code, response.text, response.headers)
