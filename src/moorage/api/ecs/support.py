"""What is supported of ECS: its operations and their parameters, as data. What is not named is refused by name."""

from collections.abc import Mapping
from typing import Any, Final

from moorage.api.ecs import (
    clusters,
    service_history,
    service_updates,
    services,
    support_capacity,
    tags,
    task_definitions,
    tasks,
)
from moorage.api.support_table import Supported

NONE: Final[tuple[Any, ...]] = ([],)
"""Accepted when it is an empty list: tools send those for what they do not use."""
OFF: Final[tuple[Any, ...]] = (False,)

_PAGE = "nextToken maxResults"
_TAGS = "tags.*"

_LAUNCH = """
    platformVersion capacityProviderStrategy.*
    networkConfiguration.awsvpcConfiguration.subnets"""
_LAUNCH_RECORDED = """
    networkConfiguration.awsvpcConfiguration.securityGroups networkConfiguration.awsvpcConfiguration.assignPublicIp"""

_PROVIDERS = "capacityProviders defaultCapacityProviderStrategy.*"

_CONNECT = """
    serviceConnectConfiguration.enabled serviceConnectConfiguration.namespace
    serviceConnectConfiguration.services.portName serviceConnectConfiguration.services.discoveryName
    serviceConnectConfiguration.services.clientAliases.port serviceConnectConfiguration.services.clientAliases.dnsName
    serviceConnectConfiguration.services.ingressPortOverride serviceConnectConfiguration.services.timeout.*
    serviceConnectConfiguration.accessLogConfiguration.* serviceConnectConfiguration.containerConfigurations.logLevel
    serviceConnectConfiguration.logConfiguration.options.*"""

_DEPLOYMENT = """
    deploymentConfiguration.maximumPercent deploymentConfiguration.minimumHealthyPercent
    deploymentConfiguration.deploymentCircuitBreaker.enable deploymentConfiguration.deploymentCircuitBreaker.rollback
    deploymentConfiguration.deploymentCircuitBreaker.resetOnHealthyTask
    deploymentConfiguration.deploymentCircuitBreaker.thresholdConfiguration.*
    deploymentConfiguration.alarms.* deploymentConfiguration.bakeTimeInMinutes
    deploymentConfiguration.earlySuccessCriteria.*"""

_SERVICE = f"""
    placementConstraints.* placementStrategy.* availabilityZoneRebalancing propagateTags
    cluster taskDefinition desiredCount healthCheckGracePeriodSeconds enableECSManagedTags
    enableExecuteCommand serviceRegistries.*
    {_LAUNCH} {_CONNECT} {_DEPLOYMENT}"""
_SERVICE_RECORDED = _LAUNCH_RECORDED

_SERVICE_ONLY: Mapping[str, tuple[Any, ...]] = {
    "deploymentController.type": ("ECS", "EXTERNAL"),
    "deploymentConfiguration.strategy": ("ROLLING",),
    "deploymentConfiguration.lifecycleHooks": NONE,
    "loadBalancers": NONE,
    "volumeConfigurations": NONE,
    "vpcLatticeConfigurations": NONE,
    "gatewayConnectors": NONE,
    "serviceConnectConfiguration.logConfiguration.logDriver": ("awslogs", "json-file"),
    "serviceConnectConfiguration.logConfiguration.secretOptions": NONE,
}

_CONTAINER = """
    name image cpu memory essential entryPoint command environment.* user workingDirectory readonlyRootFilesystem
    portMappings.containerPort portMappings.hostPort portMappings.protocol portMappings.name portMappings.appProtocol
    portMappings.containerPortRange
    dependsOn.* startTimeout stopTimeout healthCheck.* linuxParameters.capabilities.*
    secrets.name secrets.valueFrom environmentFiles.type environmentFiles.value
    linuxParameters.maxSwap linuxParameters.swappiness
    linuxParameters.initProcessEnabled linuxParameters.sharedMemorySize linuxParameters.tmpfs.* memoryReservation
    mountPoints.* volumesFrom.* ulimits.* systemControls.* hostname extraHosts.* dnsServers dnsSearchDomains
    interactive pseudoTerminal dockerLabels.* restartPolicy.* firelensConfiguration.type firelensConfiguration.options.*
    logConfiguration.logDriver logConfiguration.options.* logConfiguration.secretOptions.name
    logConfiguration.secretOptions.valueFrom"""
