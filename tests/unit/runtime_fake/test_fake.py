"""The fake runtime on virtual time: behaviours happen when they say, and faults are the same for the same seed."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from moorage.engine.ports import NotRunning, Unavailable
from moorage.planning.actions import (
    ContainerObservation,
    ContainerPhase,
    ContainerSpec,
    Health,
    HealthCheck,
    HostsEntry,
    TaskSpec,
)
from moorage.runtime.fake import Behaviour, FakeRuntime, by_image
from moorage.runtime.faults import ChanceFaults, Odds

pytestmark = pytest.mark.looptime(start=0)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHECK = HealthCheck(("CMD", "true"))


class LoopClock:
    def now(self) -> datetime:
        return NOON + timedelta(seconds=asyncio.get_running_loop().time())


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def runtime(behaviour: Behaviour, faults: ChanceFaults | None = None, prepare_after: float = 0.0) -> FakeRuntime:
    return FakeRuntime(LoopClock(), by_image({"app": behaviour}), faults, prepare_after)


async def started(made: FakeRuntime, check: HealthCheck | None = None) -> None:
    await made.prepare(TaskSpec("t", "host"))
    await made.start(ContainerSpec("t", "c", "app", health_check=check))


async def seen(made: FakeRuntime) -> ContainerObservation:
    found = await made.observe("t")
    assert found is not None
    return found.containers["c"]


async def test_preparing_and_starting_take_their_time() -> None:
    made = runtime(Behaviour(start_after=3), prepare_after=60)
    await started(made)
    assert (await seen(made)).started_at == after(63)
    await made.prepare(TaskSpec("t", "host"))
    assert LoopClock().now() == after(63)


async def test_a_container_ends_when_its_behaviour_says() -> None:
    made = runtime(Behaviour(exit_after=3600, exit_code=137, reason="OutOfMemoryError: Container killed"))
    await started(made)
    await asyncio.sleep(3599)
    assert (await seen(made)).phase is ContainerPhase.RUNNING
    await asyncio.sleep(2)
    found = await seen(made)
    assert (found.phase, found.exit_code, found.stopped_at) == (ContainerPhase.EXITED, 137, after(3600))
    assert found.reason == "OutOfMemoryError: Container killed"


async def test_health_comes_and_goes_and_an_exit_ends_it() -> None:
    made = runtime(Behaviour(healthy_after=10, unhealthy_after=20, exit_after=15))
    await started(made, CHECK)
    for moment, health in ((9, Health.UNKNOWN), (11, Health.HEALTHY), (25, Health.HEALTHY)):
        await asyncio.sleep(moment - asyncio.get_running_loop().time())
        assert (await seen(made)).health is health


async def test_without_a_health_check_health_stays_unknown() -> None:
    made = runtime(Behaviour(healthy_after=0, unhealthy_after=1))
    await started(made)
    await asyncio.sleep(5)
    assert (await seen(made)).health is Health.UNKNOWN


async def test_a_container_takes_its_time_to_stop_but_not_when_killed() -> None:
    made = runtime(Behaviour(stops_after=25, term_code=0))
    await started(made)
    await made.signal("t", "c", 15)
    await asyncio.sleep(24)
    assert (await seen(made)).phase is ContainerPhase.RUNNING
    await made.signal("t", "c", 9)
    assert (await seen(made)).exit_code == 137
    await asyncio.sleep(5)
    assert (await seen(made)).stopped_at == after(24)


async def test_a_crash_is_seen_and_nothing_happens_to_what_is_not_there() -> None:
    made = runtime(Behaviour())
    made.crash("t", "c")
    await started(made)
    made.crash("t", "c", code=139, reason="Segmentation fault")
    assert ((await seen(made)).exit_code, (await seen(made)).reason) == (139, "Segmentation fault")


async def test_addresses_are_used_again_only_when_free() -> None:
    made = runtime(Behaviour())
    first, second = await made.prepare(TaskSpec("a", "h")), await made.prepare(TaskSpec("b", "h"))
    assert (first, second) == ("100.64.0.2", "100.64.0.3")
    await made.remove("a")
    assert await made.prepare(TaskSpec("c", "h")) == first
    assert await made.prepare(TaskSpec("d", "h")) == "100.64.0.4"


async def test_an_alias_address_leads_nowhere_without_a_proxy() -> None:
    made = runtime(Behaviour(answers={80: b"x"}))
    await made.prepare(TaskSpec("t", "h", hosts=(HostsEntry("127.255.0.1", "api"),)))
    await made.start(ContainerSpec("t", "c", "app"))
    with pytest.raises(NotRunning, match="api port 80"):
        await made.resolve_and_dial("t", "api", 80)


async def test_an_outage_ends_and_what_was_not_heard_was_not_done() -> None:
    draws = iter([0.0, 0.5])
    made = runtime(Behaviour(), ChanceFaults(lambda: next(draws, 0.99), Odds(outage=0.1, longest_outage=60)))
    for moment in (0, 15, 14):
        await asyncio.sleep(moment)
        with pytest.raises(Unavailable):
            await made.prepare(TaskSpec("t", "h"))
    await asyncio.sleep(2)
    assert await made.tasks() == {}
    await made.prepare(TaskSpec("t", "h"))


async def test_a_lost_answer_means_that_it_was_done_all_the_same() -> None:
    made = runtime(Behaviour(), ChanceFaults(lambda: 0.0, Odds(lost_answer=0.5)))
    with pytest.raises(Unavailable, match="answer to prepare was lost"):
        await made.prepare(TaskSpec("t", "h"))
    with pytest.raises(Unavailable, match="answer to start was lost"):
        await made.start(ContainerSpec("t", "c", "app"))
    assert (await seen(made)).phase is ContainerPhase.RUNNING


async def run_of(seed: int) -> list[str]:
    """What a caller that never gives up sees of a task's life, with its times."""
    odds = Odds(outage=0.1, lost_answer=0.2, delay=0.3, lost_nudge=0.3, doubled_nudge=0.3)
    made = runtime(Behaviour(stops_after=1), ChanceFaults(Random(seed).random, odds))
    told: list[str] = []
    began = asyncio.get_running_loop().time()

    def tell(what: str) -> None:
        told.append(f"{asyncio.get_running_loop().time() - began:.6f} {what}")

    made.watch(tell)
    for step in (
        lambda: made.prepare(TaskSpec("t", "h")),
        lambda: made.start(ContainerSpec("t", "c", "app")),
        lambda: made.signal("t", "c", 15),
        lambda: made.remove("t"),
    ):
        while True:
            try:
                await step()
                break
            except Unavailable as unavailable:
                tell(unavailable.reason)
                await asyncio.sleep(0.25)
    return told


async def test_the_same_seed_gives_the_same_run_and_others_give_others() -> None:
    runs = [await run_of(seed) for seed in range(20)]
    assert [await run_of(seed) for seed in range(20)] == runs
    assert len({tuple(run) for run in runs}) > 10


async def test_nudges_are_lost_and_doubled_in_their_proportion() -> None:
    faults = ChanceFaults(Random(1).random, Odds(lost_nudge=0.25, doubled_nudge=0.25))
    counts = Counter(faults.nudges("t") for _ in range(4000))
    assert counts.keys() == {0, 1, 2}
    assert 900 < counts[0] < 1100
    assert 900 < counts[2] < 1100
