"""What every runtime keeps to: what is done twice is done once, what is told was seen, output outlives a task."""

import asyncio
import itertools
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from moorage.engine.ports import CannotPull, CannotStart, NameUnknown, NotRunning, Runtime
from moorage.planning.actions import (
    ContainerObservation,
    ContainerPhase,
    ContainerSpec,
    Health,
    HealthCheck,
    HostsEntry,
    TaskSpec,
)

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]

RUNNING, EXITED = ContainerPhase.RUNNING, ContainerPhase.EXITED
LOOKS_FOR_FILE = HealthCheck(("CMD", "test", "-e", "/tmp/healthy"), interval=1, retries=10)
ONE = f"{1:032x}"
TWO = f"{2:032x}"


def task(task_id: str = ONE, *hosts: HostsEntry) -> TaskSpec:
    return TaskSpec(task_id, hostname="the-task", hosts=hosts)


def container(image: str, name: str = "app", task_id: str = ONE, check: HealthCheck | None = None) -> ContainerSpec:
    return ContainerSpec(task_id, name, image, health_check=check)


async def seen(runtime: Runtime, name: str = "app", task_id: str = ONE) -> ContainerObservation:
    found = await runtime.observe(task_id)
    assert found is not None
    return found.containers[name]


async def started(runtime: Runtime, image: str, check: HealthCheck | None = None) -> None:
    await runtime.prepare(task())
    await runtime.start(container(image, check=check))


async def has_exited(runtime: Runtime) -> bool:
    return (await seen(runtime)).phase is EXITED


async def answer(runtime: Runtime, task_id: str, port: int, host: str = "") -> bytes:
    """What a port of a task answers, to the host or, with `host`, from within the task."""
    dialled = await (runtime.resolve_and_dial(task_id, host, port) if host else runtime.dial(task_id, port))
    with dialled:
        assert dialled.getblocking() is False
        parts = []
        while part := await asyncio.wait_for(asyncio.get_running_loop().sock_recv(dialled, 4096), 10):
            parts.append(part)
    return b"".join(parts)


async def is_served(runtime: Runtime, task_id: str = ONE) -> bool:
    try:
        return await answer(runtime, task_id, 7070) == b"hello from serves\n"
    except NotRunning:
        return False


async def test_a_runtime_begins_without_tasks_and_knows_nothing_of_others(runtime: Runtime) -> None:
    assert await runtime.tasks() == {}
    assert await runtime.observe(ONE) is None
    await runtime.remove(ONE)
    await runtime.signal(ONE, "app", signal.SIGTERM)


async def test_preparing_twice_prepares_once(runtime: Runtime) -> None:
    addresses = [await runtime.prepare(task()) for _ in range(2)]
    addresses += await asyncio.gather(runtime.prepare(task()), runtime.prepare(task()))
    assert len(set(addresses)) == 1
    found = await runtime.observe(ONE)
    assert found is not None
    assert (found.task_id, found.address, found.containers) == (ONE, addresses[0], {})
    assert set(await runtime.tasks()) == {ONE}


async def test_tasks_have_addresses_of_their_own(runtime: Runtime) -> None:
    assert await runtime.prepare(task(ONE)) != await runtime.prepare(task(TWO))


async def test_a_container_that_was_started_is_seen_running(runtime: Runtime) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    await started(runtime, "stubborn")
    found = await seen(runtime)
    assert (found.name, found.phase, found.stopped_at, found.exit_code) == ("app", RUNNING, None, None)
    assert found.started_at is not None
    assert before < found.started_at < datetime.now(UTC) + timedelta(seconds=1)
    assert found.health is Health.UNKNOWN
    assert found.runtime_id


async def test_a_container_that_ended_is_started_again_by_a_later_attempt_only(runtime: Runtime, until: Until) -> None:
    await started(runtime, "stubborn")
    again = replace(container("stubborn"), attempt=1)
    await runtime.start(again)
    assert (await seen(runtime)).attempt == 0
    await runtime.signal(ONE, "app", signal.SIGKILL)
    await until(lambda: has_exited(runtime))
    first = await seen(runtime)
    await runtime.start(container("stubborn"))
    assert await seen(runtime) == first
    await runtime.start(again)
    await runtime.start(again)
    found = await seen(runtime)
    assert (found.phase, found.attempt, found.exit_code, found.stopped_at) == (RUNNING, 1, None, None)
    await runtime.signal(ONE, "app", signal.SIGKILL)
    await until(lambda: has_exited(runtime))
    assert ((await seen(runtime)).attempt, (await seen(runtime)).exit_code) == (1, 137)


async def test_starting_twice_starts_once(runtime: Runtime) -> None:
    await started(runtime, "stubborn")
    first = await seen(runtime)
    await runtime.start(container("stubborn"))
    await asyncio.gather(runtime.start(container("stubborn")), runtime.start(container("stubborn")))
    assert await seen(runtime) == first


