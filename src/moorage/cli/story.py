"""The acts of the demo: ask by name, roll the server under load, kill one of its tasks. Each checks what it shows.

Requests leave from inside a task of the client service, to the name that the article uses.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from moorage.cli import load, lookup, render
from moorage.cli.address import Address
from moorage.cli.aws import Aws
from moorage.cli.commands import endpoints
from moorage.cli.control import Control
from moorage.cli.failure import Failure
from moorage.cli.load import Answer, Load
from moorage.cli.tunnel import Relay, Way

HOST: Final = "server.hello-world.com"
PORT: Final = 5000
URL: Final = f"http://{HOST}:{PORT}/"
REQUESTS: Final = 8
STEADY_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.1

Act = Callable[[str], None]


@dataclass
class Story:
    """Told once. `figures` are what was measured, for the end."""

    where: Address
    deploy_seconds: float
    figures: list[tuple[str, str]] = field(default_factory=list)

    async def tell(self, act: Act) -> None:
        self._aws = Aws(self.where)
        self._cluster, self._server, client = await asyncio.to_thread(self._services)
        self._way = Way(self.where, await asyncio.to_thread(self._client_task, client), PORT, HOST)
        self.figures.append(("deployed, both services steady", f"{self.deploy_seconds:.1f} s"))
        act(f"Ask {URL} from inside a task of the client")
        await self._ask()
        act(f"Roll the server (forceNewDeployment) while {load.CLIENTS} clients keep asking")
        await self._roll()
        act("Kill one of the server's tasks (SIGKILL) while they keep asking")
        await self._kill()

    def _services(self) -> tuple[str, str, str]:
        """The cluster, the service behind the name, and the one that sees it and is another: the client."""
        for endpoint in endpoints.fetch(self.where)["endpoints"]:
            if (endpoint["alias"], endpoint["port"]) == (HOST, PORT):
                cluster, _, server = endpoint["owner"].partition("/")
                clients = [service for service in endpoint["seen_by"] if service != endpoint["owner"]]
                if clients:
                    return cluster, server, clients[0].partition("/")[2]
        raise Failure(URL, "no client service sees this endpoint after the deployment")

    def _client_task(self, client: str) -> str:
        return lookup.runner(lookup.meant(self._aws, f"{self._cluster}/{client}", service_only=True)).id

    async def _ask(self) -> None:
        """Each request over a connection of its own."""
        answers = []
        for number in range(1, REQUESTS + 1):
            async with Relay(self._way) as relay:
                transport = httpx.AsyncHTTPTransport(uds=relay.socket_path)
                async with httpx.AsyncClient(transport=transport, timeout=load.TIMEOUT, trust_env=False) as client:
                    answer = await load.ask(client, URL)
            if answer.failure:
                why = relay.failure.why if relay.failure else answer.failure
                raise Failure(f"request {number}", why, "")
            answers.append(answer)
            render.note(f"request {number}: 200 from task {answer.server[:8]} in {answer.seconds * 1000:.1f} ms")
        shares = ", ".join(f"{server}: {count}" for server, count in load.by_server(answers).items())
        self.figures.append((f"{REQUESTS} requests by name, answered by task", shares))

    async def _roll(self) -> None:
        before = await asyncio.to_thread(self._task_ids)
        async with Load(self._way, URL) as asking:
            await self._steady(asking)
            began = time.perf_counter()
            await asyncio.to_thread(self._force_new_deployment)
            await self._until(lambda: self._rolled(before), "the new deployment did not complete")
            seconds = time.perf_counter() - began
            await self._steady(asking)
        failures = load.failed(asking.answers)
        _show(asking.answers, before)
        self.figures += [
            ("rolling deployment", f"{seconds:.1f} s"),
            ("requests while it rolled", f"{len(asking.answers)}, failed: {len(failures)}"),
            ("their latency, p50 / p99", _latency(asking.answers)),
        ]
        if failures:
            raise Failure("the rolling deployment", f"{len(failures)} requests failed, first: {failures[0].failure}")

    async def _kill(self) -> None:
        before = await asyncio.to_thread(self._task_ids)
        async with Load(self._way, URL) as asking:
            await self._steady(asking)
            victim = sorted(before)[0]
            killed = time.perf_counter()
            await asyncio.to_thread(lambda: Control(self.where).post(f"tasks/{victim}/kill"))
            render.note(f"killed task {victim[:8]}")
            await self._until(lambda: self._replaced(victim, before), "the task was not replaced")
            seconds = time.perf_counter() - killed
            await self._steady(asking)
        self._check_kill(asking.answers, victim, killed, seconds)

    def _check_kill(self, answers: list[Answer], victim: str, killed: float, seconds: float) -> None:
        """At most the requests that the task held may fail: one for each client."""
        _show(answers, {victim})
        failures = load.failed(answers)
        others = [answer for answer in answers if answer.sent > killed and not answer.failure]
        self.figures += [
            ("requests around the kill", f"{len(answers)}, failed: {len(failures)}"),
            ("longest answer after the kill", f"{max((a.seconds for a in others), default=0.0) * 1000:.0f} ms"),
            ("task replaced after", f"{seconds:.1f} s"),
        ]
        if len(failures) > load.CLIENTS:
            raise Failure("the kill", f"{len(failures)} requests failed, first: {failures[0].failure}")
        if not any(not victim.startswith(answer.server) for answer in others):
            raise Failure("the kill", "no neighbour answered")

    async def _steady(self, asking: Load) -> None:
        """Let the clients ask for a while; every one of them has been answered by then."""
        wanted = len(asking.answers) + load.CLIENTS
        await asyncio.sleep(STEADY_SECONDS)
        await self._until(lambda: len(asking.answers) >= wanted, "the clients got no answer")

    async def _until(self, done: Callable[[], bool], otherwise: str) -> None:
        deadline = time.perf_counter() + PATIENCE_SECONDS
        while not await asyncio.to_thread(done):
            if time.perf_counter() > deadline:
                raise Failure("the demo", f"{otherwise} within {PATIENCE_SECONDS:.0f} s")
            await asyncio.sleep(POLL_SECONDS)

    def _force_new_deployment(self) -> None:
        self._aws.call("ecs", "update_service", cluster=self._cluster, service=self._server, forceNewDeployment=True)

    def _describe(self) -> dict[str, Any]:
        answer = self._aws.call("ecs", "describe_services", cluster=self._cluster, services=[self._server])
        found: dict[str, Any] = answer["services"][0]
        return found

    def _rolled(self, before: frozenset[str]) -> bool:
        deployments = self._describe()["deployments"]
        return len(deployments) == 1 and deployments[0]["rolloutState"] == "COMPLETED" and not self._task_ids() & before

    def _replaced(self, victim: str, before: frozenset[str]) -> bool:
        now = self._running_ids()
        return victim not in now and len(now) >= len(before)

    def _task_ids(self) -> frozenset[str]:
        return frozenset(task.id for task in lookup.tasks(self._aws, self._cluster, self._server))

    def _running_ids(self) -> frozenset[str]:
        tasks = lookup.tasks(self._aws, self._cluster, self._server)
        return frozenset(task.id for task in tasks if task.status == "RUNNING")


def _show(answers: list[Answer], old: "frozenset[str] | set[str]") -> None:
    """How many each task answered; those that were there before, or were killed, are marked."""
    for server, count in load.by_server(answers).items():
        gone = any(task.startswith(server) for task in old)
        render.note(f"task {server}{' (gone now)' if gone else ''} answered {count}")
    failures = load.failed(answers)
    render.note(f"{len(answers)} requests, {len(failures)} failed" + (f": {failures[0].failure}" if failures else ""))


def _latency(answers: list[Answer]) -> str:
    return f"{load.percentile(answers, 0.5):.1f} / {load.percentile(answers, 0.99):.1f} ms"
