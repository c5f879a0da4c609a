"""The supervisor's own clock: it is a program of its own and hands no clock to anybody else.

Everything it reports carries the instant at which it saw it, as seconds since 1970.
"""

import time


def now() -> float:
    """The wall clock."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def steady() -> float:
    """A clock that is never set back, for deadlines."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)
