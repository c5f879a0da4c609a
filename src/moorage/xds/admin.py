"""The admin interface of one Envoy over its Unix socket: is it live, drain it, what is in flight.

A proxy that does not answer is a fact, not an error: it is reported as not live, and as unknown in flight.
"""

import asyncio
import re
from pathlib import Path
from urllib.parse import quote

from moorage.xds.unix_http import conversation

_IN_FLIGHT = "|".join(
    (
        r"^http\.ingress-[^.]+\.downstream_rq_active$",
        r"^tcp\.ingress-[^.]+\.upstream_flush_active$",
        r"^listener\.ingress-[^.]+\.downstream_cx_active$",
    )
)
_CREATE_FAILURE = r"^listener_manager\.listener_create_failure$"
QUESTIONS = {
    "config": ("GET", "/config_dump?include_eds"),
    "endpoints": ("GET", "/clusters?format=json"),
    "stats": ("GET", "/stats?format=json&usedonly"),
    "log-level": ("POST", "/logging"),
}
"""What an Envoy can be asked about itself, by the words of `moorage proxy`."""

MERGED = 0.02
"""Seconds in which an Envoy has brought its histograms together; it takes its threads less than one millisecond."""

_STAT = re.compile(r"^(?P<name>\S+): (?P<value>\d+)$", re.MULTILINE)


class Admin:
    """Questions to one Envoy. Each is a connection of its own: an idle one would be the daemon's to lose."""

    def __init__(self, socket: Path, timeout: float = 2.0) -> None:
        self._socket = socket
        self._timeout = timeout

    async def live(self) -> bool:
        """True when Envoy says LIVE and could make all of its listeners."""
        answer = await self._ask("GET", "/ready")
        if answer is None or answer.strip() != "LIVE":
            return False
        failures = await self._stats(_CREATE_FAILURE)
        return failures is not None and not any(failures.values())

    async def answers(self) -> bool:
        """Whether Envoy says anything at all; its threads hang, or it is gone, when it does not."""
        return await self._ask("GET", "/server_info") is not None

    async def drain(self) -> bool:
        """Every answer on an inbound listener says goodbye from now on; True when Envoy has begun, or had before."""
        return await self._ask("POST", "/drain_listeners?graceful&inboundonly") is not None

    async def in_flight(self) -> int | None:
        """Open inbound requests and streams, and open inbound TCP connections; None when Envoy does not answer."""
        stats = await self._stats(_IN_FLIGHT)
        return None if stats is None else count(stats)

    async def question(self, about: str, level: str = "") -> str | None:
        """Envoy's own words about itself; with "log-level", its loggers, all set to `level` first if that is given."""
        method, target = QUESTIONS[about]
        return await self._ask(method, f"{target}?level={quote(level)}" if level else target)

    async def statistics(self, pattern: str) -> str | None:
        """The statistics that match, as far as they were ever counted, as JSON with histograms in their finest bins.

        Envoy brings its histograms together when it is asked, and after it has answered: so it is asked before.
        """
        asked = f"format=json&histogram_buckets=detailed&filter={quote(pattern, safe='')}"
        async with conversation(self._socket, self._timeout) as envoy:
            if envoy is None or await envoy.ask("GET", "/stats?filter=%5E%24") is None:
                return None
            await asyncio.sleep(MERGED)
            return await envoy.ask("GET", f"/stats?usedonly&{asked}")

    async def _stats(self, pattern: str) -> dict[str, int] | None:
        text = await self._ask("GET", f"/stats?filter={quote(pattern, safe='')}")
        return None if text is None else {found["name"]: int(found["value"]) for found in _STAT.finditer(text)}

    async def _ask(self, method: str, target: str) -> str | None:
        async with conversation(self._socket, self._timeout) as envoy:
            return None if envoy is None else await envoy.ask(method, target)


def count(stats: dict[str, int]) -> int:
    """Requests of HTTP listeners; connections of TCP listeners and what they still have to hand to the container.

    The connections of an HTTP listener do not count: idle keep-alive is nothing to wait for.
    """
    prefixes = {name.split(".")[1] for name in stats if name.startswith("tcp.")}
    total = sum(value for name, value in stats.items() if name.startswith(("http.", "tcp.")))
    return total + sum(stats.get(f"listener.{prefix}.downstream_cx_active", 0) for prefix in prefixes)
