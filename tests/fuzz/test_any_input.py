"""Whatever a request holds: no 5xx, no hang, an answer that botocore reads, and nothing changed by a refusal.

`make test` gives each operation a few inputs, the same each time; `make fuzz` gives each of them many, new ones.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.parsers import create_parser
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fuzz import bodies, inputs, seeds
from moorage.api.app import App, Endpoint
from moorage.api.dispatch import Dispatcher
from moorage.domain.world import World
from moorage.store.log_events import SqliteLogEvents
from moorage.store.memory import MemoryStore
from moorage.system import SystemClock, SystemIds
from moorage.wire import models
from moorage.wire.message import Request, Response

EXAMPLES = int(os.environ.get("MOORAGE_FUZZ_EXAMPLES", "0"))
SECONDS = 10
TABLE = seeds.table(None)
OPERATIONS = [(service, operation) for service, rows in TABLE.operations.items() for operation in rows]
STREAMS = {("logs", "StartLiveTail")}
"""Its answer goes on until the caller hangs up."""

budget = settings(
    max_examples=EXAMPLES or 15,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Place:
    """An endpoint whose World can be put back, on a loop of its own."""

    runner: asyncio.Runner
    archive: SqliteLogEvents
    seeded: World
    known: list[str]

    def answers(self, request: Request) -> tuple[Response, bool]:
        """The answer, and whether the World changed by it. Work that goes on after the answer is done, too."""
        return self.runner.run(self._answers(request))

    async def _answers(self, request: Request) -> tuple[Response, bool]:
        store = MemoryStore(world=self.seeded)
        dispatcher = Dispatcher(seeds.table(self.archive), store, SystemClock(), SystemIds(), seeds.forward)
        response = await App(dispatcher, Endpoint("fuzz")).answer(request)
        changed = store.snapshot() is not self.seeded
        await dispatcher.settle()
        return response, changed


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with asyncio.Runner() as runner:
        archive = SqliteLogEvents(tmp_path_factory.mktemp("fuzz"))
        try:
            seeded, known = runner.run(seeds.seed(archive))
            yield Place(runner, archive, seeded, known)
        finally:
            runner.run(archive.close())


@pytest.fixture
def in_time() -> Iterator[None]:
    """A request that does not come back fails the test instead of holding it up."""

    def too_long(_number: int, _frame: Any) -> None:
        raise TimeoutError(f"no answer after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_long)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_any_input_is_answered_or_refused_without_a_trace(place: Place, service: str, operation: str) -> None:
    if (service, operation) in STREAMS:
        assert models.operation(service, operation).has_event_stream_output
        return
    model = models.operation(service, operation)
    made = inputs.inputs(model.input_shape, TABLE.find(service, operation).tree, place.known)

    @budget
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        for whole in bodies.requests(service, operation, data.draw(made)):
            request = data.draw(st.one_of(*[st.just(whole)] * 3, bodies.broken(whole)))
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            response, changed = place.answers(request)
            signal.setitimer(signal.ITIMER_REAL, 0)
            check(service, operation, response, changed)

    ask()


def check(service: str, operation: str, response: Response, changed: bool) -> None:
    headers = dict(response.headers)
    over_cbor = "smithy-protocol" in headers
    parser = create_parser(models.CBOR if over_cbor else models.service(service).resolved_protocol)
    received = {"headers": headers, "body": response.body, "status_code": response.status}
    if response.status == 200:
        parser.parse(received, models.operation(service, operation).output_shape)
        return
    error = parser.parse(received, None)["Error"]
    assert response.status < 500, error
    assert error["Code"]
    assert error["Message"]
    assert not changed, error
