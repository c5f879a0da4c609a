"""Zone-aware routing: the proxy's own zone first, the others by what they have left, all of them when it must be."""

import collections

import pytest

from moorage.mesh.view import Endpoint

pytestmark = pytest.mark.namespaces

HERE, THERE = "us-east-1a", "us-east-1b"


def siblings(here: int, there: int) -> tuple[Endpoint, ...]:
    zones = [HERE] * here + [THERE] * there
    return tuple(Endpoint(f"client{n}", f"100.64.9.{n}", 1, zone) for n, zone in enumerate(zones, 1))


async def client(bed, world, placed: dict[int, str], own: tuple[Endpoint, ...]):
    """The view of a client in zone `HERE`, for an alias with servers on the ports of `placed`."""
    endpoints = tuple(Endpoint(f"task{port}", "127.0.0.1", port, zone) for port, zone in placed.items())
    alias = world.replace(world.alias(1), endpoints=endpoints)
    return world.replace(world.client(alias), siblings=own)


async def shares(bed, count: int) -> collections.Counter[bytes]:
    async with bed.client() as pool:
        return collections.Counter([(await pool.request("GET", "http://127.255.0.1/")).content for _ in range(count)])


async def serve(bed, world, *ports: int) -> None:
    bed.namespace.redirect(15001)
    for port in ports:
        await bed.application(world.Application(str(port), port))


async def test_a_retry_finds_another_task_in_the_zone_and_failing_zones_are_left(bed, world):
    await serve(bed, world, 16002, 16003)
    placed = {16001: HERE, 16002: HERE, 16003: THERE}
    await bed.proxy(await client(bed, world, placed, siblings(2, 1)))
    found = await shares(bed, 60)
    assert set(found) <= {b"16002", b"16003"}
    # Nobody listens on the first of the zone: it is ejected, and the second alone does not take what the two took.
    assert found[b"16002"] > 0 < found[b"16003"]


async def test_the_siblings_may_come_and_go(bed, world):
    await serve(bed, world, 16001, 16002, 16003, 16004)
    placed = {16001: HERE, 16002: HERE, 16003: THERE, 16004: THERE}
    await bed.proxy(await client(bed, world, placed, ()))
    assert len(await shares(bed, 40)) == 4
    await bed.publish(await client(bed, world, placed, siblings(1, 1)))
    assert await shares(bed, 40) == {b"16001": 20, b"16002": 20}
    await bed.publish(await client(bed, world, placed, siblings(2, 0)))
    assert len(await shares(bed, 200)) == 4
