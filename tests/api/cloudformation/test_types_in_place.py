"""The other resource types for real: made, changed in place, and taken away again."""

import json

from moorage.domain.stack import StackEvent
from stack_world import GRANT, TRUST, World, att, ref, resource

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
    before = world.resources("types")
    assert {name: (one.status, one.reason) for name, one in before.items() if one.status != "CREATE_COMPLETE"} == {}
    await world.call("cloudformation", "UpdateStack", **given, Parameters=[_mark("two")])
    assert await world.live("types", world.dispatcher)
    after = world.resources("types")
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
    assert (world.stack("types").status, {one.reason for one in world.resources("types").values()}) == (
        "DELETE_COMPLETE",
        {""},
    )


def _mark(value: str) -> dict[str, str]:
    return {"ParameterKey": "Mark", "ParameterValue": value}


async def test_a_value_that_no_sdk_would_send_fails_the_resource(world: World) -> None:
    images = resource("ECR::Repository", LifecyclePolicy={"LifecyclePolicyText": "{}"})
    body = json.dumps({"Resources": {"Images": images}})
    await world.call("cloudformation", "CreateStack", StackName="types", TemplateBody=body)
    assert await world.live("types", world.dispatcher)
    failed = world.resources("types")["Images"]
    assert world.stack("types").status == "ROLLBACK_COMPLETE"
    events = world.store.snapshot().linked(StackEvent, "stack", world.stack("types").key)
    (reason,) = [one.reason for one in events if one.status == "CREATE_FAILED"]
    assert "Invalid length for parameter lifecyclePolicyText" in reason and failed.current is None
