"""From a request to a blueprint: the template, its parameters with what they stand for, what lies around the stack.

Everything that can be refused is refused here, before anything changes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from moorage.api.cloudformation.stacks_of import find, invalid
from moorage.api.context import RequestContext
from moorage.domain.stack import ParameterValue, Source
from moorage.engine.ports import OperationFailed
from moorage.engine.stacks import exports_of
from moorage.stacks import blueprint as blueprints
from moorage.stacks import check, parameters
from moorage.stacks.blueprint import Blueprint, Surroundings
from moorage.stacks.parameters import LookUp, Settled
from moorage.stacks.scope import Scope, pseudo_parameters
from moorage.stacks.template import Template
from moorage.wire.faults import reject

BOOTSTRAP_VERSION: Final = "30"
"""What the CDK's templates are told of the bootstrap that they ask for: there is none, and none is needed here."""

_BUCKET_HOST: Final = re.compile(r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.s3[.-]")

_BOOTSTRAP: Final = re.compile(r"/cdk-bootstrap/[A-Za-z0-9_-]+/version")


@dataclass(frozen=True)
class Wanted:
    """What a request asks a stack to become."""

    source: Source
    template: Template
    blueprint: Blueprint


@dataclass(frozen=True)
class Identity:
    """The stack that is spoken of; `previous` is what it is made from now."""

    name: str
    id: str
    previous: Source | None = None


async def read(ctx: RequestContext, given: Mapping[str, Any], identity: Identity) -> Wanted:
    """The blueprint that a CreateStack or UpdateStack asks for; TemplateError or Rejected if it cannot be."""
    body = await body_of(ctx, given, identity.previous)
    template = blueprints.parse(body)
    check_capabilities(template, given.get("Capabilities", []))
    settled = _settle(template, given.get("Parameters", []), identity.previous)
    values = parameters.resolve(template.parameters, settled, await _look_up(ctx, settled))
    pseudo = pseudo_parameters(ctx.account, ctx.region, identity.name, identity.id)
    zones = await _zones(ctx, template, values, pseudo)
    tags = _tags(given, identity.previous)
    exports = {name: claim.detail for name, claim in exports_of(ctx.world(), ctx.account, ctx.region).items()}
    read = _read_outputs(ctx, template, values, pseudo)
    around = Surroundings(pseudo=pseudo, tags=tags, exports=exports, zones=zones, read=read)
    role = given.get("RoleARN", identity.previous.role_arn if identity.previous else "")
    source = Source(body, values, tags, tuple(given.get("Capabilities", [])), zones, role, read)
    return Wanted(source, template, blueprints.draw(template, values, around))


async def body_of(ctx: RequestContext, given: Mapping[str, Any], previous: Source | None = None) -> str:
    """The text of the template: given in the body, in S3, or the one that the stack has."""
    named = [name for name in ("TemplateBody", "TemplateURL") if name in given]
    if given.get("UsePreviousTemplate"):
        if named or previous is None:
            raise invalid("Either Template URL or Template Body must be specified, or the previous template used.")
        return previous.template
    if len(named) != 1:
        raise invalid("Either Template URL or Template Body must be specified.")
    return str(given["TemplateBody"]) if named == ["TemplateBody"] else await _fetched(ctx, given["TemplateURL"])


async def _fetched(ctx: RequestContext, url: str) -> str:
    """The template that lies in S3 at a URL, in any of the forms that S3's URLs have."""
    found = s3_object(url)
    if found is None:
        raise invalid("TemplateURL must be a supported URL.")
    bucket, key = found
    try:
        answer = await ctx.operations.call(ctx.account, ctx.region, "s3", "GetObject", {"Bucket": bucket, "Key": key})
    except OperationFailed as error:
        raise invalid(f"S3 error: {error.message}") from error
    body = answer["Body"]
    return body if isinstance(body, str) else bytes(body).decode(errors="replace")


def s3_object(url: str) -> tuple[str, str] | None:
    """Bucket and key of an object by its URL: the bucket in the host's name, or first in the path; else None.

    With this endpoint as S3's, tools write its address for the host: `http://127.0.0.1:4566/bucket/key`.
    """
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    if parts.scheme not in ("http", "https") or not path:
        return None
    host = _BUCKET_HOST.match(parts.hostname or "")
    bucket, key = (host[1], path) if host else path.partition("/")[::2]
    return (bucket, key) if bucket and key else None


def check_capabilities(template: Template, given: list[str]) -> None:
    """Templates that make IAM resources need the caller's word that this is known."""
    needed = check.capabilities(template)
    if "CAPABILITY_NAMED_IAM" in given or (needed.keys() <= {"CAPABILITY_IAM"} and "CAPABILITY_IAM" in given):
        return
    if needed:
        raise reject("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(needed)}]")


def _settle(template: Template, given: list[Mapping[str, Any]], previous: Source | None) -> Settled:
    before = {one.name: one.given for one in previous.parameters} if previous else {}
    values: dict[str, str] = {}
    kept: dict[str, str | None] = {}
    for parameter in given:
        name = parameter.get("ParameterKey", "")
        if parameter.get("UsePreviousValue"):
            if "ParameterValue" in parameter:
                raise invalid(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true and value."
                )
            kept[name] = before.get(name)
        elif "ParameterValue" in parameter:
            values[name] = parameter["ParameterValue"]
    return parameters.settle(template.parameters, values, kept)


async def _look_up(ctx: RequestContext, settled: Settled) -> dict[str, str]:
    """The stored values of SSM parameters; ids are looked up for their existence alone."""
    found: dict[str, str] = {}
    for wanted in settled.look_ups:
        if wanted.type.startswith("AWS::SSM::"):
            found[wanted.parameter] = await _stored(ctx, wanted)
        else:
            await _exists(ctx, wanted)
    return found


async def _stored(ctx: RequestContext, wanted: LookUp) -> str:
    try:
        answer = await ctx.operations.call(ctx.account, ctx.region, "ssm", "GetParameter", {"Name": wanted.value})
    except OperationFailed as error:
        if _BOOTSTRAP.fullmatch(wanted.value):
            return BOOTSTRAP_VERSION
        sentence = f"Unable to fetch parameters [{wanted.value}] from parameter store for this account."
        raise invalid(sentence) from error
    return str(answer["Parameter"]["Value"])


_DESCRIBE = {
    "AWS::EC2::SecurityGroup::Id": ("DescribeSecurityGroups", "GroupIds", "security group"),
    "AWS::EC2::Subnet::Id": ("DescribeSubnets", "SubnetIds", "subnet ID"),
    "AWS::EC2::VPC::Id": ("DescribeVpcs", "VpcIds", "vpc ID"),
}


async def _exists(ctx: RequestContext, wanted: LookUp) -> None:
    operation, member, noun = _DESCRIBE[wanted.type]
    try:
        await ctx.operations.call(ctx.account, ctx.region, "ec2", operation, {member: [wanted.value]})
    except OperationFailed as error:
        sentence = f"Parameter validation failed: parameter value {wanted.value} for parameter name {wanted.parameter}"
        raise invalid(f"{sentence} does not exist: the {noun} '{wanted.value}' does not exist") from error


def _before_conditions(template: Template, values: tuple[ParameterValue, ...], pseudo: dict[str, Any]) -> Scope:
    """What the functions may look up whose answers have to be fetched first."""
    given: dict[str, Any] = {one.name: one.value for one in values}
    return Scope(pseudo=pseudo, parameters=given, mappings=template.mappings)


def _read_outputs(
    ctx: RequestContext, template: Template, values: tuple[ParameterValue, ...], pseudo: dict[str, Any]
) -> dict[str, str]:
    """What Fn::GetStackOutput answers, as of now; an output that is not there is missed where it is used."""
    found: dict[str, str] = {}
    for wanted in blueprints.stack_outputs(template, _before_conditions(template, values, pseudo)):
        stack = find(replace(ctx, region=wanted.region), ctx.world(), wanted.stack)
        for output in stack.outputs if stack is not None else ():
            if output.name == wanted.output:
                found[wanted.key] = output.value
    return found


async def _zones(
    ctx: RequestContext, template: Template, values: tuple[ParameterValue, ...], pseudo: dict[str, Any]
) -> dict[str, tuple[str, ...]]:
    regions = blueprints.regions(template, _before_conditions(template, values, pseudo))
    return {region: await _zones_of(ctx, region) for region in sorted(regions)}


async def _zones_of(ctx: RequestContext, region: str) -> tuple[str, ...]:
    answer = await ctx.operations.call(ctx.account, region, "ec2", "DescribeAvailabilityZones", {})
    return tuple(sorted(zone["ZoneName"] for zone in answer["AvailabilityZones"]))


def _tags(given: Mapping[str, Any], previous: Source | None) -> dict[str, str]:
    if "Tags" not in given and previous is not None:
        return previous.tags
    return {tag["Key"]: tag["Value"] for tag in given.get("Tags", [])}
