"""Every resource type for real: our own operations and, for EC2 and IAM, the support process behind them.

The daemon dies after any call that makes something, before it could record it: nothing is made twice, nothing lost.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from moorage.api import operations
from moorage.api.dispatch import Dispatcher
from moorage.domain.service import Service
from moorage.domain.stack import Stack, StackEvent, StackResource
from moorage.domain.task_set import TaskSet
from moorage.engine.ports import Operations
from moorage.engine.services import Services
from moorage.engine.stacks import Stacks
from moorage.store.log_events import SqliteLogEvents
from moorage.store.memory import MemoryStore
from moorage.support.process import SupportProcess
from moorage.system import SystemClock, SystemIds

ACCOUNT, REGION = "400000000001", "us-east-1"
MAKING = ("Add", "Allocate", "Associate", "Attach", "Authorize", "Create", "Modify", "Put", "Register")
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "x"}, "Action": "y"}]}
GRANT = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}


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


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def att(name: str, attribute: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, attribute]}


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


class Crash(Exception):
    """The daemon is gone."""


class Mortal:
    """The Operations port of a daemon that dies right after its n-th making call was performed."""

    def __init__(self, operations_port: Operations, dies_after: int) -> None:
        self._port = operations_port
        self._left = dies_after

    async def call(
        self, account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        if self._left <= 0:
            raise Crash
        answer = await self._port.call(account, region, service, operation, arguments)
        if operation.startswith(MAKING):
            self._left -= 1
            if self._left == 0:
                raise Crash
        return answer


class World:
    """A store and its operations that outlive the daemons."""

    def __init__(self, dispatcher: Dispatcher, store: MemoryStore) -> None:
        self.dispatcher = dispatcher
        self.store = store
        self._services = Services(store, SystemClock(), SystemIds())

    async def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        return await self.dispatcher.call(ACCOUNT, REGION, service, operation, arguments)

    def stack(self, name: str) -> Stack:
        return self.store.snapshot().linked(Stack, "name", (ACCOUNT, REGION, name))[-1]

    async def live(self, name: str, port: Operations) -> bool:
        """One daemon's life: until the stack has come to rest (True) or the daemon has died (False)."""
        doer = Stacks(self.store, port, SystemClock(), SystemIds())
        key = self.stack(name).key
        try:
            for _ in range(500):
                if await doer.reconcile(key) is None:
                    return True
                for service in list(self.store.snapshot().all(Service)):
                    await self._services.reconcile(service.key)
        except Crash:
            return False
        raise AssertionError(f"{name} does not come to rest")

    async def stored(self, name: str) -> dict[str, int]:
        """The same of what keeps files, images and keys."""
        counted = {
            "Aliases": await self._aliases(name),
            "Buckets": _of(await self.call("s3", "ListBuckets"), "Buckets", name),
            "repositories": await self._repositories(name),
        }
        return {member: len(answer[member]) for member, answer in counted.items()}

    async def holdings(self, name: str) -> dict[str, int]:
        """How many there are of everything that a stack of this name could have made."""
        mine = [{"Name": "tag:aws:cloudformation:stack-name", "Values": [name]}]
        roles = (await self.call("iam", "ListRoles"))["Roles"]
        counted = {
            "Vpcs": await self.call("ec2", "DescribeVpcs", Filters=mine),
            "Subnets": await self.call("ec2", "DescribeSubnets", Filters=mine),
            "InternetGateways": await self.call("ec2", "DescribeInternetGateways", Filters=mine),
            "RouteTables": await self.call("ec2", "DescribeRouteTables", Filters=mine),
            "SecurityGroups": await self.call("ec2", "DescribeSecurityGroups", Filters=mine),
            "logGroups": await self.call("logs", "DescribeLogGroups", logGroupNamePrefix=f"{name}-"),
            "Roles": {"Roles": [role for role in roles if role["RoleName"].startswith(f"{name}-")]},
            "taskDefinitionArns": await self.call("ecs", "ListTaskDefinitions", familyPrefix=f"{name}-task"),
            "clusterArns": _named(await self.call("ecs", "ListClusters"), "clusterArns", name),
            "Namespaces": _of(await self.call("servicediscovery", "ListNamespaces"), "Namespaces", name),
            "Parameters": _of(await self.call("ssm", "DescribeParameters"), "Parameters", f"CFN-{name}"),
            "SecretList": _of(await self.call("secretsmanager", "ListSecrets"), "SecretList", name),
            "taskSets": {
                "taskSets": [one for one in self.store.snapshot().all(TaskSet) if one.cluster.startswith(name)]
            },
        }
        return {member: len(answer[member]) for member, answer in counted.items()}

    async def _aliases(self, name: str) -> dict[str, Any]:
        """Of keys, too, there is one for each alias: those that are to be deleted are in their last days."""
        aliases = (await self.call("kms", "ListAliases"))["Aliases"]
        found = [one for one in aliases if one["AliasName"] == f"alias/{name}"]
        living = [key for key in (await self.call("kms", "ListKeys"))["Keys"] if await self._lives(key["KeyId"], name)]
        assert len(living) == len(found)
        return {"Aliases": found}

    async def _lives(self, key: str, name: str) -> bool:
        described = (await self.call("kms", "DescribeKey", KeyId=key))["KeyMetadata"]
        return bool(described["Enabled"]) and described["Description"] == f"{name}-key"

    async def _repositories(self, name: str) -> dict[str, Any]:
        found = (await self.call("ecr", "DescribeRepositories"))["repositories"]
        return {"repositories": [one for one in found if one["repositoryName"].startswith(f"{name}-")]}