async def test_two_that_start_a_container_at_once_start_it_once(runtime: Runtime) -> None:
    await runtime.prepare(task())
    await asyncio.gather(*(runtime.start(container("talks")) for _ in range(3)))
    lines = [line.text async for line in runtime.logs(ONE, "app", None, follow=True)]
    assert lines.count("one") == 1


async def test_the_exit_code_is_told_and_an_exited_container_is_not_started_again(
    runtime: Runtime, until: Until
) -> None:
    await started(runtime, "exits")
    await until(lambda: has_exited(runtime))
    found = await seen(runtime)
    assert found.exit_code == 7
    assert found.started_at is not None
    assert found.stopped_at is not None
    assert found.started_at <= found.stopped_at
    await runtime.start(container("exits"))
    assert await seen(runtime) == found


async def test_sigterm_reaches_the_program_which_may_choose_its_exit_code(runtime: Runtime, until: Until) -> None:
    await started(runtime, "serves")
    await until(lambda: is_served(runtime))
    await runtime.signal(ONE, "app", signal.SIGTERM)
    await until(lambda: has_exited(runtime))
    assert (await seen(runtime)).exit_code == 3
    await runtime.signal(ONE, "app", signal.SIGTERM)
    assert (await seen(runtime)).exit_code == 3


async def test_a_program_may_ignore_sigterm_but_not_sigkill(runtime: Runtime, until: Until) -> None:
    await started(runtime, "stubborn")
    await runtime.start(container("serves", name="other"))
    await until(lambda: is_served(runtime))  # by now the first has long installed its handler
    await runtime.signal(ONE, "app", signal.SIGTERM)
    await runtime.signal(ONE, "other", signal.SIGTERM)

    async def other_has_exited() -> bool:
        return (await seen(runtime, "other")).phase is EXITED

    await until(other_has_exited)
    assert (await seen(runtime)).phase is RUNNING
    await runtime.signal(ONE, "app", signal.SIGKILL)
    await until(lambda: has_exited(runtime))
    assert (await seen(runtime)).exit_code == 128 + signal.SIGKILL


async def test_signals_to_what_does_not_run_do_nothing(runtime: Runtime) -> None:
    await runtime.prepare(task())
    await runtime.signal(ONE, "app", signal.SIGKILL)
    await runtime.signal(TWO, "app", signal.SIGKILL)
    found = await runtime.observe(ONE)
    assert found is not None
    assert found.containers == {}


async def test_removing_ends_everything_and_twice_is_once(runtime: Runtime) -> None:
    await started(runtime, "stubborn")
    await runtime.start(container("serves", name="other"))
    await runtime.remove(ONE)
    assert await runtime.observe(ONE) is None
    assert await runtime.tasks() == {}
    await runtime.remove(ONE)
    with pytest.raises(NotRunning):
        await runtime.dial(ONE, 7070)


async def test_removing_one_task_leaves_the_others(runtime: Runtime, until: Until) -> None:
    await started(runtime, "stubborn")
    await runtime.prepare(task(TWO))
    await runtime.start(container("serves", task_id=TWO))
    await runtime.remove(ONE)
    await until(lambda: is_served(runtime, TWO))
    assert set(await runtime.tasks()) == {TWO}


async def test_what_a_container_wrote_is_read_by_stream_in_order_also_after_its_task_is_gone(runtime: Runtime) -> None:
    await started(runtime, "talks")
    followed = [line async for line in runtime.logs(ONE, "app", None, follow=True)]
    await runtime.remove(ONE)
    kept = [line async for line in runtime.logs(ONE, "app", None, follow=False)]
    assert kept == followed
    assert [line.text for line in kept if line.stream == "stdout"] == ["one", "two", "four"]
    assert [line.text for line in kept if line.stream == "stderr"] == ["three"]
    assert all(earlier.at <= later.at for earlier, later in itertools.pairwise(kept))
    assert all(line.at.utcoffset() == timedelta(0) for line in kept)
    late = kept[-1].at + timedelta(seconds=1)
    assert [line async for line in runtime.logs(ONE, "app", late, follow=False)] == []


async def test_following_ends_when_the_container_is_gone(runtime: Runtime, until: Until) -> None:
    await started(runtime, "serves")
    await until(lambda: is_served(runtime))

    async def follow() -> list[str]:
        return [line.text async for line in runtime.logs(ONE, "app", None, follow=True)]

    following = asyncio.create_task(follow())
    done, _ = await asyncio.wait([following], timeout=0.1)
    assert not done
    await runtime.signal(ONE, "app", signal.SIGTERM)
    assert await asyncio.wait_for(following, 10) == []


async def test_nudges_tell_of_a_start_and_of_an_end(runtime: Runtime, until: Until) -> None:
    nudged: list[str] = []
    runtime.watch(nudged.append)

    async def is_nudged() -> bool:
        return bool(nudged)

    await started(runtime, "stubborn")
    await until(is_nudged)
    assert set(nudged) == {ONE}
    nudged.clear()
    await runtime.signal(ONE, "app", signal.SIGKILL)
    await until(is_nudged)
    await until(lambda: has_exited(runtime))
    assert set(nudged) == {ONE}