_VOLUMES = """
    volumes.name volumes.host.sourcePath volumes.dockerVolumeConfiguration.scope
    volumes.dockerVolumeConfiguration.autoprovision volumes.dockerVolumeConfiguration.driver"""
_VOLUMES_RECORDED = "volumes.dockerVolumeConfiguration.labels.*"
_CONTAINER_ONLY: Mapping[str, tuple[Any, ...]] = {
    "credentialSpecs": NONE,
    "disableNetworking": OFF,
    "dockerSecurityOptions": ([], ["no-new-privileges"], ["no-new-privileges:true"]),
    "links": NONE,
    "linuxParameters.devices": NONE,
    "privileged": OFF,
    "resourceRequirements": NONE,
    "versionConsistency": ("disabled",),
}
_DEFINITION_ONLY: Mapping[str, tuple[Any, ...]] = {
    "enableFaultInjection": OFF,
    "inferenceAccelerators": NONE,
    "volumes.configuredAtLaunch": OFF,
}

_OVERRIDES = """
    overrides.containerOverrides.name overrides.containerOverrides.command overrides.containerOverrides.environment.*
    overrides.containerOverrides.cpu overrides.containerOverrides.memory overrides.taskRoleArn
    overrides.containerOverrides.memoryReservation
    overrides.containerOverrides.environmentFiles.type overrides.containerOverrides.environmentFiles.value
    overrides.cpu overrides.memory"""
_OVERRIDES_RECORDED = "overrides.executionRoleArn overrides.ephemeralStorage.sizeInGiB"

_TASK_ONLY: Mapping[str, tuple[Any, ...]] = {
    "overrides.containerOverrides.resourceRequirements": NONE,
    "overrides.inferenceAcceleratorOverrides": NONE,
    "volumeConfigurations": NONE,
}


def _below(prefix: str, paths: str) -> str:
    return " ".join(f"{prefix}.{path}" for path in paths.split())


