"""The numbers of the data path that AWS does not publish: chosen here, with a reason each in docs/decisions, settable.

What AWS documents (round robin, retries, timeouts, the length of an ejection) is not here: it is not a choice.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Policies:
    """`ejection_percent`: how many of an alias's tasks may be ejected at once (docs/decisions/0101).

    `zone_minimum`: a proxy prefers its own zone where at least so many of an alias's tasks are in it; 0: nowhere
    (docs/decisions/0109).
    """

    ejection_percent: int = 50
    zone_minimum: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.ejection_percent <= 100:
            raise ValueError(f"at most 0 to 100 percent of the tasks can be ejected, not {self.ejection_percent}")
        if self.zone_minimum < 0:
            raise ValueError(f"zone-aware routing needs a number of tasks from 0 up, not {self.zone_minimum}")


DEFAULT = Policies()
