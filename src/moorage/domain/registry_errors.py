"""What can be wrong with a request to Cloud Map, as exceptions that carry fields.

Codes and statuses: docs/reference/service-connect.md section 4.2, in `wire/fault_table.py`.
"""

from dataclasses import dataclass

from moorage.domain.errors import DomainError


@dataclass(eq=False)
class NamespaceUnknown(DomainError):
    """Cloud Map was asked for a namespace that there is not."""

    reference: str

    @property
    def message(self) -> str:
        return f"Failed to find Namespace {self.reference}"


@dataclass(eq=False)
class RegistryServiceUnknown(DomainError):
    reference: str

    @property
    def message(self) -> str:
        return f"Failed to find Service {self.reference}"


@dataclass(eq=False)
class InstanceUnknown(DomainError):
    instance_id: str
    service_id: str

    @property
    def message(self) -> str:
        return f"Failed to find Instance {self.instance_id} of Service {self.service_id}"


@dataclass(eq=False)
class OperationUnknown(DomainError):
    operation_id: str

    @property
    def message(self) -> str:
        return f"Failed to find Operation {self.operation_id}"


@dataclass(eq=False)
class TaggedUnknown(DomainError):
    arn: str

    @property
    def message(self) -> str:
        return f"Failed to find resource {self.arn}"


@dataclass(eq=False)
class CustomHealthUnknown(DomainError):
    """A health status was reported for a service that has no custom health check."""

    service_id: str

    @property
    def message(self) -> str:
        return f"Service {self.service_id} has no custom health check"


@dataclass(eq=False)
class NamespaceTaken(DomainError):
    name: str
    namespace_id: str
    creator_request_id: str = ""

    @property
    def message(self) -> str:
        return f"Namespace with name {self.name} already exists"


@dataclass(eq=False)
class RegistryServiceTaken(DomainError):
    name: str
    service_id: str
    service_arn: str
    creator_request_id: str = ""

    @property
    def message(self) -> str:
        return f"Service with name {self.name} already exists"


@dataclass(eq=False)
class InUse(DomainError):
    """Something cannot be deleted while it holds something else."""

    what: str
    holds: str

    @property
    def message(self) -> str:
        return f"{self.what} contains registered {self.holds}; delete the {self.holds} before deleting it"


@dataclass(eq=False)
class ManagedByEcs(DomainError):
    """What ECS made and keeps for a service cannot be changed by hand: it would be put back, or break the service."""

    what: str
    owner: str

    @property
    def message(self) -> str:
        return f"{self.what} is managed by {self.owner}"


@dataclass(eq=False)
class SameRequest(DomainError):
    """An operation on the same target is under way."""

    operation_type: str
    operation_id: str

    @property
    def message(self) -> str:
        return f"Another operation of type {self.operation_type} and id {self.operation_id} is in progress"


@dataclass(eq=False)
class TooManyTags(DomainError):
    resource: str

    @property
    def message(self) -> str:
        return f"{self.resource} would have more than 50 tags"


@dataclass(eq=False)
class TooManyAttributes(DomainError):
    service_id: str

    @property
    def message(self) -> str:
        return f"Service {self.service_id} would have more than 30 attributes"
