"""The real Clock and Ids: the only file that reads the clock or draws an id; and how the process collects garbage."""

import gc
import secrets
import string
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

DRAWN_AT_ONCE: Final = 256
"""UUIDs that one call to the kernel is enough for."""

_LETTERS = string.ascii_lowercase
_LETTERS_AND_DIGITS = _LETTERS + string.digits


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Import without the garbage collector: it would look through all that is there again and again, and free nothing.

    A sixth of the processor time that importing the daemon takes was the collector's.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def spare_the_collector() -> None:
    """What is there now stays, so the garbage collector need not look through it, nor after every 700 allocations.

    With 1,000 proxies on a machine a quarter of the time that a change took was the collector's (docs/benchmarks.md).
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def sample(values: Sequence[str], count: int) -> list[str]:
    """`count` of the values, in random order."""
    return secrets.SystemRandom().sample(values, count)


class SystemClock:
    """The machine's clock, in UTC with millisecond steps, as AWS timestamps have."""

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


class SystemIds:
    """Identifiers from the machine's source of randomness."""

    def __init__(self) -> None:
        # Every request draws one: a call to the kernel for each would be a tenth of what the shortest answers cost.
        self._drawn: Iterator[str] = iter(())

    def hex32(self) -> str:
        return secrets.token_hex(16)

    def digits(self, count: int) -> str:
        return secrets.choice("123456789") + "".join(secrets.choice(string.digits) for _ in range(count - 1))

    def letters(self, count: int) -> str:
        rest = (secrets.choice(_LETTERS_AND_DIGITS) for _ in range(count - 1))
        return secrets.choice(_LETTERS) + "".join(rest)

    def uuid(self) -> str:
        """A UUID of version 4 (RFC 9562 section 5.4)."""
        digits = next(self._drawn, "")
        if not digits:
            pool = secrets.token_hex(16 * DRAWN_AT_ONCE)
            self._drawn = iter([pool[start : start + 32] for start in range(0, len(pool), 32)])
            digits = next(self._drawn)
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
