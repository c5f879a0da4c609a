"""The service models of botocore, each loaded at its first use, and how a request names its service.

Documentation strings are taken out on loading: they are two thirds of a model's memory and nobody reads them here.
Which operations exist here is not decided in this room.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

JSON = "json"
QUERY = "query"
EC2 = "ec2"
CBOR = "smithy-rpc-v2-cbor"


@dataclass(frozen=True)
class ServiceEntry:
    """How requests to a service that is answered here are told apart, without loading its model.

    `name` is botocore's and the command line's name; `target` the prefix of X-Amz-Target (JSON); `version` the
    Version parameter (Query); `invalid` the code that answers input which breaks the model, `internal` the one that
    answers what is our own fault.
    """

    name: str
    protocol: str
    invalid: str
    target: str = ""
    version: str = ""
    internal: str = "InternalFailure"


ENTRIES = {
    entry.name: entry
    for entry in (
        ServiceEntry(
            "ecs",
            JSON,
            "InvalidParameterException",
            target="AmazonEC2ContainerServiceV20141113",
            internal="ServerException",
        ),
        ServiceEntry("servicediscovery", JSON, "InvalidInput", target="Route53AutoNaming_v20170314"),
        ServiceEntry("ssm", JSON, "ValidationException", target="AmazonSSM", internal="InternalServerError"),
        ServiceEntry("logs", JSON, "InvalidParameterException", target="Logs_20140328"),
        ServiceEntry(
            "cloudwatch",
            JSON,
            "InvalidParameterValue",
            target="GraniteServiceVersion20100801",
            version="2010-08-01",
            internal="InternalServiceError",
        ),
        ServiceEntry(
            "application-autoscaling",
            JSON,
            "ValidationException",
            target="AnyScaleFrontendService",
            internal="InternalServiceException",
        ),
        ServiceEntry("sts", QUERY, "ValidationError", version="2011-06-15"),
        ServiceEntry("cloudformation", QUERY, "ValidationError", version="2010-05-15"),
        ServiceEntry("ec2", EC2, "InvalidParameterValue", version="2016-11-15", internal="InternalError"),
    )
}

SIGNED_AS = {"monitoring": "cloudwatch"}
"""Names in the scope of a signature that are not those of the service."""

BY_TARGET = {entry.target: entry for entry in ENTRIES.values() if entry.target}
BY_VERSION = {entry.version: entry for entry in ENTRIES.values() if entry.version}


@cache
def service(name: str) -> ServiceModel:
    """The model of a service, loaded once and kept."""
    description = Loader().load_service_model(name, "service-2")
    return ServiceModel(_without_documentation(description), name)


@cache
def operation(service_name: str, operation_name: str) -> OperationModel:
    """The model of an operation; KeyError if the service has none of that name."""
    model = service(service_name)
    if operation_name not in service_operations(service_name):
        raise KeyError(operation_name)
    return model.operation_model(operation_name)


@cache
def service_operations(service_name: str) -> frozenset[str]:
    """The names of all operations that the service has at AWS."""
    return frozenset(service(service_name).operation_names)


@cache
def error_shapes(service_name: str) -> dict[str, Any]:
    """The service's modelled errors by the code that they carry on the wire."""
    return {shape.error_code or shape.name: shape for shape in _error_shapes(service(service_name))}


def message_member(service_name: str, code: str) -> str:
    """Services spell the member of an error's sentence `message` or `Message`; SDKs of typed languages mind."""
    shape = error_shapes(service_name).get(code) if service_name in ENTRIES else None
    names = shape.members if shape is not None else ()
    return next((name for name in names if name.lower() == "message"), "message")


def speaks_cbor(service_name: str) -> bool:
    """Whether SDKs may choose Smithy RPC v2 CBOR for the service."""
    return CBOR in service(service_name).metadata.get("protocols", ())


def _error_shapes(model: ServiceModel) -> Iterator[Any]:
    yield from model.error_shapes


def _without_documentation(value: Any) -> Any:
    """The same tree without documentation strings. A member may be *named* documentation: that is a dict, and stays."""
    if isinstance(value, dict):
        return {
            key: _without_documentation(inner)
            for key, inner in value.items()
            if not (key == "documentation" and isinstance(inner, str))
        }
    if isinstance(value, list):
        return [_without_documentation(inner) for inner in value]
    return value
