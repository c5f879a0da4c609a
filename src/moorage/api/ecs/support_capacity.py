"""What is supported of ECS beside clusters, services and tasks: capacity, settings, task sets; a part of `support`."""

from collections.abc import Mapping
from typing import Final

from moorage.api.ecs import (
    account_settings,
    attributes,
    capacity_providers,
    container_instances,
    service_history,
    task_protection,
    task_sets,
)
from moorage.api.support_table import Supported

_PAGE = "nextToken maxResults"
_GROUP = "autoScalingGroupProvider.managedScaling.* autoScalingGroupProvider.managedTerminationProtection"
_NETWORK = "networkConfiguration.awsvpcConfiguration"
_GROUP += " autoScalingGroupProvider.managedDraining"

OPERATIONS: Final[Mapping[str, Supported]] = {
    "PutAccountSetting": Supported(account_settings.put_account_setting, recorded="name value principalArn"),
    "PutAccountSettingDefault": Supported(account_settings.put_account_setting_default, recorded="name value"),
    "ListAccountSettings": Supported(
        account_settings.list_account_settings, real=f"name value principalArn effectiveSettings {_PAGE}"
    ),
    "DeleteAccountSetting": Supported(account_settings.delete_account_setting, recorded="name principalArn"),
    "CreateCapacityProvider": Supported(
        capacity_providers.create_capacity_provider,
        real="name tags.*",
        recorded=f"autoScalingGroupProvider.autoScalingGroupArn {_GROUP}",
    ),
    "UpdateCapacityProvider": Supported(capacity_providers.update_capacity_provider, real="name", recorded=_GROUP),
    "DescribeCapacityProviders": Supported(
        capacity_providers.describe_capacity_providers, real=f"capacityProviders include {_PAGE}"
    ),
    "DeleteCapacityProvider": Supported(capacity_providers.delete_capacity_provider, real="capacityProvider"),
    "StopServiceDeployment": Supported(
        service_history.stop_service_deployment, real="serviceDeploymentArn", only={"stopType": ("ROLLBACK",)}
    ),
    "GetTaskProtection": Supported(task_protection.get_task_protection, real="cluster tasks"),
    "UpdateTaskProtection": Supported(
        task_protection.update_task_protection, real="cluster tasks protectionEnabled expiresInMinutes"
    ),
    "PutAttributes": Supported(attributes.put_attributes, real="cluster attributes.*"),
    "ListAttributes": Supported(
        attributes.list_attributes, real=f"cluster targetType attributeName attributeValue {_PAGE}"
    ),
    "DeleteAttributes": Supported(attributes.delete_attributes, real="cluster attributes.*"),
    "ListContainerInstances": Supported(
        container_instances.list_container_instances, real=f"cluster filter status {_PAGE}"
    ),
    "DescribeContainerInstances": Supported(
        container_instances.describe_container_instances, real="cluster containerInstances include"
    ),
    "UpdateContainerInstancesState": Supported(
        container_instances.update_container_instances_state, real="cluster containerInstances status"
    ),
    "CreateTaskSet": Supported(
        task_sets.create_task_set,
        real="cluster service externalId taskDefinition launchType platformVersion scale.* clientToken tags.* "
        f"serviceRegistries.* capacityProviderStrategy.* {_NETWORK}.subnets",
        recorded=f"{_NETWORK}.securityGroups {_NETWORK}.assignPublicIp",
        only={"loadBalancers": ([],)},
    ),
    "DescribeTaskSets": Supported(
        task_sets.describe_task_sets, real="cluster service taskSets include", repeatable=True
    ),
    "UpdateTaskSet": Supported(task_sets.update_task_set, real="cluster service taskSet scale.*"),
    "UpdateServicePrimaryTaskSet": Supported(
        task_sets.update_service_primary_task_set, real="cluster service primaryTaskSet"
    ),
    "DeleteTaskSet": Supported(task_sets.delete_task_set, real="cluster service taskSet force"),
}
