"""`moorage env`: the variables that unmodified AWS tools need, as shell lines to evaluate."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from moorage.cli import address, credentials, render
from moorage.cli.address import Address
from moorage.cli.failure import Failure


def env(
    port: Annotated[int | None, typer.Option(metavar="PORT", help="The daemon's port.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where a daemon beyond loopback keeps its key pair.")
    ] = None,
) -> None:
    """Print `export` lines for AWS tools: eval "$(moorage env)"."""
    where = credentials.applied(address.find(port), data_dir)
    for name, value in variables(where).items():
        render.data(f"export {name}={shlex.quote(value)}")
    for line in _comments(where):
        render.data(f"# {line}")


def variables(where: Address) -> dict[str, str]:
    """What tools read. The last one is botocore's: host prefixes make no sense before an address."""
    return {
        "AWS_ENDPOINT_URL": where.url,
        "AWS_ACCESS_KEY_ID": where.access_key,
        "AWS_SECRET_ACCESS_KEY": where.secret_key,
        "AWS_REGION": where.region,
        "AWS_DEFAULT_REGION": where.region,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def _comments(where: Address) -> list[str]:
    """The default subnets and security group; or why they are not known."""
    try:
        if address.health(where) is None:
            return [f"No Moorage answers at {where.url} yet: moorage start --detach"]
        return [*_by_name(where), *_network(where)]
    except Failure as error:
        return [f"The default subnets are not known: {error}"]


def _by_name(where: Address) -> list[str]:
    """How SDKs reach the daemon that cannot be told to leave host prefixes out."""
    from moorage.cli.control import Control

    name = Control(where).get("status").get("dns_name")
    return [f"by name, with host prefixes: AWS_ENDPOINT_URL=http://{name}:{where.port}"] if name else []


def _network(where: Address) -> list[str]:
    from moorage.cli.aws import Aws

    aws = Aws(where)
    filters = [{"Name": "default-for-az", "Values": ["true"]}]
    subnets = aws.call("ec2", "describe_subnets", Filters=filters)["Subnets"]
    vpcs = sorted({subnet["VpcId"] for subnet in subnets})
    groups = aws.call(
        "ec2",
        "describe_security_groups",
        Filters=[{"Name": "group-name", "Values": ["default"]}, {"Name": "vpc-id", "Values": vpcs}],
    )["SecurityGroups"]
    ordered = sorted(subnets, key=lambda subnet: subnet["AvailabilityZone"])
    return [
        *(f"default subnet in {subnet['AvailabilityZone']}: {subnet['SubnetId']}" for subnet in ordered),
        *(f"default security group: {group['GroupId']}" for group in groups),
    ]
