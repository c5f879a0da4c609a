"""Fault: an error as it goes over the wire, and Rejected, by which the protocol rooms refuse a request.

The table from domain errors to faults is in `fault_table`; how a fault becomes bytes is each codec's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Fault:
    """AWS's code, the sentence, the HTTP status, and what else the error's shape carries.

    `hint` says what AWS does not: it goes into a header and never into the message, so that messages compare equal.
    """

    code: str
    message: str
    status: int = 400
    fields: Mapping[str, object] = field(default_factory=dict)
    hint: str = ""

    @property
    def sender(self) -> bool:
        """True when the caller can mend it."""
        return self.status < 500


class Rejected(Exception):
    """The request was refused before, or instead of, its operation."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.code}: {fault.message}")
        self.fault = fault


def reject(code: str, message: str, status: int = 400, hint: str = "") -> Rejected:
    """The exception that refuses a request with this code and sentence."""
    return Rejected(Fault(code, message, status, hint=hint))
