"""What is supported of Cloud Map: its rows of the support table."""

from moorage.api.cloudmap import instances, namespaces, operations, services, tags
from moorage.api.support_table import Supported

_PAGE = "NextToken MaxResults"

OPERATIONS = {
    "CreateHttpNamespace": Supported(
        namespaces.create_http_namespace, real="Name CreatorRequestId Tags.*", recorded="Description"
    ),
    "CreatePrivateDnsNamespace": Supported(
        namespaces.create_private_dns_namespace,
        real="Name CreatorRequestId Tags.* Vpc Properties.*",
        recorded="Description",
    ),
    "CreatePublicDnsNamespace": Supported(
        namespaces.create_public_dns_namespace,
        real="Name CreatorRequestId Tags.*",
        recorded="Description Properties.*",
    ),
    "GetNamespace": Supported(namespaces.get_namespace, real="Id"),
    "ListNamespaces": Supported(namespaces.list_namespaces, real=f"{_PAGE} Filters.*"),
    "UpdateHttpNamespace": Supported(
        namespaces.update_http_namespace, real="Id", recorded="UpdaterRequestId Namespace.Description"
    ),
    "UpdatePrivateDnsNamespace": Supported(
        namespaces.update_private_dns_namespace,
        real="Id Namespace.Properties.*",
        recorded="UpdaterRequestId Namespace.Description",
    ),
    "UpdatePublicDnsNamespace": Supported(
        namespaces.update_public_dns_namespace, real="Id", recorded="UpdaterRequestId Namespace.*"
    ),
    "DeleteNamespace": Supported(namespaces.delete_namespace, real="Id"),
    "CreateService": Supported(
        services.create_service,
        real="Name NamespaceId CreatorRequestId Tags.* Type HealthCheckCustomConfig.* DnsConfig.*",
        recorded="Description",
    ),
    "GetService": Supported(services.get_service, real="Id"),
    "ListServices": Supported(services.list_services, real=f"{_PAGE} Filters.*"),
    "UpdateService": Supported(services.update_service, real="Id Service.DnsConfig.*", recorded="Service.Description"),
    "DeleteService": Supported(services.delete_service, real="Id"),
    "GetServiceAttributes": Supported(services.get_service_attributes, real="ServiceId"),
    "UpdateServiceAttributes": Supported(services.update_service_attributes, real="ServiceId Attributes.*"),
    "DeleteServiceAttributes": Supported(services.delete_service_attributes, real="ServiceId Attributes"),
    "RegisterInstance": Supported(
        instances.register_instance, real="ServiceId InstanceId Attributes.*", recorded="CreatorRequestId"
    ),
    "DeregisterInstance": Supported(instances.deregister_instance, real="ServiceId InstanceId"),
    "GetInstance": Supported(instances.get_instance, real="ServiceId InstanceId"),
    "ListInstances": Supported(instances.list_instances, real=f"ServiceId {_PAGE}"),
    "GetInstancesHealthStatus": Supported(instances.get_instances_health_status, real=f"ServiceId Instances {_PAGE}"),
    "UpdateInstanceCustomHealthStatus": Supported(
        instances.update_instance_custom_health_status, real="ServiceId InstanceId Status"
    ),
    "DiscoverInstances": Supported(
        instances.discover_instances,
        real="NamespaceName ServiceName MaxResults QueryParameters.* OptionalParameters.* HealthStatus",
    ),
    "DiscoverInstancesRevision": Supported(instances.discover_instances_revision, real="NamespaceName ServiceName"),
    "GetOperation": Supported(operations.get_operation, real="OperationId"),
    "ListOperations": Supported(operations.list_operations, real=f"{_PAGE} Filters.*"),
    "TagResource": Supported(tags.tag_resource, real="ResourceARN Tags.*"),
    "UntagResource": Supported(tags.untag_resource, real="ResourceARN TagKeys"),
    "ListTagsForResource": Supported(tags.list_tags_for_resource, real="ResourceARN"),
}
