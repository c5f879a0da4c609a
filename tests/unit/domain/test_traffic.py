"""What came between two readings of one proxy."""

from moorage.domain.traffic import Counts, since

BEFORE = Counts({"2xx": 5}, requests=5, connections=2, active=1, received=100, sent=50, durations=((1.0, 4), (8.0, 1)))


def test_only_what_is_new_is_counted_and_what_is_of_the_moment_stays() -> None:
    now = Counts(
        {"2xx": 7, "5xx": 1},
        requests=8,
        connections=2,
        active=3,
        received=160,
        sent=90,
        durations=((1.0, 4), (8.0, 2), (30.0, 2)),
        targets=2,
    )
    assert since(now, BEFORE) == Counts(
        {"2xx": 2, "5xx": 1}, 3, 0, active=3, received=60, sent=40, durations=((8.0, 1), (30.0, 2)), targets=2
    )


def test_a_proxy_that_was_started_again_is_counted_from_its_beginning() -> None:
    again = Counts({"2xx": 1}, requests=1, connections=1, received=10, sent=5, durations=((1.0, 1),))
    assert since(again, BEFORE) == again
