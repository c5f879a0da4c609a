"""What can be wrong with a request to CloudWatch Logs, as exceptions that carry fields. The sentences are AWS's."""

from dataclasses import dataclass

from moorage.domain.errors import DomainError


@dataclass(eq=False)
class LogGroupUnknown(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "The specified log group does not exist."


@dataclass(eq=False)
class LogGroupTaken(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "The specified log group already exists"


@dataclass(eq=False)
class LogStreamUnknown(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "The specified log stream does not exist."


@dataclass(eq=False)
class LogStreamTaken(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "The specified log stream already exists"


@dataclass(eq=False)
class TooManyLogTags(DomainError):
    limit: int

    @property
    def message(self) -> str:
        return f"A log group has at most {self.limit} tags."


@dataclass(eq=False)
class TooManySessions(DomainError):
    limit: int

    @property
    def message(self) -> str:
        return f"There are {self.limit} Live Tail sessions already, which is the limit. Close one and try again."
