"""Cloud Map's records as its API shows them."""

from collections.abc import Mapping
from typing import Any

from moorage.domain import instance_rules
from moorage.domain.registry import Instance, Namespace, Operation, RegistryService
from moorage.domain.world import World


def namespace(world: World, record: Namespace) -> dict[str, Any]:
    shown = namespace_summary(world, record)
    return _with(shown, CreatorRequestId=record.creator_request_id)


def namespace_summary(world: World, record: Namespace) -> dict[str, Any]:
    shown = {
        "Id": record.id,
        "Arn": record.arn,
        "ResourceOwner": record.account,
        "Name": record.name,
        "Type": record.type,
        "ServiceCount": world.count_linked(RegistryService, "namespace", record.key),
        "Properties": record.properties,
        "CreateDate": record.created_at,
    }
    return _with(shown, Description=record.description)


def service(world: World, record: RegistryService) -> dict[str, Any]:
    shown = {**service_summary(world, record), "NamespaceId": record.namespace_id}
    return _with(shown, CreatorRequestId=record.creator_request_id)


def service_summary(world: World, record: RegistryService) -> dict[str, Any]:
    shown = {
        "Id": record.id,
        "Arn": record.arn,
        "ResourceOwner": record.account,
        "CreatedByAccount": record.account,
        "Name": record.name,
        "Type": record.type,
        "InstanceCount": world.count_linked(Instance, "service", record.key),
        "CreateDate": record.created_at,
    }
    return _with(
        shown,
        Description=record.description,
        DnsConfig=record.dns_config,
        HealthCheckConfig=record.health_check_config,
        HealthCheckCustomConfig=record.health_check_custom_config,
    )


def instance(record: Instance) -> dict[str, Any]:
    shown = {**instance_summary(record)}
    return _with(shown, CreatorRequestId=record.creator_request_id)


def instance_summary(record: Instance) -> dict[str, Any]:
    return {"Id": record.id, "Attributes": record.attributes, "CreatedByAccount": record.account}


def discovered(record: Instance, namespace_name: str, service_name: str) -> dict[str, Any]:
    return {
        "InstanceId": record.id,
        "NamespaceName": namespace_name,
        "ServiceName": service_name,
        "HealthStatus": instance_rules.health(record),
        "Attributes": record.attributes,
    }


def operation(record: Operation) -> dict[str, Any]:
    shown = {
        "Id": record.id,
        "OwnerAccount": record.account,
        "Type": record.type,
        "Status": record.status,
        "CreateDate": record.created_at,
        "UpdateDate": record.updated_at,
        "Targets": record.targets,
    }
    return _with(shown, ErrorCode=record.error_code, ErrorMessage=record.error_message)


def _with(shown: dict[str, Any], **optional: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Members that AWS leaves out while they are empty; an empty structure is not empty in that sense."""
    return {**shown, **{name: value for name, value in optional.items() if value is not None and value != ""}}
