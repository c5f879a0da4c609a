"""The hub: every proxy with its directory, its server and its bundle; the engine's Proxies port.

What a proxy is told comes in as bundles; what it answered is asked here. Directories outlive the hub, since the proxies
do: a restarted daemon opens them again and hears from each proxy what it holds.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moorage.mesh.bootstrap import ADMIN_SOCKET, XDS_SOCKET
from moorage.mesh.bundle import Bundle
from moorage.xds import server
from moorage.xds.admin import Admin
from moorage.xds.proxy import Proxy


class Inconsistent(Exception):
    """A bundle does not fit together; it is a fault of Moorage, and no proxy hears of it."""

    def __init__(self, task_id: str, problems: Sequence[str]) -> None:
        super().__init__(f"the configuration for the proxy of task {task_id} is inconsistent: {'; '.join(problems)}")
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class _Seat:
    """An open proxy with what serves it."""

    proxy: Proxy
    directory: Path
    server: Any
    admin: Admin


Listen = Callable[[str, Proxy, Callable[[str], None]], Awaitable[Any]]
"""Begins to serve a proxy on a socket at a path; its word is passed on. Gives what is to be stopped."""


class Hub:
    """Implements `engine.ports.Proxies`. `owner`: the user id that proxies run as, where it is not the daemon's own."""

    def __init__(self, directory: Path, owner: int | None = None, listen: Listen = server.listen) -> None:
        self._directory = directory
        self._owner = owner
        self._listen = listen
        self._seats: dict[str, _Seat] = {}
        self._early: dict[str, Bundle] = {}
        self._awaited: dict[str, set[str]] = {}
        self._watchers: list[Callable[[str], None]] = []
        self._opening = asyncio.Lock()

    async def open(self, task_id: str) -> str:
        """Listen for the task's proxy. A directory that is there already belongs to a proxy that may be running."""
        async with self._opening:
            if task_id not in self._seats:
                self._seats[task_id] = await self._seat(task_id)
            return str(self._seats[task_id].directory)

    async def close(self, task_id: str) -> None:
        """Stop listening for the task's proxy and take its directory away."""
        async with self._opening:
            seat = self._seats.pop(task_id, None)
            if seat is not None:
                await seat.server.stop(None)
            self._early.pop(task_id, None)
            if (self._directory / task_id).exists():
                shutil.rmtree(self._directory / task_id)
            self._let_go(task_id)

    async def shut(self) -> None:
        """Stop listening for all, and leave the directories: the proxies go on and will look for the next daemon."""
        async with self._opening:
            seats, self._seats = self._seats, {}
            await asyncio.gather(*(seat.server.stop(None) for seat in seats.values()))

    def publish(self, task_id: str, bundle: Bundle) -> None:
        """Make `bundle` what the proxy shall hold, now or once it is open. Nothing happens when it is already."""
        if bundle.problems:
            raise Inconsistent(task_id, bundle.problems)
        seat = self._seats.get(task_id)
        if seat is None:
            self._early[task_id] = bundle
        elif seat.proxy.publish(bundle) and not seat.proxy.whole:
            # It may never have held what this bundle no longer has: then no word of its will say so.
            self._let_go(task_id)

    def endpoint_gone(self, tasks: Sequence[str], address: str) -> frozenset[str]:
        """Of `tasks`, those whose proxies may still hold an endpoint at `address`. A closed proxy holds nothing.

        Watchers are called when the last of them has let go.
        """
        holding = {task_id for task_id in tasks if self._may_hold(task_id, address)}
        if holding:
            self._awaited[address] = holding
        else:
            self._awaited.pop(address, None)
        return frozenset(holding)

    def refused(self, task_id: str) -> tuple[str, ...]:
        """What the proxy refused of its present bundle, as `Cluster web: Envoy's words`; empty when it is not open."""
        seat = self._seats.get(task_id)
        return () if seat is None else seat.proxy.refused()

    def watch(self, nudge: Callable[[str], None]) -> None:
        """Call `nudge(task_id)` on each word of a proxy that is not yet, or no longer, whole: it comes to hold its
        bundle, leaves, or refuses something. One that is whole is heard of when it was the last to let an address go.
        """
        self._watchers.append(nudge)

    def takes(self, task_id: str) -> frozenset[tuple[str, int]] | None:
        """The addresses and ports that the proxy takes traffic for; None while it does not hold its whole bundle."""
        seat = self._seats.get(task_id)
        return None if seat is None else seat.proxy.takes()

    async def ready(self, task_id: str) -> bool:
        """True when Envoy is LIVE, made its listeners, and holds every resource of its bundle."""
        seat = self._seats.get(task_id)
        return seat is not None and seat.proxy.in_place() and await seat.admin.live()

    async def drain(self, task_id: str) -> None:
        """Ask the proxy to drain its inbound listeners; one that does not answer has nothing to drain."""
        seat = self._seats.get(task_id)
        if seat is not None:
            await seat.admin.drain()

    async def in_flight(self, task_id: str) -> int | None:
        """Open inbound HTTP requests and TCP connections; None when the proxy does not answer."""
        seat = self._seats.get(task_id)
        return None if seat is None else await seat.admin.in_flight()

    async def answers(self, task_id: str) -> bool:
        """Whether the proxy says anything at all when it is asked."""
        seat = self._seats.get(task_id)
        return seat is not None and await seat.admin.answers()

    async def question(self, task_id: str, about: str, level: str = "") -> str | None:
        """What the proxy's admin interface says `about` itself (`admin.QUESTIONS`); None when it does not answer."""
        seat = self._seats.get(task_id)
        return None if seat is None else await seat.admin.question(about, level)

    async def statistics(self, task_id: str, pattern: str) -> str | None:
        """What the proxy counted, as Envoy's JSON; None when it does not answer."""
        seat = self._seats.get(task_id)
        return None if seat is None else await seat.admin.statistics(pattern)

    def explain(self, task_id: str) -> dict[str, object] | None:
        """What the proxy was told, holds, lacks and refused and why, and how long it owes an answer; None: not open."""
        seat = self._seats.get(task_id)
        if seat is None:
            return None
        silent = seat.proxy.silent(asyncio.get_running_loop().time())
        return {**seat.proxy.explain(), "silentSeconds": round(silent, 1)}

    def _may_hold(self, task_id: str, address: str) -> bool:
        seat = self._seats.get(task_id)
        if seat is None:
            # Not opened again since the daemon started, but its directory says that a proxy may be running.
            return (self._directory / task_id).exists()
        return seat.proxy.may_hold(address)

    async def _seat(self, task_id: str) -> _Seat:
        directory = self._directory / task_id
        inherited = directory.exists()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket = directory / XDS_SOCKET
        socket.unlink(missing_ok=True)
        proxy = Proxy(task_id, inherited, self._early.pop(task_id, None))
        started = await self._listen(str(socket), proxy, self._spoke)
        if self._owner is not None:
            for path in (directory, socket):
                # The proxy may write to the directory: a link that it put there must not be followed.
                os.chown(path, self._owner, self._owner, follow_symlinks=False)
        return _Seat(proxy, directory, started, Admin(directory / ADMIN_SOCKET))

    def _spoke(self, task_id: str) -> None:
        """A proxy connected, left or answered. What a thousand answers to one change mean is told once."""
        seat = self._seats.get(task_id)
        if seat is None or seat.proxy.has_news():
            self._nudge(task_id)
        self._let_go(task_id)

    def _let_go(self, task_id: str) -> None:
        """See whether anybody waits for this proxy to let go of an address, and it was the last one."""
        if not self._awaited:
            return
        for address, holders in list(self._awaited.items()):
            if task_id in holders and not self._may_hold(task_id, address):
                holders.discard(task_id)
                if not holders:
                    del self._awaited[address]
                    self._nudge(task_id)

    def _nudge(self, task_id: str) -> None:
        for nudge in self._watchers:
            nudge(task_id)
