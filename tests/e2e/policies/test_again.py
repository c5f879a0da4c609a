"""What is tried again, how often and where; what is not; and how much may be under way."""

import asyncio
import collections
import time
from typing import Any

import pytest
from bed import Application
from policies.edits import Edit, on_aliases, on_clusters, on_routes
from policies.sides import Rig, Side
from policies.unruly import Script, Streams, ask_streams, half_an_answer, no_answer

from moorage.mesh import names
from moorage.mesh.policies import Policies
from moorage.mesh.view import Protocol

pytestmark = [pytest.mark.namespaces, pytest.mark.asyncio(loop_scope="module")]


def retrying(change: Any) -> Edit:
    return on_routes(lambda route: change(route.retry_policy) if route.HasField("retry_policy") else None)


def only_on(conditions: str) -> Edit:
    def change(policy: Any) -> None:
        policy.retry_on = conditions

    return retrying(change)


never = on_routes(lambda route: route.ClearField("retry_policy"))


async def test_a_connection_that_fails_is_tried_on_another_task(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        good = await side.task()
        assert await side.answers(await side.alias(side.closed(), side.closed(), good), 6) == [good.name] * 6

    await rig.proven(scene, without=never)


async def test_a_503_is_tried_on_another_task_whatever_the_method(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        good, bad = await side.task(), await side.task(status=503)
        vip = await side.alias(good, bad)
        for method in ("GET", "POST"):
            for _ in range(2):
                assert (await side.get(vip, method=method)).content == good.name.encode()
        assert bad.seen

    await rig.proven(scene, without=retrying(lambda policy: policy.ClearField("retriable_status_codes")))


@pytest.mark.parametrize("count", ["one", "three"])
async def test_it_is_tried_twice_more_and_no_oftener(rig: Rig, count: str) -> None:
    async def scene(side: Side) -> None:
        tasks = await side.tasks(4, status=503)
        assert await side.answers(await side.alias(*tasks), 1) == ["503"]
        assert sorted(len(task.seen) for task in tasks) == [0, 1, 1, 1]

    def change(policy: Any) -> None:
        policy.num_retries.value = {"one": 1, "three": 3}[count]

    await rig.proven(scene, without=retrying(change))


async def test_other_errors_are_the_applications_and_not_tried_again(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        for status in (500, 502, 504, 429):
            tasks = await side.tasks(2, status=status)
            assert (await side.get(await side.alias(*tasks))).status == status
            assert sum(len(task.seen) for task in tasks) == 1

    await rig.proven(scene, without=only_on("5xx"))


async def test_it_is_never_tried_on_the_task_that_failed_while_another_is_known(rig: Rig) -> None:
    """A second request moves the turn on, so that without the rule the first would come back to where it failed."""

    async def scene(side: Side) -> None:
        good, bad = await side.task(), await side.task(status=503, hold=asyncio.Event())
        vip = await side.alias(good, bad)
        first = asyncio.ensure_future(side.get(vip))
        while (await asyncio.wait([first, asyncio.ensure_future(bad.arrived.wait())], return_when="FIRST_COMPLETED"))[
            0
        ] == {first}:
            first = asyncio.ensure_future(side.get(vip))
        assert (await side.get(vip)).content == good.name.encode()
        assert bad.hold is not None
        bad.hold.set()
        assert (await first).content == good.name.encode()
        assert len(bad.seen) == 1

    await rig.proven(scene, without=retrying(lambda policy: policy.ClearField("retry_host_predicate")))


async def test_it_goes_on_past_all_tasks_that_failed_until_it_finds_another(rig: Rig) -> None:
    """The turn is at the two that failed when the second retry is due: both are passed over, not one."""

    async def scene(side: Side) -> None:
        tasks = await side.tasks(3)
        vip = await side.alias(*tasks)
        by_name = {task.name: task for task in tasks}
        first, second, third = [by_name[name] for name in await side.answers(vip, 3)]
        first.status = second.status = 503
        second.hold, second.arrived = asyncio.Event(), asyncio.Event()
        asking = asyncio.ensure_future(side.get(vip))
        await second.arrived.wait()
        assert await side.answers(vip, 1) == [third.name]
        second.hold.set()
        assert (await asking).content == third.name.encode()

    await rig.proven(scene, without=retrying(lambda policy: policy.ClearField("host_selection_retry_max_attempts")))


async def test_the_only_task_is_tried_again_itself(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        only = await side.task(status=503)
        assert await side.answers(await side.alias(only), 1) == ["503"]
        assert len(only.seen) == 3

    await rig.proven(scene, without=never)


async def test_nothing_is_tried_again_once_the_answer_has_begun(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        broken = Script(half_an_answer)
        vip = await side.alias(await side.listen(broken.serve))
        reader, writer = await side.connect(vip)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await reader.readuntil(b"half-")).startswith(b"HTTP/1.1 200 OK")
        await side.soon(lambda: side.counted("upstream_cx_destroy_remote_with_active_rq"))
        writer.close()
        assert (len(broken.heads), await side.counted("upstream_rq_retry")) == (1, 0)

    await rig.holds(scene)


async def test_a_connection_that_breaks_under_a_request_is_not_tried_again(rig: Rig) -> None:
    """Nobody knows what became of the request."""

    async def scene(side: Side) -> None:
        broken = Script(no_answer)
        vip = await side.alias(await side.listen(broken.serve), await side.listen(broken.serve))
        assert (await side.get(vip)).status == 503
        assert len(broken.heads) == 1

    await rig.proven(scene, without=only_on("reset"))


async def test_the_servers_own_proxy_says_503_for_a_program_that_broke_off_and_another_task_is_asked(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        broken, good = Script(no_answer), await side.task()
        vip = await side.alias(await side.behind(await side.listen(broken.serve)), await side.behind(good.port))
        assert await side.answers(vip, 4) == [good.name] * 4
        assert broken.heads

    await rig.proven(scene, without=never)


async def test_for_grpc_it_says_unavailable_and_another_task_is_asked(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        good = await side.listen(Streams().serve)
        members = [await side.behind(port, Protocol.GRPC) for port in (side.closed(), good)]
        vip = await side.alias(*members, protocol=Protocol.GRPC)
        assert await ask_streams(*await side.connect(vip), 4, "application/grpc") == ["200"] * 4

    await rig.proven(scene, without=only_on("connect-failure,retriable-status-codes"))


async def test_a_refused_stream_is_tried_again(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        server = Streams(refuse=1)
        vip = await side.alias(await side.listen(server.serve), protocol=Protocol.HTTP2)
        assert (await side.get(vip)).content == b"h2"
        assert server.asked == 2

    await rig.proven(scene, without=only_on("connect-failure,retriable-status-codes"))


async def test_a_request_that_a_goodbye_leaves_out_is_tried_again(rig: Rig) -> None:
    """GOAWAY names the last stream that the server serves: what came after it was refused."""

    async def scene(side: Side) -> None:
        server = Streams(leave="before")
        vip = await side.alias(await side.listen(server.serve), protocol=Protocol.HTTP2)
        assert (await side.get(vip)).content == b"h2"
        assert server.asked == 2

    await rig.proven(scene, without=only_on("connect-failure,retriable-status-codes"))


async def test_a_request_that_a_goodbye_includes_is_answered_and_the_next_goes_elsewhere(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        server = Streams(leave="after", gather=2)
        vip = await side.alias(await side.listen(server.serve), protocol=Protocol.HTTP2)
        first = asyncio.ensure_future(side.get(vip))
        await side.soon(lambda: side.counted("upstream_cx_close_notify"))
        assert (await side.get(vip)).content == b"h2"
        assert (await first).content == b"h2"
        assert (server.asked, await side.counted("upstream_cx_total")) == (2, 2)

    await rig.holds(scene)


async def test_a_request_that_a_goodbye_includes_and_the_end_cuts_off_is_not_tried_again(rig: Rig) -> None:
    """The server may have served it."""

    async def scene(side: Side) -> None:
        server = Streams(leave="mid")
        vip = await side.alias(await side.listen(server.serve), protocol=Protocol.HTTP2)
        assert (await side.get(vip)).status == 503
        assert server.asked == 1

    await rig.proven(scene, without=only_on("reset"))


async def test_unavailable_is_tried_again_for_grpc_only(rig: Rig) -> None:
    async def scene(side: Side, protocol: Protocol = Protocol.GRPC) -> None:
        port = side.closed()
        await side.bed.program("grpc_echo.py", "serve", str(port))
        vip = await side.alias(await side.behind(port, protocol), protocol=protocol)
        assert await side.bed.run("grpc_echo.py", "call", f"{vip}:80") == "OK: moorage, after 2 attempts"

    await rig.proven(scene, without=only_on("connect-failure,retriable-status-codes"))
    with pytest.raises(AssertionError, match="UNAVAILABLE: not yet"):
        await rig.holds(lambda side: scene(side, Protocol.HTTP2))


async def test_a_task_that_does_not_take_a_connection_is_left_after_a_while_that_can_be_set(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        good = await side.task()
        vip = await side.alias(await side.deaf(), good, policies=Policies(connect_seconds=0.2))
        began = time.monotonic()
        bodies = {answer.content for answer in await asyncio.gather(side.get(vip), side.get(vip))}
        assert bodies == {good.name.encode()}
        assert 0.2 < time.monotonic() - began < 2.5

    def patient(cluster: Any) -> None:
        """Three times the second that it is by default, so that a busy machine is not mistaken for it."""
        cluster.connect_timeout.FromSeconds(3)

    await rig.proven(scene, without=on_aliases(patient))


async def test_any_number_of_requests_may_be_tried_again_at_a_time(rig: Rig) -> None:
    """Envoy's own limit of three retries at a time would drop them just when a task dies."""

    async def scene(side: Side) -> None:
        bad = await side.task(status=503, hold=asyncio.Event())
        vip = await side.alias(bad)
        asking = [asyncio.ensure_future(side.get(vip)) for _ in range(12)]
        await side.soon(lambda: asyncio.sleep(0, len(bad.seen) == 12))
        assert bad.hold is not None
        bad.hold.set()
        await asyncio.gather(*asking)
        assert len(bad.seen) == 3 * 12

    def limits(cluster: Any) -> None:
        cluster.circuit_breakers.thresholds[0].ClearField("max_retries")

    await rig.proven(scene, without=on_aliases(limits))


@pytest.mark.parametrize("limited", [on_aliases, on_clusters], ids=["to the tasks", "to the program"])
async def test_more_requests_may_be_under_way_than_envoy_has_it(rig: Rig, limited: Any) -> None:
    async def scene(side: Side) -> None:
        server = Streams(gather=1100)
        port = await side.listen(server.serve)
        behind = port if limited is on_aliases else await side.behind(port, Protocol.HTTP2)
        vip = await side.alias(behind, protocol=Protocol.HTTP2)
        asking = [asyncio.ensure_future(ask_streams(*await side.connect(vip), 100)) for _ in range(11)]
        # None is answered before all are there, unless it is refused.
        _, waiting = await asyncio.wait(asking, timeout=10, return_when="FIRST_COMPLETED")
        server.enough.set()
        await asyncio.gather(*waiting)
        assert collections.Counter(status for each in asking for status in each.result()) == {"200": 1100}

    def unset(cluster: Any) -> None:
        if limited is on_aliases or not names.reads_endpoints(cluster.name):
            cluster.ClearField("circuit_breakers")

    await rig.proven(scene, without=limited(unset))


@pytest.mark.parametrize(
    ("policies", "taken"),
    [(Policies(max_requests=2), 2), (Policies(max_connections=2, max_pending_requests=1), 3)],
    ids=["requests", "connections"],
)
async def test_the_limits_can_be_set(rig: Rig, policies: Policies, taken: int) -> None:
    async def scene(side: Side) -> None:
        task = await side.task(hold=asyncio.Event())
        vip = await side.alias(task, policies=policies)
        asking = []
        for count in range(1, taken + 1):
            asking.append(asyncio.ensure_future(side.get(vip)))
            await side.soon(lambda count=count: under_way(side, count))
        one_more = asyncio.ensure_future(side.get(vip))
        done, _ = await asyncio.wait([one_more], timeout=0.6)
        release(task)
        statuses = [answer.status for answer in await asyncio.gather(*asking)]
        assert (bool(done), (await one_more).status, statuses) == (True, 503, [200] * taken)
        assert b"overflow" in one_more.result().content

    await rig.proven(scene, without=on_aliases(lambda cluster: cluster.ClearField("circuit_breakers")))


async def under_way(side: Side, count: int) -> bool:
    """So many requests of the last alias are with its tasks or wait for a connection."""
    return await side.counted("upstream_rq_active") + await side.counted("upstream_rq_pending_active") == count


def release(task: Application) -> None:
    assert task.hold is not None
    task.hold.set()
