"""What can be wrong with a request, as exceptions that carry fields; `wire/faults.py` has their AWS codes.

`message` is the sentence a caller reads; where AWS's own text is known (docs/reference/service-connect.md section 3)
it is copied to the letter. A `hint` is ours: it says what to do next and travels beside the message, never in it.
"""

from dataclasses import dataclass


class DomainError(Exception):
    """The root of the tree. Subclasses are dataclasses with a `message`
    property; not frozen, since Python itself writes to an exception that travels."""

    hint: str = ""

    @property
    def message(self) -> str:
        raise NotImplementedError(type(self).__name__)

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class InvalidParameter(DomainError):
    """A value that the request's own rules do not allow."""

    text: str
    hint: str = ""

    @property
    def message(self) -> str:
        return self.text


@dataclass(eq=False)
class ClientMistake(DomainError):
    """What ECS reports as ClientException: an action or a resource that cannot be used so."""

    text: str
    hint: str = ""

    @property
    def message(self) -> str:
        return self.text


@dataclass(eq=False)
class Unsupported(DomainError):
    """Something ECS can do and Moorage does not: refused by name, never dropped."""

    what: str
    why: str = ""

    @property
    def message(self) -> str:
        return f"{self.what} is not supported by Moorage" + (f": {self.why}" if self.why else ".")


@dataclass(eq=False)
class ClusterNotFound(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "Cluster not found."


@dataclass(eq=False)
class ServiceNotFound(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "Service not found."


@dataclass(eq=False)
class TaskSetNotFound(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "Task set not found."


@dataclass(eq=False)
class ServiceDeploymentNotFound(DomainError):
    arn: str

    @property
    def message(self) -> str:
        return f"The service deployment {self.arn} was not found."


@dataclass(eq=False)
class DeploymentConflict(DomainError):
    """What was asked of a service deployment does not go with how far it is."""

    text: str

    @property
    def message(self) -> str:
        return self.text


@dataclass(eq=False)
class ServiceNotActive(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "Service was not ACTIVE."


@dataclass(eq=False)
class TaskDefinitionNotFound(DomainError):
    reference: str

    @property
    def message(self) -> str:
        return "TaskDefinition not found."


@dataclass(eq=False)
class DescribedTaskDefinitionNotFound(DomainError):
    """DescribeTaskDefinition and DeregisterTaskDefinition have a sentence of their own."""

    reference: str

    @property
    def message(self) -> str:
        return "Unable to describe task definition."


@dataclass(eq=False)
class TaskNotFound(DomainError):
    reference: str

    @property
    def message(self) -> str:
        return "The referenced task was not found."


@dataclass(eq=False)
class TargetNotFound(DomainError):
    """Attributes were given to a container instance that there is not."""

    target: str

    @property
    def message(self) -> str:
        return f"The specified target was not found: {self.target}"


@dataclass(eq=False)
class TooManyAttributes(DomainError):
    limit: int

    @property
    def message(self) -> str:
        return f"A container instance can have at most {self.limit} attributes of yours."


@dataclass(eq=False)
class NamespaceNotFound(DomainError):
    """ECS was asked to use a Cloud Map namespace that there is not."""

    reference: str

    @property
    def message(self) -> str:
        return f"Namespace {self.reference} was not found."


@dataclass(eq=False)
class ClusterContainsServices(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "The Cluster cannot be deleted while Services are active."


@dataclass(eq=False)
class ClusterContainsTasks(DomainError):
    name: str

    @property
    def message(self) -> str:
        return "The Cluster cannot be deleted while Tasks are active."


@dataclass(eq=False)
class ResourceNotFound(DomainError):
    """A tagged or referenced ECS resource that there is not."""

    arn: str

    @property
    def message(self) -> str:
        return f"The specified resource {self.arn} was not found."


# --- Service Connect, reference section 3 ---------------------------------------------------------------------------


@dataclass(eq=False)
class NamespaceMissing(DomainError):
    """Service Connect is enabled, but neither the service nor its cluster names a namespace."""

    @property
    def message(self) -> str:
        return "Namespace is missing"


@dataclass(eq=False)
class UnknownPortName(DomainError):
    port_name: str

    @property
    def message(self) -> str:
        return f"portName({self.port_name}) does not refer to any named PortMapping in the container definitions"


@dataclass(eq=False)
class NoClientAlias(DomainError):
    @property
    def message(self) -> str:
        return "clientAliases must have 1 element."


@dataclass(eq=False)
class TooManyClientAliases(DomainError):
    count: int

    @property
    def message(self) -> str:
        return f"{self.count} clientAliases exceeds the max limit of 1"


@dataclass(eq=False)
class InvalidDnsName(DomainError):
    dns_name: str

    @property
    def message(self) -> str:
        return (
            "The DNS name that you provided is invalid. The name must be a valid DNS name but doesn't need to be "
            "fully-qualified. Up to 127 characters are allowed. The characters can include lowercase letters, numbers, "
            "underscores (_), hyphens (-), and periods (.). A hyphen can't be the first character."
        )


@dataclass(eq=False)
class ClientAliasTaken(DomainError):
    dns_name: str
    port: int
    discovery_name: str
    namespace: str

    @property
    def message(self) -> str:
        return (
            f"ClientAlias {self.dns_name}:{self.port} is already used by service with discovery name "
            f"{self.discovery_name} in namespace {self.namespace}"
        )


@dataclass(eq=False)
class DiscoveryNameTaken(DomainError):
    owner: str

    @property
    def message(self) -> str:
        return f"SC service is already used by {self.owner}"


@dataclass(eq=False)
class ProtocolChanged(DomainError):
    """`appProtocol` and `protocol` are immutable while a Service Connect service uses them; None is AWS's `null`."""

    service_arn: str
    previous: str | None
    current: str | None

    @property
    def message(self) -> str:
        return (
            "The following config cannot be changed for a SC service. "
            f"Previous config: {self._config(self.previous)}, current config: {self._config(self.current)}"
        )

    def _config(self, protocol: str | None) -> str:
        return (
            f"ScServiceStableConfig(applicationProtocol={protocol or 'null'}, transportProtocol=tcp, "
            f"ecsServiceArn={self.service_arn})"
        )


@dataclass(eq=False)
class DuplicatePortName(DomainError):
    port_name: str
    network_mode: str

    @property
    def message(self) -> str:
        return f"When networkMode={self.network_mode}, port mapping name is already used"


@dataclass(eq=False)
class ClientTokenReused(DomainError):
    """A client token came again with another request than the one that it stands for."""

    token: str
    resources: tuple[str, ...]

    @property
    def message(self) -> str:
        return "The client token was used before, in a request with other parameters."
