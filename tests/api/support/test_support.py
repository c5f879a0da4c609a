"""EC2 and IAM through the endpoint: answered by Moto in its own process, and never forgotten."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from moorage.support.process import SupportProcess

Client = Callable[..., Any]
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
EXECUTION_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


async def call(operation: Callable[..., Any], **arguments: Any) -> Any:
    return await asyncio.to_thread(operation, **arguments)


async def network(ec2: Any) -> tuple[str, list[tuple[str, str]], list[str]]:
    """The default VPC, its subnets with their zones, and its security groups."""
    vpcs = (await call(ec2.describe_vpcs, Filters=[{"Name": "is-default", "Values": ["true"]}]))["Vpcs"]
    subnets = (await call(ec2.describe_subnets))["Subnets"]
    groups = (await call(ec2.describe_security_groups))["SecurityGroups"]
    zones = sorted((subnet["SubnetId"], subnet["AvailabilityZone"]) for subnet in subnets)
    return vpcs[0]["VpcId"], zones, sorted(group["GroupId"] for group in groups)


async def restart(support: SupportProcess) -> None:
    await support.stop()


async def kill(support: SupportProcess) -> None:
    pid = support.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)  # and go on at once, as if nothing had happened


async def test_nothing_runs_before_a_supporting_service_is_asked(support: SupportProcess, client: Client) -> None:
    assert support.pid is None
    await call(client("ec2").describe_vpcs)
    assert support.pid is not None


@pytest.mark.parametrize("end", [restart, kill])
async def test_the_default_network_keeps_its_ids(
    support: SupportProcess, client: Client, end: Callable[[SupportProcess], Any]
) -> None:
    before = await network(client("ec2"))
    first = support.pid
    await end(support)
    assert await network(client("ec2")) == before
    assert support.pid != first


@pytest.mark.parametrize("end", [restart, kill])
async def test_what_was_created_is_there_after_the_process_ended(
    support: SupportProcess, client: Client, end: Callable[[SupportProcess], Any]
) -> None:
    ec2, iam = client("ec2"), client("iam")
    vpc = (await call(ec2.create_vpc, CidrBlock="10.9.0.0/16"))["Vpc"]["VpcId"]
    subnet = (await call(ec2.create_subnet, VpcId=vpc, CidrBlock="10.9.1.0/24"))["Subnet"]["SubnetId"]
    await call(iam.create_role, RoleName="runner", AssumeRolePolicyDocument=TRUST)
    await call(iam.attach_role_policy, RoleName="runner", PolicyArn=EXECUTION_POLICY)
    await end(support)
    found = (await call(ec2.describe_subnets, SubnetIds=[subnet]))["Subnets"][0]
    assert (found["VpcId"], found["CidrBlock"]) == (vpc, "10.9.1.0/24")
    attached = (await call(iam.list_attached_role_policies, RoleName="runner"))["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == [EXECUTION_POLICY]
    assert (await call(iam.get_policy, PolicyArn=EXECUTION_POLICY))["Policy"]["AttachmentCount"] == 1
    await call(iam.detach_role_policy, RoleName="runner", PolicyArn=EXECUTION_POLICY)
    assert (await call(iam.get_policy, PolicyArn=EXECUTION_POLICY))["Policy"]["AttachmentCount"] == 0


async def test_what_was_deleted_stays_deleted(support: SupportProcess, client: Client) -> None:
    ec2 = client("ec2")
    vpc = (await call(ec2.create_vpc, CidrBlock="10.9.0.0/16"))["Vpc"]["VpcId"]
    await call(ec2.delete_vpc, VpcId=vpc)
    await kill(support)
    with pytest.raises(ClientError, match=r"InvalidVpcID\.NotFound"):
        await call(ec2.describe_vpcs, VpcIds=[vpc])


async def test_an_account_that_nobody_used_is_not_kept(support: SupportProcess, client: Client, tmp_path: Path) -> None:
    await call(client("ec2").create_vpc, CidrBlock="10.9.0.0/16")
    assert b"123456789012" not in (tmp_path / "data" / "support.state").read_bytes()


async def test_what_would_only_be_pretended_is_refused_by_name(support: SupportProcess, client: Client) -> None:
    with pytest.raises(ClientError) as refused:
        await call(client("ec2").run_instances, ImageId="ami-12345678", MinCount=1, MaxCount=1)
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidAction"
    assert "RunInstances of ec2 is not supported" in error["Message"]
    assert support.pid is None


async def test_callers_at_the_same_time_all_get_their_answers_and_all_is_kept(
    support: SupportProcess, client: Client
) -> None:
    ec2 = client("ec2")
    made = await asyncio.gather(*(call(ec2.create_vpc, CidrBlock=f"10.{n}.0.0/16") for n in range(16)))
    await kill(support)
    kept = {vpc["VpcId"] for vpc in (await call(ec2.describe_vpcs))["Vpcs"]}
    assert {answer["Vpc"]["VpcId"] for answer in made} < kept


async def test_a_reset_forgets_everything(support: SupportProcess, client: Client) -> None:
    iam = client("iam")
    await call(iam.create_role, RoleName="runner", AssumeRolePolicyDocument=TRUST)
    await support.reset()
    assert (await call(iam.list_roles))["Roles"] == []


async def test_a_state_file_that_cannot_be_read_is_named_and_not_overwritten(
    support: SupportProcess, client: Client, tmp_path: Path
) -> None:
    state = tmp_path / "data" / "support.state"
    state.parent.mkdir()
    state.write_bytes(b'{"format": 1, "moto": "0.0.1"}\nno pickle')
    with pytest.raises(ClientError, match=r"written with Moto 0\.0\.1"):
        await call(client("iam").create_role, RoleName="runner", AssumeRolePolicyDocument=TRUST)
    assert state.read_bytes().endswith(b"no pickle")
    assert support.pid is None
