"""The services around ECS through the endpoint, asked by boto3: each keeps what it answered, whichever process dies."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from moorage.support.process import SupportProcess
from moorage.system import SystemIds

Client = Callable[..., Any]
Ask = Callable[..., Awaitable[Any]]
AUTHORITY = {
    "KeyAlgorithm": "RSA_2048",
    "SigningAlgorithm": "SHA256WITHRSA",
    "Subject": {"CommonName": "shop"},
}
TARGET = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/main/api",
    "ScalableDimension": "ecs:service:DesiredCount",
}


async def ask(operation: Callable[..., Any], **arguments: Any) -> Any:
    return await asyncio.to_thread(operation, **arguments)


async def secret(client: Client) -> Callable[[], Awaitable[Any]]:
    secrets = client("secretsmanager")
    await ask(secrets.create_secret, Name="shop/db", SecretString="s3cret é")

    async def read() -> Any:
        return (await ask(secrets.get_secret_value, SecretId="shop/db"))["SecretString"]

    return read


async def key(client: Client) -> Callable[[], Awaitable[Any]]:
    kms = client("kms")
    plain = (await ask(kms.create_key))["KeyMetadata"]["KeyId"]
    pair = (await ask(kms.create_key, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY"))["KeyMetadata"]["KeyId"]
    curve = (await ask(kms.create_key, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"))["KeyMetadata"]["KeyId"]
    sealed = (await ask(kms.encrypt, KeyId=plain, Plaintext=b"text"))["CiphertextBlob"]
    signed = await ask(kms.sign, KeyId=pair, Message=b"m", SigningAlgorithm="RSASSA_PSS_SHA_256")

    async def read() -> Any:
        opened = (await ask(kms.decrypt, CiphertextBlob=sealed))["Plaintext"]
        verified = await ask(
            kms.verify,
            KeyId=pair,
            Message=b"m",
            Signature=signed["Signature"],
            SigningAlgorithm="RSASSA_PSS_SHA_256",
        )
        public = (await ask(kms.get_public_key, KeyId=curve))["PublicKey"]
        own = (await ask(kms.describe_key, KeyId="alias/aws/ssm"))["KeyMetadata"]["KeyId"]
        return opened, verified["SignatureValid"], public, own

    return read


async def bucket(client: Client) -> Callable[[], Awaitable[Any]]:
    s3 = client("s3")
    await ask(s3.create_bucket, Bucket="shop")
    await ask(s3.put_object, Bucket="shop", Key="a b/é+c.env", Body=b"A=1", ContentEncoding="gzip", Metadata={"k": "v"})
    upload = (await ask(s3.create_multipart_upload, Bucket="shop", Key="large"))["UploadId"]
    part = {"Bucket": "shop", "Key": "large", "UploadId": upload}
    tags = [await ask(s3.upload_part, PartNumber=n, Body=bytes([n]) * (5 << 20), **part) for n in (1, 2)]
    parts = [{"PartNumber": number, "ETag": tag["ETag"]} for number, tag in enumerate(tags, 1)]
    await ask(s3.complete_multipart_upload, MultipartUpload={"Parts": parts}, **part)

    async def read() -> Any:
        got = await ask(s3.get_object, Bucket="shop", Key="a b/é+c.env")
        head = await ask(s3.head_object, Bucket="shop", Key="large")
        body = await asyncio.to_thread(got["Body"].read)
        return body, got["ContentEncoding"], got["Metadata"], head["ContentLength"]

    return read


async def test_a_bucket_policy_closes_no_bucket(client: Client) -> None:
    s3 = client("s3")
    await ask(s3.create_bucket, Bucket="closed")
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::closed/*"}
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition}]})
    await ask(s3.put_bucket_policy, Bucket="closed", Policy=document)
    await ask(s3.put_object, Bucket="closed", Key="a", Body=b"1")
    assert json.loads((await ask(s3.get_bucket_policy, Bucket="closed"))["Policy"]) == json.loads(document)


async def repository(client: Client) -> Callable[[], Awaitable[Any]]:
    ecr = client("ecr")
    await ask(ecr.create_repository, repositoryName="shop/api")

    async def read() -> Any:
        return [found["repositoryArn"] for found in (await ask(ecr.describe_repositories))["repositories"]]

    return read


async def alarm(client: Client) -> Callable[[], Awaitable[Any]]:
    cloudwatch = client("cloudwatch")
    await ask(cloudwatch.put_metric_data, Namespace="shop", MetricData=[{"MetricName": "orders", "Value": 1.0}])
    await ask(
        cloudwatch.put_metric_alarm,
        AlarmName="many",
        MetricName="orders",
        Namespace="shop",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
    )
    await ask(cloudwatch.set_alarm_state, AlarmName="many", StateValue="ALARM", StateReason="a test")

    async def read() -> Any:
        alarms = (await ask(cloudwatch.describe_alarms))["MetricAlarms"]
        metrics = (await ask(cloudwatch.list_metrics, Namespace="shop"))["Metrics"]
        return [(one["AlarmName"], one["StateValue"]) for one in alarms], [one["MetricName"] for one in metrics]

    return read


async def zone(client: Client) -> Callable[[], Awaitable[Any]]:
    route53 = client("route53")
    made = await ask(route53.create_hosted_zone, Name="shop.test", CallerReference="1")
    record = {"Name": "a.shop.test", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]}
    changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    await ask(route53.change_resource_record_sets, HostedZoneId=made["HostedZone"]["Id"], ChangeBatch=changes)

    async def read() -> Any:
        listed = await ask(route53.list_resource_record_sets, HostedZoneId=made["HostedZone"]["Id"])
        return sorted((one["Name"], one["Type"]) for one in listed["ResourceRecordSets"])

    return read


async def authority(client: Client) -> Callable[[], Awaitable[Any]]:
    pca = client("acm-pca")
    made = await ask(
        pca.create_certificate_authority,
        CertificateAuthorityConfiguration=AUTHORITY,
        CertificateAuthorityType="ROOT",
    )
    arn = made["CertificateAuthorityArn"]

    async def read() -> Any:
        return (await ask(pca.get_certificate_authority_csr, CertificateAuthorityArn=arn))["Csr"]

    return read


async def scaling(client: Client) -> Callable[[], Awaitable[Any]]:
    scaler = client("application-autoscaling")
    await ask(scaler.register_scalable_target, MinCapacity=1, MaxCapacity=3, **TARGET)

    async def read() -> Any:
        found = (await ask(scaler.describe_scalable_targets, ServiceNamespace="ecs"))["ScalableTargets"]
        return [(one["ResourceId"], one["MaxCapacity"]) for one in found]

    return read


@pytest.mark.parametrize("make", [secret, key, bucket, repository, alarm, zone, authority, scaling])
async def test_what_was_answered_is_there_after_a_kill_and_a_restart(
    support: SupportProcess, client: Client, make: Callable[[Client], Awaitable[Callable[[], Awaitable[Any]]]]
) -> None:
    read = await make(client)
    before = await read()
    assert before
    assert support.pid is not None
    os.kill(support.pid, signal.SIGKILL)
    assert await read() == before
    await support.stop()
    assert await read() == before


async def test_a_killed_daemon_s_successor_has_it_all(serve: Any, tmp_path: Path) -> None:
    """A daemon that dies takes its support process with it; what is left is the state on disk."""
    first = SupportProcess(tmp_path / "data", tmp_path / "a" / "support.sock", SystemIds())
    try:
        async with serve(first) as client:
            reads = [await make(client) for make in (secret, bucket, zone)]
            before = [await read() for read in reads]
            assert first.pid is not None
            os.kill(first.pid, signal.SIGKILL)
    finally:
        await first.close()
    second = SupportProcess(tmp_path / "data", tmp_path / "b" / "support.sock", SystemIds())
    try:
        async with serve(second) as client:
            found = await ask(client("secretsmanager").get_secret_value, SecretId="shop/db")
            head = await ask(client("s3").head_object, Bucket="shop", Key="large")
            zones = (await ask(client("route53").list_hosted_zones))["HostedZones"]
    finally:
        await second.close()
    assert (found["SecretString"], head["ContentLength"]) == (before[0], before[1][3])
    assert [one["Name"] for one in zones] == ["shop.test."]


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "name"),
    [
        (
            "s3",
            "put_bucket_notification_configuration",
            {"Bucket": "b-1", "NotificationConfiguration": {}},
            "PutBucketN",
        ),
        ("s3", "put_bucket_website", {"Bucket": "b-1", "WebsiteConfiguration": {}}, "PutBucketWebsite"),
        ("ecr", "get_authorization_token", {}, "GetAuthorizationToken"),
        ("secretsmanager", "rotate_secret", {"SecretId": "s"}, "RotateSecret"),
        (
            "route53",
            "create_health_check",
            {"CallerReference": "1", "HealthCheckConfig": {"Type": "TCP", "IPAddress": "10.0.0.1"}},
            "CreateHealthCheck",
        ),
        (
            "cloudwatch",
            "put_metric_stream",
            {"Name": "s", "FirehoseArn": "f", "RoleArn": "r", "OutputFormat": "json"},
            "PutM",
        ),
    ],
)
async def test_what_would_only_be_pretended_is_refused_by_name(
    client: Client, service: str, operation: str, arguments: dict[str, Any], name: str
) -> None:
    with pytest.raises(ClientError, match=f"The operation {name}.* of {service} is not supported by Moorage") as error:
        await ask(getattr(client(service), operation), **arguments)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("secretsmanager", "list_secrets"),
        ("kms", "list_keys"),
        ("ecr", "describe_repositories"),
        ("ec2", "describe_vpcs"),
    ],
)
async def test_a_region_that_there_is_not_is_told_in_the_service_s_form(
    client: Client, service: str, operation: str
) -> None:
    with pytest.raises(ClientError, match="knows no region mars-north-1") as error:
        await ask(getattr(client(service, region="mars-north-1"), operation))
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"


async def test_accounts_and_regions_are_apart(client: Client) -> None:
    await ask(client("secretsmanager").create_secret, Name="here", SecretString="x")
    for elsewhere in ({"region": "eu-west-1"}, {"account": "999999999999"}):
        assert (await ask(client("secretsmanager", **elsewhere).list_secrets))["SecretList"] == []


async def test_an_object_has_its_limit_and_other_bodies_have_theirs(client: Client) -> None:
    s3 = client("s3")
    await ask(s3.create_bucket, Bucket="sizes")
    await ask(s3.put_object, Bucket="sizes", Key="k", Body=b"x" * (3 << 20))
    assert (await ask(s3.head_object, Bucket="sizes", Key="k"))["ContentLength"] == 3 << 20
    with pytest.raises(ClientError, match="larger than 67108864 bytes") as error:
        await ask(s3.put_object, Bucket="sizes", Key="k", Body=b"x" * ((64 << 20) + 1))
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    with pytest.raises(ClientError, match="larger than 1048576 bytes"):
        await ask(client("kms").encrypt, KeyId="k", Plaintext=b"x" * (1 << 20))


async def test_a_bucket_may_stand_before_the_host_and_in_a_presigned_address(client: Client) -> None:
    s3 = client("s3")
    await ask(s3.create_bucket, Bucket="hosts")
    await ask(s3.put_object, Bucket="hosts", Key="k", Body=b"text", ACL="public-read")
    plain = boto3.client(
        "s3",
        endpoint_url=s3.meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(signature_version="s3v4"),
    )
    address = plain.generate_presigned_url("get_object", Params={"Bucket": "hosts", "Key": "k"})
    async with httpx.AsyncClient() as web:
        assert (await web.get(address)).text == "text"
        host = {"host": "hosts.s3.us-east-1.amazonaws.com"}
        assert (await web.get(s3.meta.endpoint_url + "/k", headers=host)).text == "text"
        missing = await web.get(s3.meta.endpoint_url + "/missing", headers=host)
    assert (missing.status_code, "<Code>NoSuchKey</Code>" in missing.text) == (404, True)
