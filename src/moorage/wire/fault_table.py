"""From domain errors to faults: which code and status each has at each service.

Total over the domain's errors, and each code is in the service's model or among AWS's common ones: both are tested.
The sentences are the errors' own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moorage.domain import errors, log_errors, parameter_errors, registry_errors
from moorage.domain.errors import DomainError
from moorage.wire import models
from moorage.wire.faults import Fault

ANY = ""
"""The row's code where the service has none of its own."""

INVALID = "<invalid>"
"""Stands for the service's code for input that breaks its rules."""

COMMON_CODES = frozenset(
    {
        "AccessDeniedException",
        "IncompleteSignature",
        "InternalFailure",
        "InvalidAction",
        "InvalidSignatureException",
        "MalformedQueryString",
        "MalformedRequest",
        "MissingAuthenticationToken",
        "RequestEntityTooLarge",
        "SerializationException",
        "ServiceUnavailable",
        "UnknownOperationException",
        "UnrecognizedClientException",
        "UnsupportedMediaType",
        "UnsupportedProtocol",
        "ValidationError",
        "ValidationException",
    }
)
"""Codes that no operation models: AWS's "Common errors", and what its front ends answer before a service is reached."""


@dataclass(frozen=True)
class Row:
    """`codes` by service; `fields` are further members of the error's shape by the error's attribute."""

    codes: Mapping[str, str]
    status: int = 400
    fields: Mapping[str, str] = field(default_factory=dict)


def _ecs(code: str) -> Row:
    """A mistake that other services cannot be asked to commit: there it is plain invalid input."""
    return Row({"ecs": code, ANY: INVALID})


def _cloud_map(code: str, status: int = 400, **fields: str) -> Row:
    return Row({"servicediscovery": code, ANY: INVALID}, status, fields)


def _ssm(code: str) -> Row:
    return Row({"ssm": code, ANY: INVALID})


def _logs(code: str) -> Row:
    return Row({"logs": code, ANY: INVALID})


_INVALID = Row({ANY: INVALID})

