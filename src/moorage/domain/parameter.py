"""Parameter: a value in the SSM parameter store, by name and with its version."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from moorage.domain.changes import Key, Link


@dataclass(frozen=True)
class Parameter:
    """`type` is String or StringList."""

    table: ClassVar[str] = "parameter"

    account: str
    region: str
    name: str
    type: str
    value: str
    version: int
    modified_at: datetime
    description: str = ""
    data_type: str = "text"
    tier: str = "Standard"
    allowed_pattern: str = ""
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return (self.account, self.region, self.name)

    def links(self) -> tuple[Link, ...]:
        return ()
