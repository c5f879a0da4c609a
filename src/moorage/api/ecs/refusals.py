"""The operations of ECS that are refused, each with the reason that the caller reads."""

from collections.abc import Mapping
from typing import Final

_AGENT = "it is how AWS's container agent speaks to ECS. This machine is a container instance without one."
_ONLY_INSTANCE = (
    "this machine is the one container instance of the cluster, and nothing could register it again: drain it with "
    "UpdateContainerInstancesState."
)
_DAEMONS = "daemons run on managed instances, which there are none of on one machine: use a service of strategy DAEMON."
_EXPRESS = "Express Mode makes load balancers and scaling of AWS's own: use CreateService."
_GATEWAYS = "gateways are infrastructure of AWS's own: expose ports by Service Connect."
_HOOKS = "rolling deployments, the only strategy here, have no lifecycle hooks to pause at."

REASONS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "DiscoverPollEndpoint",
            "RegisterContainerInstance",
            "SubmitAttachmentStateChanges",
            "SubmitContainerStateChange",
            "SubmitTaskStateChange",
            "UpdateContainerAgent",
        ),
        _AGENT,
    ),
    "DeregisterContainerInstance": _ONLY_INSTANCE,
    **dict.fromkeys(
        (
            "CreateDaemon",
            "DeleteDaemon",
            "DeleteDaemonTaskDefinition",
            "DescribeDaemon",
            "DescribeDaemonDeployments",
            "DescribeDaemonRevisions",
            "DescribeDaemonTaskDefinition",
            "ListDaemonDeployments",
            "ListDaemonTaskDefinitions",
            "ListDaemons",
            "RegisterDaemonTaskDefinition",
            "UpdateDaemon",
        ),
        _DAEMONS,
    ),
    **dict.fromkeys(
        (
            "CreateExpressGatewayService",
            "DeleteExpressGatewayService",
            "DescribeExpressGatewayService",
            "UpdateExpressGatewayService",
        ),
        _EXPRESS,
    ),
    **dict.fromkeys(
        (
            "AssociateGatewayWithCluster",
            "CreateGateway",
            "DeleteGateway",
            "DescribeGateway",
            "DescribeGatewayResources",
            "DescribeGatewayRoute",
            "DisassociateGatewayFromCluster",
            "ListGatewayClusterAssociations",
            "ListGatewayRoutes",
            "ListGateways",
            "UpdateGateway",
        ),
        _GATEWAYS,
    ),
    "ContinueServiceDeployment": _HOOKS,
}