async def test_all_that_changes_of_a_task_makes_another_revision(runtime: Runtime, until: Until) -> None:
    async def revision() -> int:
        found = await runtime.observe(ONE)
        assert found is not None
        assert await runtime.tasks() == {ONE: found.revision}
        return found.revision

    await runtime.prepare(task())
    known = [await revision()]
    await runtime.start(container("stubborn"))
    known.append(await revision())
    assert await revision() == known[-1]
    await runtime.signal(ONE, "app", signal.SIGKILL)
    await until(lambda: has_exited(runtime))
    known.append(await revision())
    await runtime.remove(ONE)
    await runtime.prepare(task())
    known.append(await revision())
    assert len(set(known)) == len(known)


async def test_an_unknown_image_cannot_be_pulled_and_leaves_nothing(runtime: Runtime) -> None:
    await runtime.prepare(task())
    with pytest.raises(CannotPull, match="no-such-image"):
        await runtime.start(container("registry.example/no-such-image:1"))
    found = await runtime.observe(ONE)
    assert found is not None
    assert found.containers == {}


async def test_a_program_that_is_not_there_cannot_be_started(runtime: Runtime) -> None:
    await runtime.prepare(task())
    with pytest.raises(CannotStart, match="/no/such/program"):
        await runtime.start(container("unrunnable"))
    found = await runtime.observe(ONE)
    assert found is not None
    assert all(observation.phase is not RUNNING for observation in found.containers.values())


async def test_a_container_of_a_task_without_network_cannot_be_started(runtime: Runtime) -> None:
    with pytest.raises(CannotStart):
        await runtime.start(container("serves"))
    assert await runtime.observe(ONE) is None


async def test_an_image_is_found_whatever_its_registry_and_tag(runtime: Runtime) -> None:
    await started(runtime, "registry.example:5000/stubborn:1.2")
    assert (await seen(runtime)).phase is RUNNING


async def test_dialling_reaches_what_listens_and_nothing_else(runtime: Runtime, until: Until) -> None:
    await started(runtime, "serves")
    await until(lambda: is_served(runtime))
    with pytest.raises(NotRunning):
        await runtime.dial(ONE, 7071)
    with pytest.raises(NotRunning):
        await runtime.dial(TWO, 7070)
    await runtime.signal(ONE, "app", signal.SIGKILL)
    await until(lambda: has_exited(runtime))
    with pytest.raises(NotRunning):
        await runtime.dial(ONE, 7070)


async def test_a_task_reaches_itself_and_others_by_address_and_by_the_names_of_its_hosts_file(
    runtime: Runtime, until: Until
) -> None:
    address = await runtime.prepare(task(ONE))
    await runtime.start(container("serves"))
    await runtime.prepare(task(TWO, HostsEntry(address, "server.example")))
    await runtime.start(container("stubborn", task_id=TWO))
    await until(lambda: is_served(runtime))
    for host in (address, "server.example"):
        assert await answer(runtime, TWO, 7070, host) == b"hello from serves\n"
    for host in ("localhost", "127.0.0.1"):
        assert await answer(runtime, ONE, 7070, host) == b"hello from serves\n"
        with pytest.raises(NotRunning):
            await runtime.resolve_and_dial(TWO, host, 7070)
    with pytest.raises(NameUnknown):
        await runtime.resolve_and_dial(TWO, "unknown.example", 7070)


async def test_a_task_can_be_given_other_names_while_it_runs(runtime: Runtime, until: Until) -> None:
    address = await runtime.prepare(task(ONE))
    await runtime.start(container("serves"))
    await runtime.prepare(task(TWO, HostsEntry("127.255.0.1", "former.example")))
    await runtime.start(container("stubborn", task_id=TWO))
    await until(lambda: is_served(runtime))
    for _ in range(2):
        await runtime.name(TWO, [HostsEntry(address, "server.example")])
    assert await answer(runtime, TWO, 7070, "server.example") == b"hello from serves\n"
    with pytest.raises(NameUnknown):
        await runtime.resolve_and_dial(TWO, "former.example", 7070)
    with pytest.raises(NotRunning):
        await runtime.name(f"{3:032x}", [])


async def test_health_is_unknown_until_the_check_says_healthy(runtime: Runtime, until: Until) -> None:
    await started(runtime, "recovers", LOOKS_FOR_FILE)
    assert (await seen(runtime)).health is Health.UNKNOWN

    async def is_healthy() -> bool:
        found = await seen(runtime)
        assert found.health is not Health.UNHEALTHY
        return found.health is Health.HEALTHY

    await until(is_healthy)
    assert (await seen(runtime)).phase is RUNNING


async def test_a_container_whose_check_fails_is_unhealthy_and_goes_on_running(runtime: Runtime, until: Until) -> None:
    check = HealthCheck(("CMD-SHELL", "test -e /tmp/healthy"), interval=1, retries=1)
    await started(runtime, "sickens", check)

    async def is_unhealthy() -> bool:
        return (await seen(runtime)).health is Health.UNHEALTHY

    await until(is_unhealthy)
    assert (await seen(runtime)).phase is RUNNING
