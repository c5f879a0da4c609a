"""Scripts of resource types against answers written by hand: what they ask, when they are content or give up."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from moorage.stacks.resources import aws_ecs_service, aws_servicediscovery_namespace, aws_ssm_parameter
from moorage.stacks.resources.catalog import TYPES
from moorage.stacks.resources.script import Declined, Failed, Made, Order, Request, Script, Until

Answers = Callable[[Request], Any]
PROPERTIES = {"Cluster": "c", "TaskDefinition": "t:1", "DesiredCount": 2}


def order(properties: Mapping[str, Any], **members: Any) -> Order:
    identity = {"account": "1", "region": "r", "stack_name": "shop", "stack_id": "arn:stack", "logical_id": "Web"}
    return Order(**{"token": "token-1", **identity, **members}, properties=properties)


class Played:
    """A script played against `answers` to its end or to its first wait."""

    def __init__(self, script: Script, answers: Answers) -> None:
        self.requests: list[Request] = []
        self.made: list[Made] = []
        self.wait: Until | None = None
        with contextlib.suppress(StopIteration):
            self._play(script, answers)

    def _play(self, script: Script, answers: Answers) -> None:
        step = next(script)
        while True:
            if isinstance(step, Until):
                self.wait = step
                return
            if isinstance(step, Made):
                self.made.append(step)
                step = next(script)
                continue
            self.requests.append(step)
            answer = answers(step)
            step = script.throw(answer) if isinstance(answer, Exception) else script.send(answer)


def service(*deployments: dict[str, Any], running: int = 2) -> dict[str, Any]:
    return {
        "serviceArn": "arn:service",
        "serviceName": "web",
        "status": "ACTIVE",
        "runningCount": running,
        "desiredCount": 2,
        "deployments": list(deployments),
    }


def deployment(identity: str, status: str = "PRIMARY", state: str = "IN_PROGRESS", reason: str = "") -> dict[str, Any]:
    return {"id": identity, "status": status, "rolloutState": state, "rolloutStateReason": reason}


def created() -> Played:
    return Played(
        TYPES["AWS::ECS::Service"].create(order(PROPERTIES)), lambda _: {"service": service(deployment("d1"))}
    )


def test_a_service_is_recorded_before_it_is_waited_for() -> None:
    played = created()
    assert played.made == [Made("arn:service", {"Name": "web", "ServiceArn": "arn:service"})]
    arguments = played.requests[0].arguments
    assert arguments["clientToken"] == "token-1"
    assert arguments["serviceName"].startswith("shop-Web-")
    assert played.wait is not None and played.wait.request.operation == "DescribeServices"


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (service(deployment("d1"), running=0), False),
        (service(deployment("d1", state="COMPLETED"), running=1), False),
        (service(deployment("d1", state="COMPLETED")), True),
        (service(deployment("d1", state="COMPLETED"), deployment("d0", status="ACTIVE")), True),
    ],
)
def test_a_service_is_stable_when_its_own_deployment_has_completed(answer: dict[str, Any], content: bool) -> None:
    wait = created().wait
    assert wait is not None
    assert wait.settled({"services": [answer]}) is content


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            service(deployment("d1", state="FAILED", reason="tasks failed to start.")),
            "Error occurred during operation 'tasks failed to start.'.",
        ),
        (
            service(deployment("d0", state="COMPLETED"), deployment("d1", "ACTIVE", "FAILED", "rolled back.")),
            "Error occurred during operation 'rolled back.'.",
        ),
        (
            service(deployment("d2", state="COMPLETED")),
            "Error occurred during operation 'the deployment was replaced by another one before it completed'.",
        ),
        ({**service(), "status": "DRAINING"}, "The service was deleted while it was waited for."),
    ],
)
def test_a_service_that_cannot_become_stable_fails_with_its_reason(answer: dict[str, Any], reason: str) -> None:
    wait = created().wait
    assert wait is not None
    with pytest.raises(Failed) as caught:
        wait.settled({"services": [answer]})
    assert caught.value.reason == reason


def test_an_update_names_only_what_changed_and_takes_connect_away() -> None:
    old = {**PROPERTIES, "ServiceConnectConfiguration": {"Enabled": True}}
    new = {**PROPERTIES, "TaskDefinition": "t:2"}
    job = order(new, old=old, physical_id="arn:service")
    update = aws_ecs_service.RESOURCE.update
    assert update is not None
    played = Played(update(job), lambda _: {"service": service(deployment("d2"))})
    assert played.requests[0].arguments == {
        "cluster": "c",
        "service": "arn:service",
        "taskDefinition": "t:2",
        "serviceConnectConfiguration": {"enabled": False},
    }


def test_a_resumed_creation_takes_only_the_namespace_that_carries_its_token() -> None:
    namespaces = {"ns-1": "other", "ns-2": "token-1"}

    def answers(request: Request) -> Any:
        if request.operation == "ListNamespaces":
            return {"Namespaces": [{"Id": found} for found in namespaces]}
        found = request.arguments["Id"]
        return {"Namespace": {"Id": found, "Arn": f"arn:{found}", "CreatorRequestId": namespaces[found]}}

    create = aws_servicediscovery_namespace.HTTP.create
    assert Played(create(order({"Name": "n"}, resumed=True)), answers).made[0].physical_id == "ns-2"


def test_a_name_in_use_is_a_failure_unless_an_interrupted_run_may_have_made_it() -> None:
    taken = Declined(Request("ssm", "PutParameter", {}), "ParameterAlreadyExists", "taken")
    properties = {"Name": "/n", "Type": "String", "Value": "v"}
    create = aws_ssm_parameter.RESOURCE.create
    with pytest.raises(Failed, match="with identifier '/n' already exists"):
        Played(create(order(properties)), lambda _: taken)
    assert Played(create(order(properties, resumed=True)), lambda _: taken).made[0].physical_id == "/n"


GONE = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "ObjectNotFoundException",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "ObjectNotFoundException",
    "AWS::CloudWatch::Alarm": "ResourceNotFound",
    "AWS::ECS::CapacityProvider": "InvalidParameterException",
    "AWS::ECS::Cluster": "ClusterNotFoundException",
    "AWS::ECS::ClusterCapacityProviderAssociations": "ClusterNotFoundException",
    "AWS::ECS::Service": "ServiceNotFoundException",
    "AWS::ECS::TaskDefinition": "ClientException",
    "AWS::ECS::TaskSet": "TaskSetNotFoundException",
    "AWS::EC2::EIP": "InvalidAllocationID.NotFound",
    "AWS::EC2::InternetGateway": "InvalidInternetGatewayID.NotFound",
    "AWS::EC2::NatGateway": "NatGatewayNotFound",
    "AWS::EC2::Route": "InvalidRoute.NotFound",
    "AWS::EC2::RouteTable": "InvalidRouteTableID.NotFound",
    "AWS::EC2::SecurityGroup": "InvalidGroup.NotFound",
    "AWS::EC2::SecurityGroupEgress": "InvalidPermission.NotFound",
    "AWS::EC2::SecurityGroupIngress": "InvalidPermission.NotFound",
    "AWS::EC2::Subnet": "InvalidSubnetID.NotFound",
    "AWS::EC2::SubnetRouteTableAssociation": "InvalidAssociationID.NotFound",
    "AWS::EC2::VPC": "InvalidVpcID.NotFound",
    "AWS::EC2::VPCGatewayAttachment": "Gateway.NotAttached",
    "AWS::ECR::Repository": "RepositoryNotFoundException",
    "AWS::KMS::Alias": "NotFoundException",
    "AWS::KMS::Key": "NotFoundException",
    "AWS::Logs::LogGroup": "ResourceNotFoundException",
    "AWS::S3::Bucket": "NoSuchBucket",
    "AWS::S3::BucketPolicy": "NoSuchBucket",
    "AWS::SSM::Parameter": "ParameterNotFound",
    "AWS::SecretsManager::Secret": "ResourceNotFoundException",
    "AWS::ServiceDiscovery::HttpNamespace": "NamespaceNotFound",
    "AWS::ServiceDiscovery::PrivateDnsNamespace": "NamespaceNotFound",
    "AWS::ServiceDiscovery::Instance": "InstanceNotFound",
    "AWS::ServiceDiscovery::Service": "ServiceNotFound",
}
"""How each type's service says that there is no such thing; IAM's word for the others."""


@pytest.mark.parametrize("kind", sorted(set(TYPES) - {"AWS::CDK::Metadata", "AWS::ECS::PrimaryTaskSet"}))
def test_deleting_what_is_gone_already_is_no_failure(kind: str) -> None:
    properties = {
        "GroupId": "sg-1",
        "IpProtocol": "-1",
        "CidrIp": "0.0.0.0/0",
        "RouteTableId": "rtb-1",
        "DestinationCidrBlock": "0.0.0.0/0",
        "InternetGatewayId": "igw-1",
        "VpcId": "vpc-1",
        "ServiceId": "srv-1",
        "PolicyName": "p",
        "Roles": ["r"],
        "Cluster": "c",
        "Service": "s",
        "ServiceNamespace": "ecs",
        "ResourceId": "service/c/s",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    job = order(properties, physical_id="x", attributes={"AllocationId": "a", "Arn": "arn"})
    script = TYPES[kind].delete(job)
    step = next(script)
    while isinstance(step, Request | Until):
        request = step.request if isinstance(step, Until) else step
        gone = Declined(request, GONE.get(kind, "NoSuchEntity"), "gone", 404)
        try:
            step = script.throw(gone)
        except StopIteration:
            return
    raise AssertionError(f"{kind} does something else than asking: {step}")
