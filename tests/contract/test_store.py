"""What every store keeps to: atomic commits, expected versions, visibility, order, refusal of what it cannot keep."""

import asyncio
from datetime import UTC, datetime

import pytest

from moorage.domain.changes import ABSENT, Delete, Put, Stale
from moorage.domain.claim import Claim
from moorage.domain.registry import Namespace
from moorage.domain.world import World
from moorage.engine.ports import Commit, Store
from moorage.store.records import Unstorable

AT = datetime(2026, 11, 22, 20, 55, tzinfo=UTC)


def claim(name: str, owner: str = "arn:1") -> Claim:
    return Claim("000000000000", "us-east-1", "alias", (name,), owner)


def record_id(record: Claim) -> tuple[str, tuple[str, ...]]:
    return (Claim.table, record.key)


async def test_an_empty_store_has_an_empty_world(store: Store) -> None:
    assert store.snapshot() == World.empty()


async def test_all_writes_of_a_commit_are_visible_when_it_returns(store: Store) -> None:
    one, two = claim("one"), claim("two")
    commit = await store.commit([Put(one), Put(two)], {record_id(one): ABSENT, record_id(two): ABSENT})
    world = store.snapshot()
    assert commit == Commit(1, (record_id(one), record_id(two)))
    assert world.get(Claim, one.key) == one
    assert world.get(Claim, two.key) == two
    assert world.version(Claim, one.key) == world.sequence == 1
    assert world.linked(Claim, "owner", ("arn:1",)) == [one, two]


async def test_a_snapshot_never_changes(store: Store) -> None:
    await store.commit([Put(claim("one"))], {})
    before = store.snapshot()
    await store.commit([Delete(*record_id(claim("one"))), Put(claim("two"))], {})
    assert before.get(Claim, claim("one").key) == claim("one")
    assert before.get(Claim, claim("two").key) is None
    assert store.snapshot().get(Claim, claim("one").key) is None
    assert store.snapshot().version(Claim, claim("one").key) == ABSENT


async def test_a_stale_commit_changes_nothing_at_all(store: Store) -> None:
    one, two = claim("one"), claim("two")
    await store.commit([Put(one)], {})
    await store.commit([Put(claim("one", "arn:2"))], {record_id(one): 1})
    with pytest.raises(Stale) as stale:
        await store.commit([Put(two), Put(one)], {record_id(one): 1})
    assert (stale.value.record, stale.value.expected, stale.value.found) == (record_id(one), 1, 2)
    assert store.snapshot().get(Claim, two.key) is None
    assert store.snapshot().get(Claim, one.key) == claim("one", "arn:2")
    assert store.snapshot().sequence == 2


async def test_of_two_that_claim_a_name_at_once_one_wins(store: Store) -> None:
    async def take(owner: str) -> str | Stale:
        try:
            await store.commit([Put(claim("name", owner))], {record_id(claim("name")): ABSENT})
        except Stale as stale:
            # Whoever lost sees, at once, to whom.
            assert store.snapshot().get(Claim, claim("name").key) is not None
            return stale
        return owner

    results = await asyncio.gather(*(take(f"arn:{number}") for number in range(10)))
    winners = [result for result in results if isinstance(result, str)]
    assert len(winners) == 1
    taken = store.snapshot().get(Claim, claim("name").key)
    assert taken is not None
    assert taken.owner == winners[0]


async def test_listeners_hear_every_commit_in_order_once_it_is_visible(store: Store) -> None:
    heard: list[tuple[Commit, int]] = []
    store.watch(lambda commit: heard.append((commit, store.snapshot().sequence)))
    commits = await asyncio.gather(*(store.commit([Put(claim(f"{number}"))], {}) for number in range(50)))
    assert [commit for commit, _ in heard] == sorted(commits, key=lambda commit: commit.sequence)
    assert all(visible >= commit.sequence for commit, visible in heard)
    assert [commit.sequence for commit, _ in heard] == list(range(1, 51))


async def test_a_commit_goes_on_when_nobody_waits_for_it_any_more(store: Store) -> None:
    heard = asyncio.Event()
    store.watch(lambda commit: heard.set())
    waiting = asyncio.create_task(store.commit([Put(claim("one"))], {}))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait_for(heard.wait(), 5)
    assert store.snapshot().get(Claim, claim("one").key) == claim("one")


async def test_deleting_what_is_not_there_does_nothing(store: Store) -> None:
    await store.commit([Delete(*record_id(claim("none")))], {})
    assert list(store.snapshot().all(Claim)) == []


async def test_a_deleted_record_that_comes_again_has_a_newer_version(store: Store) -> None:
    one = claim("one")
    await store.commit([Put(one)], {})
    await store.commit([Delete(*record_id(one))], {record_id(one): 1})
    await store.commit([Put(one)], {record_id(one): ABSENT})
    assert store.snapshot().version(Claim, one.key) == 3


@pytest.mark.parametrize("value", [AT, (1, 2), {1: "x"}, {"a": b"bytes"}, float("nan"), object()])
async def test_what_would_come_back_changed_is_refused_and_nothing_of_the_commit_is_kept(store: Store, value) -> None:
    namespace = Namespace("000000000000", "us-east-1", "ns-1", "n", "HTTP", AT, properties={"value": value})
    with pytest.raises(Unstorable, match="Namespace 000000000000/us-east-1/ns-1"):
        await store.commit([Put(claim("one")), Put(namespace)], {})
    assert store.snapshot() == World.empty()
    await store.commit([Put(claim("one"))], {})
    assert store.snapshot().sequence == 1


async def test_a_closed_store_takes_no_more_commits_but_finishes_those_under_way(store: Store) -> None:
    under_way = [asyncio.create_task(store.commit([Put(claim(f"{number}"))], {})) for number in range(5)]
    await asyncio.sleep(0)
    await store.close()
    assert [commit.sequence for commit in await asyncio.gather(*under_way)] == [1, 2, 3, 4, 5]
    with pytest.raises(Exception, match="closed"):
        await store.commit([Put(claim("late"))], {})
    await store.close()