def _named(answer: dict[str, Any], member: str, name: str) -> dict[str, Any]:
    return {member: [arn for arn in answer[member] if f"/{name}-" in arn]}


def _of(answer: dict[str, Any], member: str, name: str) -> dict[str, Any]:
    return {member: [one for one in answer[member] if one["Name"].startswith((f"{name}-", f"{name}."))]}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = MemoryStore()
    support = SupportProcess(tmp_path / "support", tmp_path / "s.sock", SystemIds())
    table = operations.table(SqliteLogEvents(tmp_path))
    try:
        yield World(Dispatcher(table, store, SystemClock(), SystemIds(), support.forward), store)
    finally:
        await support.close()


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


SUPPORTING = {
    "Resources": {
        "Vpc": resource("EC2::VPC", CidrBlock="10.8.0.0/16", Tags=[{"Key": "Name", "Value": {"Ref": "Mark"}}]),
        "Subnet": resource("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock="10.8.0.0/24"),
        "Routes": resource("EC2::RouteTable", VpcId=ref("Vpc"), Tags=[{"Key": "Name", "Value": {"Ref": "Mark"}}]),
        "Address": resource("EC2::EIP", Domain="vpc"),
        "Nat": resource("EC2::NatGateway", SubnetId=ref("Subnet"), AllocationId=att("Address", "AllocationId")),
        "Out": resource(
            "EC2::Route", RouteTableId=ref("Routes"), DestinationCidrBlock="0.0.0.0/0", NatGatewayId=ref("Nat")
        ),
        "Group": resource(
            "EC2::SecurityGroup",
            GroupDescription="g",
            VpcId=ref("Vpc"),
            SecurityGroupEgress=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}],
        ),
        "In": resource(
            "EC2::SecurityGroupIngress",
            GroupId=att("Group", "GroupId"),
            IpProtocol="tcp",
            FromPort=80,
            ToPort=80,
            SourceSecurityGroupId=att("Group", "GroupId"),
        ),
        "Egress": resource(
            "EC2::SecurityGroupEgress", GroupId=att("Group", "GroupId"), IpProtocol="-1", CidrIp="10.0.0.0/8"
        ),
        "Role": resource("IAM::Role", AssumeRolePolicyDocument=TRUST, Description={"Ref": "Mark"}),
        "Profile": resource("IAM::InstanceProfile", Roles=[ref("Role")]),
        "Managed": resource("IAM::ManagedPolicy", PolicyDocument=GRANT, Roles=[ref("Role")]),
        "Space": resource("ServiceDiscovery::PrivateDnsNamespace", Name="types.local", Vpc=ref("Vpc")),
        "Registry": resource(
            "ServiceDiscovery::Service",
            Name="db",
            Description={"Ref": "Mark"},
            DnsConfig={"NamespaceId": ref("Space"), "DnsRecords": [{"Type": "A", "TTL": "60"}]},
        ),
        "Instance": resource(
            "ServiceDiscovery::Instance",
            ServiceId=ref("Registry"),
            InstanceId="one",
            InstanceAttributes={"AWS_INSTANCE_IPV4": "10.8.0.9", "mark": {"Ref": "Mark"}},
        ),
        "Cluster": resource("ECS::Cluster", Tags=[{"Key": "mark", "Value": {"Ref": "Mark"}}]),
        "Providers": resource(
            "ECS::ClusterCapacityProviderAssociations",
            Cluster=ref("Cluster"),
            CapacityProviders=["FARGATE"],
            DefaultCapacityProviderStrategy=[{"CapacityProvider": "FARGATE", "Weight": 1}],
        ),
        "Logs": resource("Logs::LogGroup", Tags=[{"Key": "mark", "Value": {"Ref": "Mark"}}]),
        "Setting": resource("SSM::Parameter", Type="String", Value="x", Tags={"mark": {"Ref": "Mark"}}),
        "Capacity": resource(
            "ECS::CapacityProvider",
            AutoScalingGroupProvider={"AutoScalingGroupArn": "arn:aws:autoscaling:group"},
            Tags=[{"Key": "mark", "Value": {"Ref": "Mark"}}],
        ),
        "Alarm": resource(
            "CloudWatch::Alarm",
            Namespace="AWS/ECS",
            MetricName="CPUUtilization",
            Statistic="Average",
            Period=60,
            EvaluationPeriods=2,
            Threshold="80.5",
            ComparisonOperator="GreaterThanThreshold",
            AlarmDescription={"Ref": "Mark"},
        ),
        "Password": resource(
            "SecretsManager::Secret",
            GenerateSecretString={"SecretStringTemplate": '{"user": "shop"}', "GenerateStringKey": "password"},
            Tags=[{"Key": "mark", "Value": {"Ref": "Mark"}}],
        ),
        "Key": resource("KMS::Key", Description={"Ref": "Mark"}, PendingWindowInDays=7),
        "Files": resource(
            "S3::Bucket",
            BucketEncryption={
                "ServerSideEncryptionConfiguration": [
                    {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": ref("Key")}}
                ]
            },
            PublicAccessBlockConfiguration={"BlockPublicAcls": True, "BlockPublicPolicy": True},
            LifecycleConfiguration={"Rules": [{"Id": "old", "Status": "Enabled", "ExpirationInDays": 3}]},
            CorsConfiguration={"CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAge": 9}]},
            OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            Tags=[{"Key": "mark", "Value": {"Ref": "Mark"}}],
        ),
        "Images": resource(
            "ECR::Repository",
            RepositoryName="types/images",
            ImageScanningConfiguration={"ScanOnPush": True},
            RepositoryPolicyText=GRANT,
            Tags=[{"Key": "mark", "Value": {"Ref": "Mark"}}],
        ),
        "Report": resource("CDK::Metadata", Analytics="v2:deflate64:x"),
    },
    "Parameters": {"Mark": {"Type": "String"}},
}
CHANGED = {
    "Alarm",
    "Capacity",
    "Cluster",
    "Files",
    "Images",
    "Instance",
    "Key",
    "Logs",
    "Password",
    "Registry",
    "Role",
    "Routes",
    "Setting",
    "Vpc",
}