TABLE: dict[type[DomainError], Row] = {
    errors.InvalidParameter: _INVALID,
    errors.ClientMistake: _ecs("ClientException"),
    errors.Unsupported: _ecs("UnsupportedFeatureException"),
    errors.ClusterNotFound: _ecs("ClusterNotFoundException"),
    errors.ServiceNotFound: _ecs("ServiceNotFoundException"),
    errors.TaskSetNotFound: _ecs("TaskSetNotFoundException"),
    errors.ServiceDeploymentNotFound: _ecs("ServiceDeploymentNotFoundException"),
    errors.DeploymentConflict: _ecs("ConflictException"),
    errors.ServiceNotActive: _ecs("ServiceNotActiveException"),
    errors.TaskDefinitionNotFound: _ecs("ClientException"),
    errors.DescribedTaskDefinitionNotFound: _ecs("ClientException"),
    errors.TaskNotFound: _INVALID,
    errors.TargetNotFound: _ecs("TargetNotFoundException"),
    errors.TooManyAttributes: _ecs("AttributeLimitExceededException"),
    errors.NamespaceNotFound: _ecs("NamespaceNotFoundException"),
    errors.ClusterContainsServices: _ecs("ClusterContainsServicesException"),
    errors.ClusterContainsTasks: _ecs("ClusterContainsTasksException"),
    errors.ResourceNotFound: _ecs("ResourceNotFoundException"),
    errors.NamespaceMissing: _INVALID,
    errors.UnknownPortName: _INVALID,
    errors.NoClientAlias: _INVALID,
    errors.TooManyClientAliases: _INVALID,
    errors.InvalidDnsName: _INVALID,
    errors.ClientAliasTaken: _INVALID,
    errors.DiscoveryNameTaken: _INVALID,
    errors.ProtocolChanged: _INVALID,
    errors.DuplicatePortName: _ecs("ClientException"),
    errors.ClientTokenReused: Row({"ecs": "ConflictException", ANY: INVALID}, fields={"resourceIds": "resources"}),
    registry_errors.NamespaceUnknown: _cloud_map("NamespaceNotFound", 404),
    registry_errors.RegistryServiceUnknown: _cloud_map("ServiceNotFound", 404),
    registry_errors.InstanceUnknown: _cloud_map("InstanceNotFound", 404),
    registry_errors.OperationUnknown: _cloud_map("OperationNotFound", 404),
    registry_errors.TaggedUnknown: _cloud_map("ResourceNotFoundException", 404),
    registry_errors.CustomHealthUnknown: _cloud_map("CustomHealthNotFound", 404),
    registry_errors.NamespaceTaken: _cloud_map(
        "NamespaceAlreadyExists", NamespaceId="namespace_id", CreatorRequestId="creator_request_id"
    ),
    registry_errors.RegistryServiceTaken: _cloud_map(
        "ServiceAlreadyExists",
        ServiceId="service_id",
        ServiceArn="service_arn",
        CreatorRequestId="creator_request_id",
    ),
    registry_errors.InUse: _cloud_map("ResourceInUse", 409),
    registry_errors.ManagedByEcs: _cloud_map("ResourceInUse", 409),
    registry_errors.SameRequest: _cloud_map("DuplicateRequest", 409, DuplicateOperationId="operation_id"),
    registry_errors.TooManyTags: _cloud_map("TooManyTagsException", ResourceName="resource"),
    registry_errors.TooManyAttributes: _cloud_map("ServiceAttributesLimitExceededException"),
    log_errors.LogGroupUnknown: _logs("ResourceNotFoundException"),
    log_errors.LogGroupTaken: _logs("ResourceAlreadyExistsException"),
    log_errors.LogStreamUnknown: _logs("ResourceNotFoundException"),
    log_errors.LogStreamTaken: _logs("ResourceAlreadyExistsException"),
    log_errors.TooManyLogTags: _logs("TooManyTagsException"),
    log_errors.TooManySessions: _logs("LimitExceededException"),
    parameter_errors.ParameterUnknown: _ssm("ParameterNotFound"),
    parameter_errors.ParameterVersionUnknown: _ssm("ParameterVersionNotFound"),
    parameter_errors.TooManyLabels: _ssm("ParameterVersionLabelLimitExceeded"),
    parameter_errors.OldestIsLabelled: _ssm("ParameterMaxVersionLimitExceeded"),
    parameter_errors.ParameterTaken: _ssm("ParameterAlreadyExists"),
    parameter_errors.PatternMismatch: _ssm("ParameterPatternMismatchException"),
    parameter_errors.PatternInvalid: _ssm("InvalidAllowedPatternException"),
    parameter_errors.HierarchyTooDeep: _ssm("HierarchyLevelLimitExceededException"),
    parameter_errors.KeyUnusable: _ssm("InvalidKeyId"),
    parameter_errors.FilterKeyInvalid: _ssm("InvalidFilterKey"),
    parameter_errors.FilterOptionInvalid: _ssm("InvalidFilterOption"),
    parameter_errors.FilterValueInvalid: _ssm("InvalidFilterValue"),
    parameter_errors.TokenInvalid: _ssm("InvalidNextToken"),
    parameter_errors.TaggedParameterUnknown: _ssm("InvalidResourceId"),
    parameter_errors.TaggedTypeUnsupported: _ssm("InvalidResourceType"),
    parameter_errors.TypeChanged: _ssm("HierarchyTypeMismatchException"),
    parameter_errors.TooManyParameterTags: _ssm("TooManyTagsError"),
}


def fault(error: DomainError, service: str) -> Fault:
    """The fault that tells a caller of `service` of a domain error."""
    row = TABLE[type(error)]
    code = row.codes.get(service) or row.codes[ANY]
    if code == INVALID:
        code = models.ENTRIES[service].invalid
    fields = {name: getattr(error, attribute) for name, attribute in row.fields.items()}
    return Fault(code, error.message, row.status, {name: value for name, value in fields.items() if value}, error.hint)


def internal(service: str) -> Fault:
    """The fault that tells a caller of `service` that the mistake is ours. What it was stands in the log."""
    code = models.ENTRIES[service].internal if service in models.ENTRIES else "InternalFailure"
    return Fault(code, "The request processing has failed because of an unknown error, exception or failure.", 500)
