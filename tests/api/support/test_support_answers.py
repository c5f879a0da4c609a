"""What EC2 and IAM answer through the endpoint, all from one support process; each test has an account of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from moorage.support.process import SupportProcess
from moorage.system import SystemIds

pytestmark = pytest.mark.asyncio(loop_scope="module")
Client = Callable[..., Any]
TRUST = '{"Version": "2012-10-17", "Statement": []}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., Any]) -> AsyncIterator[Client]:
    directory: Path = tmp_path_factory.mktemp("support")
    process = SupportProcess(directory / "data", directory / "support.sock", SystemIds())
    try:
        async with serve(process) as make:
            yield make
    finally:
        await process.close()


async def call(operation: Callable[..., Any], **arguments: Any) -> Any:
    return await asyncio.to_thread(operation, **arguments)


async def test_every_region_has_a_default_network_with_a_subnet_per_zone(client: Client) -> None:
    ec2 = client("ec2", "eu-central-1")
    zones = (await call(ec2.describe_availability_zones))["AvailabilityZones"]
    vpcs = (await call(ec2.describe_vpcs))["Vpcs"]
    assert [vpc["IsDefault"] for vpc in vpcs] == [True]
    subnets = (await call(ec2.describe_subnets))["Subnets"]
    assert {subnet["VpcId"] for subnet in subnets} == {vpcs[0]["VpcId"]}
    assert sorted(subnet["AvailabilityZone"] for subnet in subnets) == sorted(zone["ZoneName"] for zone in zones)
    groups = (await call(ec2.describe_security_groups))["SecurityGroups"]
    assert [group["GroupName"] for group in groups] == ["default"]


async def test_the_group_that_is_not_there_is_named_and_no_other(client: Client) -> None:
    ec2 = client("ec2", "eu-central-1")
    known = (await call(ec2.describe_security_groups))["SecurityGroups"][0]
    with pytest.raises(ClientError, match=r"The security group 'sg-nope' does not exist$"):
        await call(ec2.describe_security_groups, GroupIds=[known["GroupId"], "sg-nope"])
    with pytest.raises(ClientError, match=r"The security group 'nope' does not exist$"):
        await call(ec2.describe_security_groups, GroupNames=[known["GroupName"], "nope"])


async def test_accounts_and_regions_do_not_see_each_other(client: Client) -> None:
    ours = (await call(client("ec2", account="111122223333").create_vpc, CidrBlock="10.9.0.0/16"))["Vpc"]
    assert ours["OwnerId"] == "111122223333"
    for elsewhere in (client("ec2"), client("ec2", "eu-west-1", "111122223333")):
        seen = [vpc["VpcId"] for vpc in (await call(elsewhere.describe_vpcs))["Vpcs"]]
        assert len(seen) == 1
        assert ours["VpcId"] not in seen
    await call(client("iam", account="111122223333").create_role, RoleName="r", AssumeRolePolicyDocument=TRUST)
    assert (await call(client("iam", account="222233334444").list_roles))["Roles"] == []


async def test_what_moto_does_not_have_is_refused_by_name(client: Client) -> None:
    with pytest.raises(ClientError) as refused:
        await call(
            client("iam", account="222233334444").generate_organizations_access_report,
            EntityPath="o-a1b2c3d4e5/r-f6g7h8i9j0",
        )
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidAction"
    assert "generate_organizations_access_report" in error["Message"]


async def test_an_unknown_region_is_an_error_that_names_it(client: Client) -> None:
    with pytest.raises(ClientError, match="ec2 knows no region mars-north-1"):
        await call(client("ec2", "mars-north-1").describe_vpcs)


async def test_an_error_of_the_service_reaches_the_client_as_it_is(client: Client) -> None:
    with pytest.raises(ClientError) as missing:
        await call(client("iam", account="222233334444").get_role, RoleName="nobody")
    assert missing.value.response["Error"]["Code"] == "NoSuchEntity"
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


async def test_letters_beyond_ascii_come_through_or_are_refused(client: Client) -> None:
    ec2 = client("ec2", account="333344445555")
    vpc = (await call(ec2.create_vpc, CidrBlock="10.9.0.0/16"))["Vpc"]["VpcId"]
    await call(ec2.create_tags, Resources=[vpc], Tags=[{"Key": "Name", "Value": "Höfe 日本"}])
    found = (await call(ec2.describe_vpcs, VpcIds=[vpc]))["Vpcs"][0]
    assert found["Tags"] == [{"Key": "Name", "Value": "Höfe 日本"}]
    url = urlsplit(ec2.meta.endpoint_url)
    credential = "333344445555/20261122/us-east-1/ec2/aws4_request"
    head = (
        f"GET /caf\xe9?Action=DescribeVpcs&Version=2016-11-15 HTTP/1.1\r\nHost: {url.netloc}\r\nUser-Agent: caf\xe9\r\n"
        f"Authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0\r\n"
        "Connection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(head.encode("latin-1"))
    status = (await asyncio.wait_for(reader.read(), 20)).split(b" ")[1]
    writer.close()
    assert status in (b"200", b"400", b"404")
