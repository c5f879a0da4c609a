"""The resource types for real, while the daemon dies after any call that makes something, before it could record it.

Nothing is made twice, nothing is lost.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from moorage.domain.stack import StackResource
from stack_world import GRANT, TRUST, Mortal, World, att, ref, resource

EXPIRING = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 9},
                "action": {"type": "expire"},
            }
        ]
    }
)

TEMPLATE = {
    "Resources": {
        "Namespace": resource("ServiceDiscovery::HttpNamespace", Name={"Fn::Sub": "${AWS::StackName}.local"}),
        "Registry": resource("ServiceDiscovery::Service", NamespaceId=ref("Namespace")),
        "Cluster": resource("ECS::Cluster", ServiceConnectDefaults={"Namespace": att("Namespace", "Arn")}),
        "Vpc": resource("EC2::VPC", CidrBlock="10.9.0.0/16", EnableDnsHostnames=True),
        "Subnet": resource("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.9.0.0/24", MapPublicIpOnLaunch=True),
        "Gateway": resource("EC2::InternetGateway"),
        "Attached": resource("EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Gateway")),
        "Routes": resource("EC2::RouteTable", VpcId=ref("Vpc")),
        "Routed": resource("EC2::SubnetRouteTableAssociation", SubnetId=ref("Subnet"), RouteTableId=ref("Routes")),
        "Out": {
            **resource(
                "EC2::Route", RouteTableId=ref("Routes"), DestinationCidrBlock="0.0.0.0/0", GatewayId=ref("Gateway")
            ),
            "DependsOn": "Attached",
        },
        "Group": resource(
            "EC2::SecurityGroup",
            GroupDescription="g",
            VpcId=ref("Vpc"),
            SecurityGroupIngress=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "10.9.0.0/16"}],
        ),
        "Logs": resource("Logs::LogGroup", RetentionInDays=7),
        "Role": resource(
            "IAM::Role",
            AssumeRolePolicyDocument=TRUST,
            Policies=[{"PolicyName": "inline", "PolicyDocument": GRANT}],
        ),
        "Policy": resource("IAM::Policy", PolicyName="p", PolicyDocument=GRANT, Roles=[ref("Role")]),
        "Task": resource(
            "ECS::TaskDefinition",
            Family={"Fn::Sub": "${AWS::StackName}-task"},
            NetworkMode="awsvpc",
            Cpu="256",
            Memory="512",
            RequiresCompatibilities=["FARGATE"],
            ContainerDefinitions=[
                {"Name": "app", "Image": "app", "PortMappings": [{"Name": "http", "ContainerPort": "80"}]}
            ],
        ),
        "Web": resource(
            "ECS::Service",
            Cluster=ref("Cluster"),
            TaskDefinition=ref("Task"),
            DesiredCount=0,
            LaunchType="FARGATE",
            NetworkConfiguration={
                "AwsvpcConfiguration": {"Subnets": [ref("Subnet")], "SecurityGroups": [att("Group", "GroupId")]}
            },
            ServiceConnectConfiguration={
                "Enabled": True,
                "Services": [{"PortName": "http", "ClientAliases": [{"Port": "80"}]}],
            },
        ),
        "Target": resource(
            "ApplicationAutoScaling::ScalableTarget",
            ServiceNamespace="ecs",
            ScalableDimension="ecs:service:DesiredCount",
            ResourceId={"Fn::Sub": "service/${Cluster}/${Web.Name}"},
            MinCapacity=0,
            MaxCapacity="3",
        ),
        "Scaling": resource(
            "ApplicationAutoScaling::ScalingPolicy",
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            ScalingTargetId=ref("Target"),
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": 50,
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            },
        ),
        "Setting": resource("SSM::Parameter", Type="String", Value=att("Web", "Name")),
        "Outer": resource(
            "ECS::Service", Cluster=ref("Cluster"), DesiredCount=0, DeploymentController={"Type": "EXTERNAL"}
        ),
        "Set": resource(
            "ECS::TaskSet",
            Cluster=ref("Cluster"),
            Service=ref("Outer"),
            TaskDefinition=ref("Task"),
            LaunchType="FARGATE",
            NetworkConfiguration={"AwsVpcConfiguration": {"Subnets": [ref("Subnet")]}},
            Scale={"Unit": "PERCENT", "Value": "12.5"},
        ),
        "Primary": resource(
            "ECS::PrimaryTaskSet", Cluster=ref("Cluster"), Service=ref("Outer"), TaskSetId=att("Set", "Id")
        ),
        "Secret": resource("SecretsManager::Secret", GenerateSecretString={"PasswordLength": 20}),
    },
}

STORAGE = {
    "Resources": {
        "Key": resource("KMS::Key", Description={"Fn::Sub": "${AWS::StackName}-key"}, EnableKeyRotation=True),
        "Alias": resource("KMS::Alias", AliasName={"Fn::Sub": "alias/${AWS::StackName}"}, TargetKeyId=ref("Key")),
        "Bucket": resource("S3::Bucket", VersioningConfiguration={"Status": "Enabled"}),
        "Access": resource("S3::BucketPolicy", Bucket=ref("Bucket"), PolicyDocument=GRANT),
        "Images": resource("ECR::Repository", LifecyclePolicy={"LifecyclePolicyText": EXPIRING}),
    },
}


async def test_a_crash_after_any_call_makes_nothing_twice(world: World) -> None:
    assert await _survives(world, TEMPLATE, world.holdings) > 20


async def test_a_crash_makes_no_bucket_repository_or_key_twice(world: World) -> None:
    assert await _survives(world, STORAGE, world.stored) > 7


async def _survives(
    world: World, template: dict[str, Any], holdings: Callable[[str], Awaitable[dict[str, int]]]
) -> int:
    """Create the stack once for each call that it takes, the daemon dying after that one; and delete the last."""
    calls = 0
    finished = False
    while not finished:
        calls += 1
        name = f"crash{calls}x"
        finished = await _created_in_spite_of_a_crash(world, name, template, calls)
        assert set((await holdings(name)).values()) == {1}, (name, await holdings(name))
    await world.call("cloudformation", "DeleteStack", StackName=name)
    assert await world.live(name, world.dispatcher)
    assert (world.stack(name).status, world.stack(name).status_reason) == ("DELETE_COMPLETE", "")
    assert set((await holdings(name)).values()) == {0}
    return calls


async def _created_in_spite_of_a_crash(world: World, name: str, template: dict[str, Any], calls: int) -> bool:
    """Create a stack whose daemon dies after so many calls, and then another one's; True if the first one lived."""
    body, capabilities = json.dumps(template), ["CAPABILITY_IAM"]
    await world.call("cloudformation", "CreateStack", StackName=name, TemplateBody=body, Capabilities=capabilities)
    survived = await world.live(name, Mortal(world.dispatcher, calls))
    assert survived or await world.live(name, world.dispatcher)
    stack = world.stack(name)
    reasons = [one.reason for one in world.store.snapshot().linked(StackResource, "stack", stack.key) if one.reason]
    assert (stack.status, reasons) == ("CREATE_COMPLETE", [])
    return survived
