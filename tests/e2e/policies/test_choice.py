"""Which task a request goes to: in turn, the caller's zone first, never one that is ejected."""

import collections
from typing import Any

import pytest
from bed import Application
from policies.edits import on_aliases
from policies.sides import HERE, THERE, Rig, Side, at

from moorage.mesh.policies import Policies

pytestmark = [pytest.mark.namespaces, pytest.mark.asyncio(loop_scope="module")]


def without_zones(cluster: Any) -> None:
    """Left out, it would be Envoy's own: on, from six tasks."""
    cluster.common_lb_config.zone_aware_lb_config.routing_enabled.value = 0


def without_ejection(cluster: Any) -> None:
    cluster.ClearField("outlier_detection")


def fast(cluster: Any) -> None:
    """An ejection of one second instead of thirty, looked at ten times a second."""
    cluster.outlier_detection.base_ejection_time.FromMilliseconds(1000)
    cluster.outlier_detection.interval.FromMilliseconds(100)


async def test_requests_go_to_the_tasks_in_turn(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        answers = await side.answers(await side.alias(*await side.tasks(3)), 30)
        assert len(set(answers[:3])) == 3
        assert answers == answers[:3] * 10

    def random(cluster: Any) -> None:
        cluster.lb_policy = cluster.RANDOM

    await rig.proven(scene, without=on_aliases(random))


async def test_the_zone_of_the_caller_comes_first(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        near, far = await side.tasks(2), await side.tasks(2)
        members = [*(at(task, HERE) for task in near), *(at(task, THERE) for task in far)]
        vip = await side.alias(*members, siblings=[HERE, THERE])
        assert set(await side.answers(vip, 20)) == {task.name for task in near}

    await rig.proven(scene, without=on_aliases(without_zones))


async def test_what_a_zone_cannot_take_spills_over_by_capacity(rig: Rig) -> None:
    """Half of the callers are here and a third of the tasks: two thirds of the requests stay, the others leave."""

    async def scene(side: Side) -> None:
        near, far = await side.tasks(2), await side.tasks(4)
        members = [*(at(task, HERE) for task in near), *(at(task, THERE) for task in far)]
        vip = await side.alias(*members, siblings=[HERE, THERE])
        found = collections.Counter(await side.answers(vip, 300))
        stayed = sum(found[task.name] for task in near)
        assert 160 <= stayed <= 240
        assert all(found[task.name] > 5 for task in far)

    await rig.proven(scene, without=on_aliases(without_zones))


async def test_a_zone_with_one_task_falls_back_to_all(rig: Rig) -> None:
    """Decision 109: a retry must find a second task in the zone."""

    async def scene(side: Side, minimum: int = 2) -> None:
        near, far = await side.task(), await side.task()
        members = [at(near, HERE), at(far, THERE)]
        vip = await side.alias(*members, siblings=[HERE, THERE], policies=Policies(zone_minimum=minimum))
        assert collections.Counter(await side.answers(vip, 10)) == {near.name: 5, far.name: 5}

    await rig.holds(scene)
    with pytest.raises(AssertionError):
        await rig.holds(lambda side: scene(side, minimum=1))


async def test_a_zone_without_tasks_falls_back_to_all(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        first, second = await side.tasks(2)
        vip = await side.alias(at(first, THERE), at(second, "us-east-1c"), siblings=[HERE, THERE])
        assert collections.Counter(await side.answers(vip, 10)) == {first.name: 5, second.name: 5}

    await rig.holds(scene)


async def test_five_failures_eject_one_of_two_tasks(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        good, bad = await side.task(), await side.task(status=503)
        vip = await side.alias(good, bad)
        assert await side.answers(vip, 10) == [good.name] * 10
        assert len(bad.seen) == 5
        await side.soon(lambda: ejected(side, 1))
        assert await side.answers(vip, 10) == [good.name] * 10
        assert len(bad.seen) == 5

    await rig.proven(scene, without=on_aliases(without_ejection))


async def test_four_failures_eject_nobody(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        vip = await side.alias(await side.task(), await side.task(status=500))
        await side.answers(vip, 8)
        assert await side.counted("outlier_detection.ejections_active") == 0
        await side.answers(vip, 2)
        await side.soon(lambda: ejected(side, 1))

    def after_four(cluster: Any) -> None:
        cluster.outlier_detection.consecutive_5xx.value = 4

    await rig.proven(scene, without=on_aliases(after_four))


async def test_connections_that_fail_count_as_failures(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        good = await side.task()
        vip = await side.alias(good, side.closed())
        await side.answers(vip, 10)
        await side.soon(lambda: ejected(side, 1))

    await rig.proven(scene, without=on_aliases(without_ejection))


async def half_of_them_fail(side: Side) -> None:
    good, bad = await side.tasks(2), await side.tasks(2, status=500)
    vip = await side.alias(*good, *bad)
    await side.answers(vip, 24)
    await side.soon(lambda: ejected(side, 2))
    assert set(await side.answers(vip, 8)) == {task.name for task in good}


async def test_half_of_the_tasks_may_be_ejected_and_not_envoys_tenth(rig: Rig) -> None:
    without = on_aliases(lambda cluster: cluster.outlier_detection.ClearField("max_ejection_percent"))
    await rig.proven(half_of_them_fail, without)


async def test_an_ejection_counts_at_once_even_shortly_after_another(rig: Rig) -> None:
    without = on_aliases(lambda cluster: cluster.common_lb_config.ClearField("update_merge_window"))
    await rig.proven(half_of_them_fail, without)


async def test_the_other_half_is_never_ejected(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        vip = await side.alias(*await side.tasks(4, status=500))
        await side.answers(vip, 40)
        await side.soon(lambda: ejected(side, 2))
        assert await side.answers(vip, 4) == ["500"] * 4

    def all_of_them(cluster: Any) -> None:
        cluster.outlier_detection.max_ejection_percent.value = 100

    await rig.proven(scene, without=on_aliases(all_of_them))


async def test_an_ejected_task_gets_nothing_even_where_most_are_ejected(rig: Rig) -> None:
    """Where fewer than half are left Envoy would send to all again, its panic threshold; here that is 0."""

    async def scene(side: Side) -> None:
        good, bad = await side.task(), await side.tasks(2, status=500)
        vip = await side.alias(good, *bad, policies=Policies(ejection_percent=70))
        await side.answers(vip, 18)
        await side.soon(lambda: ejected(side, 2))
        assert await side.answers(vip, 6) == [good.name] * 6

    def panicking(cluster: Any) -> None:
        cluster.common_lb_config.ClearField("healthy_panic_threshold")

    await rig.proven(scene, without=on_aliases(panicking))


async def test_an_ejected_task_comes_back_after_its_time(rig: Rig) -> None:
    """The mechanism, thirty times as fast; the numbers themselves are read below."""

    async def scene(side: Side) -> None:
        good, bad = await side.task(), await side.task(status=500)
        vip = await side.alias(good, bad)
        await side.answers(vip, 10)
        await side.soon(lambda: ejected(side, 1))
        bad.status = 200
        await side.soon(lambda: answered_by(side, vip, bad), within=2)

    def for_long(cluster: Any) -> None:
        cluster.outlier_detection.base_ejection_time.FromSeconds(30)

    await rig.proven(scene, without=on_aliases(for_long), with_both=on_aliases(fast))


async def test_envoy_holds_the_documented_numbers_of_an_ejection(rig: Rig) -> None:
    async def scene(side: Side) -> None:
        await side.alias(await side.task())
        (cluster,) = await side.held("dynamic_active_clusters", "cluster")
        found = cluster["outlier_detection"]
        assert (found["consecutive_5xx"], found["base_ejection_time"], found["max_ejection_time"]) == (5, "30s", "300s")
        assert found["interval"] == "30s"

    await rig.proven(scene, without=on_aliases(fast))


async def ejected(side: Side, count: int) -> bool:
    return await side.counted("outlier_detection.ejections_active") >= count


async def answered_by(side: Side, vip: str, task: Application) -> bool:
    return task.name in await side.answers(vip, 2)
