"""Ordered sets of keys behave as sorted lists of what is in them, however they came to be."""

from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.changes import Key
from moorage.domain.ordered_keys import EMPTY, PAGE, OrderedKeys

KEYS = st.integers(0, 40 * PAGE).map(lambda number: ("here", f"{number:05d}"))
CHANGES = st.lists(st.dictionaries(KEYS, st.booleans(), max_size=4 * PAGE), max_size=5)
SINGLE = st.lists(st.tuples(KEYS, st.booleans()), max_size=6 * PAGE)


def check(ordered: OrderedKeys, expected: set[Key], probe: Key) -> None:
    in_order = sorted(expected)
    assert list(ordered) == in_order
    assert len(ordered) == len(in_order)
    assert bool(ordered) is bool(in_order)
    assert (probe in ordered) is (probe in expected)
    assert list(ordered.after(probe)) == [key for key in in_order if key > probe]
    assert list(ordered.before(probe)) == [key for key in reversed(in_order) if key < probe]
    assert list(ordered.before()) == in_order[::-1]
    assert ordered == OrderedKeys.of(expected)


@given(CHANGES, KEYS)
def test_changes_leave_exactly_what_was_put_in_and_not_taken_out(changes: list[dict[Key, bool]], probe: Key) -> None:
    ordered, expected = EMPTY, set[Key]()
    for change in changes:
        before, was = ordered, list(ordered)
        ordered = ordered.changed(change)
        expected = (expected - change.keys()) | {key for key, there in change.items() if there}
        assert list(before) == was
        check(ordered, expected, probe)


@given(st.sets(KEYS, max_size=3 * PAGE), SINGLE, KEYS)
def test_one_change_after_the_other_gives_the_same_set(
    first: set[Key], changes: list[tuple[Key, bool]], probe: Key
) -> None:
    ordered, expected = OrderedKeys.of(first), set(first)
    for key, there in changes:
        ordered = ordered.changed({key: there})
        expected = expected | {key} if there else expected - {key}
    check(ordered, expected, probe)


def test_a_set_that_grows_and_shrinks_key_by_key_stays_in_order() -> None:
    keys = [("here", f"{number * 7919 % 5000:05d}") for number in range(5000)]
    ordered = EMPTY
    for key in keys:
        ordered = ordered.changed({key: True})
    assert list(ordered) == sorted(keys)
    for key in keys[:4990]:
        ordered = ordered.changed({key: False})
    assert list(ordered) == sorted(keys[4990:])
