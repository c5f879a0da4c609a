"""A figure that was measured, beside the aim that it is held against."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Figure:
    """`limit` is the aim: the most that `value` may be, the least when `at_least`; None where nothing is promised.

    `samples` are the raw measurements that the value was taken from; `note` says how.
    """

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    note: str = ""
    samples: Sequence[float] = field(default=())

    @property
    def met(self) -> bool | None:
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def aim(self) -> str:
        return "" if self.limit is None else f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}"


def middle(name: str, samples: Sequence[float], unit: str, limit: float | None = None, note: str = "") -> Figure:
    """The median of some measurements; their spread goes into the note."""
    spread = f"median of {len(samples)}, {min(samples):.4g} to {max(samples):.4g}"
    return Figure(name, median(samples), unit, limit, note=f"{spread}; {note}" if note else spread, samples=samples)


def percentile(samples: Sequence[float], share: float) -> float:
    """The value that this share of the samples do not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