async def test_every_other_type_is_made_changed_in_place_and_taken_away(world: World) -> None:
    given = {"StackName": "types", "TemplateBody": json.dumps(SUPPORTING), "Capabilities": ["CAPABILITY_IAM"]}
    await world.call("cloudformation", "CreateStack", **given, Parameters=[_mark("one")])
    assert await world.live("types", world.dispatcher)
    before = _resources(world)
    assert {name: (one.status, one.reason) for name, one in before.items() if one.status != "CREATE_COMPLETE"} == {}
    await world.call("cloudformation", "UpdateStack", **given, Parameters=[_mark("two")])
    assert await world.live("types", world.dispatcher)
    after = _resources(world)
    assert world.stack("types").status == "UPDATE_COMPLETE", {one.reason for one in after.values()}
    assert {name for name, one in after.items() if one.status == "UPDATE_COMPLETE"} == CHANGED
    assert {name: one.physical_id for name, one in after.items()} == {
        name: one.physical_id for name, one in before.items()
    }
    vpcs = await world.call("ec2", "DescribeVpcs", VpcIds=[after["Vpc"].physical_id])
    assert {"Key": "Name", "Value": "two"} in vpcs["Vpcs"][0]["Tags"]
    alarm = (await world.call("cloudwatch", "DescribeAlarms", AlarmNames=[after["Alarm"].physical_id]))["MetricAlarms"][
        0
    ]
    assert (alarm["AlarmDescription"], alarm["Threshold"], alarm["AlarmArn"]) == (
        "two",
        80.5,
        after["Alarm"].current.attributes["Arn"],
    )
    value = await world.call("secretsmanager", "GetSecretValue", SecretId=after["Password"].physical_id)
    secret = json.loads(value["SecretString"])
    assert (secret["user"], len(secret["password"])) == ("shop", 32)
    bucket = after["Files"].physical_id
    (kept,) = (await world.call("s3", "GetBucketLifecycleConfiguration", Bucket=bucket))["Rules"]
    assert (kept["ID"], kept["Expiration"]["Days"]) == ("old", 3)
    encrypted = await world.call("s3", "GetBucketEncryption", Bucket=bucket)
    by_default = encrypted["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    assert by_default == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": after["Key"].physical_id}
    assert (await world.call("s3", "GetBucketTagging", Bucket=bucket))["TagSet"] == [{"Key": "mark", "Value": "two"}]
    await world.call("cloudformation", "DeleteStack", StackName="types")
    assert await world.live("types", world.dispatcher)
    assert (world.stack("types").status, {one.reason for one in _resources(world).values()}) == (
        "DELETE_COMPLETE",
        {""},
    )


def _mark(value: str) -> dict[str, str]:
    return {"ParameterKey": "Mark", "ParameterValue": value}


def _resources(world: World) -> dict[str, StackResource]:
    found = world.store.snapshot().linked(StackResource, "stack", world.stack("types").key)
    return {one.logical_id: one for one in found}


async def test_a_value_that_no_sdk_would_send_fails_the_resource(world: World) -> None:
    images = resource("ECR::Repository", LifecyclePolicy={"LifecyclePolicyText": "{}"})
    body = json.dumps({"Resources": {"Images": images}})
    await world.call("cloudformation", "CreateStack", StackName="types", TemplateBody=body)
    assert await world.live("types", world.dispatcher)
    failed = _resources(world)["Images"]
    assert world.stack("types").status == "ROLLBACK_COMPLETE"
    events = world.store.snapshot().linked(StackEvent, "stack", world.stack("types").key)
    (reason,) = [one.reason for one in events if one.status == "CREATE_FAILED"]
    assert "Invalid length for parameter lifecyclePolicyText" in reason and failed.current is None