def _only_below(prefix: str, only: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    return {f"{prefix}.{path}": values for path, values in only.items()}


OPERATIONS: Mapping[str, Supported] = {
    "CreateCluster": Supported(
        clusters.create_cluster,
        real=f"clusterName serviceConnectDefaults.namespace {_PROVIDERS} {_TAGS}",
        recorded="settings.* configuration.*",
    ),
    "DescribeClusters": Supported(clusters.describe_clusters, real="clusters include", repeatable=True),
    "ListClusters": Supported(clusters.list_clusters, real=_PAGE, repeatable=True),
    "UpdateCluster": Supported(
        clusters.update_cluster, real="cluster serviceConnectDefaults.namespace", recorded="settings.* configuration.*"
    ),
    "UpdateClusterSettings": Supported(clusters.update_cluster_settings, real="cluster", recorded="settings.*"),
    "PutClusterCapacityProviders": Supported(
        clusters.put_cluster_capacity_providers,
        real=f"cluster {_PROVIDERS}",
    ),
    "DeleteCluster": Supported(clusters.delete_cluster, real="cluster"),
    "RegisterTaskDefinition": Supported(
        task_definitions.register_task_definition,
        real=f"placementConstraints.* family networkMode cpu memory requiresCompatibilities {_TAGS} taskRoleArn "
        + f"runtimePlatform.operatingSystemFamily pidMode ipcMode {_VOLUMES} "
        + _below("containerDefinitions", _CONTAINER),
        recorded="containerDefinitions.repositoryCredentials.credentialsParameter "
        f"executionRoleArn runtimePlatform.cpuArchitecture ephemeralStorage.sizeInGiB {_VOLUMES_RECORDED}",
        only={**_DEFINITION_ONLY, **_only_below("containerDefinitions", _CONTAINER_ONLY)},
    ),
    "DescribeTaskDefinition": Supported(
        task_definitions.describe_task_definition, real="taskDefinition include", repeatable=True
    ),
    "ListTaskDefinitions": Supported(
        task_definitions.list_task_definitions, real=f"familyPrefix status sort {_PAGE}", repeatable=True
    ),
    "ListTaskDefinitionFamilies": Supported(
        task_definitions.list_task_definition_families, real=f"familyPrefix status {_PAGE}", repeatable=True
    ),
    "DeregisterTaskDefinition": Supported(task_definitions.deregister_task_definition, real="taskDefinition"),
    "DeleteTaskDefinitions": Supported(task_definitions.delete_task_definitions, real="taskDefinitions"),
    "CreateService": Supported(
        services.create_service,
        real=f"serviceName clientToken launchType schedulingStrategy {_TAGS} {_SERVICE}",
        recorded=_SERVICE_RECORDED,
        only=_SERVICE_ONLY,
    ),
    "UpdateService": Supported(
        service_updates.update_service,
        real=f"service forceNewDeployment {_SERVICE}",
        recorded=_SERVICE_RECORDED,
        only=_SERVICE_ONLY,
    ),
    "DescribeServices": Supported(services.describe_services, real="cluster services include", repeatable=True),
    "ListServices": Supported(
        services.list_services,
        real=f"cluster launchType schedulingStrategy {_PAGE}",
        only={"resourceManagementType": ("CUSTOMER",)},
        repeatable=True,
    ),
    "ListServicesByNamespace": Supported(
        services.list_services_by_namespace, real=f"namespace {_PAGE}", repeatable=True
    ),
    "ListServiceDeployments": Supported(
        service_history.list_service_deployments, real=f"cluster service status createdAt.* {_PAGE}"
    ),
    "DescribeServiceDeployments": Supported(service_history.describe_service_deployments, real="serviceDeploymentArns"),
    "DescribeServiceRevisions": Supported(service_history.describe_service_revisions, real="serviceRevisionArns"),
    "DeleteService": Supported(services.delete_service, real="cluster service force"),
    "RunTask": Supported(
        tasks.run_task,
        real="placementConstraints.* placementStrategy.* "
        "cluster taskDefinition count group startedBy clientToken propagateTags enableECSManagedTags "
        "enableExecuteCommand "
        f"launchType {_TAGS} {_LAUNCH} {_OVERRIDES}",
        recorded=f"referenceId {_LAUNCH_RECORDED} {_OVERRIDES_RECORDED}",
        only=_TASK_ONLY,
    ),
    "StartTask": Supported(
        tasks.start_task,
        real=f"cluster taskDefinition containerInstances group startedBy propagateTags enableECSManagedTags "
        f"enableExecuteCommand {_TAGS} "
        f"networkConfiguration.awsvpcConfiguration.subnets {_OVERRIDES}",
        recorded="referenceId networkConfiguration.awsvpcConfiguration.securityGroups "
        f"networkConfiguration.awsvpcConfiguration.assignPublicIp {_OVERRIDES_RECORDED}",
        only=_TASK_ONLY,
    ),
    "StopTask": Supported(tasks.stop_task, real="cluster task reason"),
    "DescribeTasks": Supported(tasks.describe_tasks, real="cluster tasks include", repeatable=True),
    "ListTasks": Supported(
        tasks.list_tasks,
        real=f"cluster containerInstance family serviceName desiredStatus startedBy launchType {_PAGE}",
        repeatable=True,
    ),
    "TagResource": Supported(tags.tag_resource, real=f"resourceArn {_TAGS}"),
    "UntagResource": Supported(tags.untag_resource, real="resourceArn tagKeys"),
    "ListTagsForResource": Supported(tags.list_tags_for_resource, real="resourceArn"),
    **support_capacity.OPERATIONS,
}
