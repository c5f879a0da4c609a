"""Closed-loop clients that ask one URL from inside a task, each over its own connection, and what they measured."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

import httpx

from moorage.cli.tunnel import Relay, Way

CLIENTS = 16
TIMEOUT = 30.0
PAUSE_AFTER_FAILURE = 0.01


@dataclass(frozen=True)
class Answer:
    """One request: when it was sent (perf_counter), how long it took, who answered, and what went wrong if anything."""

    sent: float
    seconds: float
    server: str
    failure: str

    @property
    def ended(self) -> float:
        return self.sent + self.seconds


class Load:
    """Runs while it is entered; `answers` grows in the order in which requests end."""

    def __init__(self, way: Way, url: str, clients: int = CLIENTS) -> None:
        self.answers: list[Answer] = []
        self._relay = Relay(way)
        self._url = url
        self._clients = clients
        self._ending = False
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Load":
        await self._relay.__aenter__()
        self._running = [asyncio.create_task(self._ask_on()) for _ in range(self._clients)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Every client finishes the request that it is at; a failing command does not wait for them."""
        self._ending = True
        if error is not None:
            for task in self._running:
                task.cancel()
        await asyncio.gather(*self._running, return_exceptions=error is not None)
        await self._relay.__aexit__(kind, error, trace)

    async def _ask_on(self) -> None:
        transport = httpx.AsyncHTTPTransport(uds=self._relay.socket_path)
        async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT, trust_env=False) as client:
            while not self._ending:
                answer = await ask(client, self._url)
                self.answers.append(answer)
                if answer.failure:
                    await asyncio.sleep(PAUSE_AFTER_FAILURE)


async def ask(client: httpx.AsyncClient, url: str) -> Answer:
    """One request. Anything but 200 is a failure."""
    sent = time.perf_counter()
    try:
        response = await client.get(url)
    except httpx.HTTPError as error:
        return Answer(sent, time.perf_counter() - sent, "", str(error) or type(error).__name__)
    failure = "" if response.status_code == 200 else f"{response.status_code} {response.text.strip()[:100]}"
    return Answer(sent, time.perf_counter() - sent, response.headers.get("x-served-by", "?"), failure)


def failed(answers: Sequence[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.failure]


def by_server(answers: Sequence[Answer]) -> dict[str, int]:
    """How many each server answered, by the beginning of its task's id."""
    counted = Counter(answer.server[:8] for answer in answers if not answer.failure)
    return dict(sorted(counted.items()))


def percentile(answers: Sequence[Answer], share: float) -> float:
    """Milliseconds within which this share of the requests ended; 0 without any."""
    ordered = sorted(answer.seconds for answer in answers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0
