"""SSM parameters: put, get by name, version or path, describe, delete, tags.

How a SecureString is encrypted is `ssm_secrets`'s business; the rules of names and values are `domain/parameter`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from moorage.api import paging, ssm_labels, ssm_search, ssm_secrets
from moorage.api.context import RequestContext
from moorage.api.support_table import Supported
from moorage.domain import errors, parameter, parameter_errors
from moorage.domain.changes import Delete, Put, Write
from moorage.domain.parameter import Parameter, ParameterVersion
from moorage.domain.world import World

_TAGGED_TYPE = "Parameter"
_MAX_TAGS = 50


async def put_parameter(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    name = given["Name"]
    parameter.check_name(name)
    world = ctx.world()
    current = world.get(Parameter, (ctx.account, ctx.region, name))
    if current is not None and not given.get("Overwrite", False):
        raise parameter_errors.ParameterTaken(name)
    new = _first(ctx, given) if current is None else _next(ctx, given, current)
    parameter.check_value(name, new.value, new.tier, new.allowed_pattern)
    ssm_secrets.check_key(new.type, given.get("KeyId"))
    new = replace(new, value=await ssm_secrets.sealed(ctx, new))
    writes: list[Write] = [Put(new), Put(new.past()), *_forgotten(world, new)]
    await ctx.store.commit(writes, {(Parameter.table, new.key): world.version(Parameter, new.key)})
    return {"Version": new.version, "Tier": new.tier}


def _first(ctx: RequestContext, given: dict[str, Any]) -> Parameter:
    if "Type" not in given:
        raise errors.InvalidParameter("A parameter type is required when you create a parameter.")
    return Parameter(
        account=ctx.account,
        region=ctx.region,
        name=given["Name"],
        type=given["Type"],
        value=given["Value"],
        version=1,
        modified_at=ctx.now(),
        description=given.get("Description", ""),
        tier=parameter.effective_tier(given.get("Tier", ""), given["Value"]),
        allowed_pattern=given.get("AllowedPattern", ""),
        tags=_merged({}, given.get("Tags", [])),
        key_id=given.get("KeyId", ssm_secrets.DEFAULT_KEY) if given["Type"] == parameter.SECURE else "",
    )


def _next(ctx: RequestContext, given: dict[str, Any], current: Parameter) -> Parameter:
    if "Tags" in given:
        raise errors.InvalidParameter(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please "
            "remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or "
            "RemoveTagsFromResource."
        )
    if given.get("Type", current.type) != current.type:
        raise parameter_errors.TypeChanged(current.name, current.type)
    return replace(
        current,
        value=given["Value"],
        version=current.version + 1,
        modified_at=ctx.now(),
        description=given.get("Description", current.description),
        tier=parameter.effective_tier(given.get("Tier", ""), given["Value"], current.tier),
        allowed_pattern=given.get("AllowedPattern", current.allowed_pattern),
        key_id=given.get("KeyId", current.key_id),
    )


def _forgotten(world: World, new: Parameter) -> list[Write]:
    """The oldest version, when there is one too many."""
    kept = world.linked(ParameterVersion, "parameter", new.key)
    gone = kept[: max(0, len(kept) + 1 - parameter.VERSIONS_KEPT)]
    for old in gone:
        if old.labels:
            raise parameter_errors.OldestIsLabelled(new.name, old.parameter.version)
    return [Delete(ParameterVersion.table, old.key) for old in gone]


async def get_parameter(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    return {"Parameter": await _look_up(ctx, given["Name"], given)}


async def get_parameters(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    found, missing = [], []
    for reference in dict.fromkeys(given["Names"]):
        try:
            found.append(await _look_up(ctx, reference, given))
        except (parameter_errors.ParameterUnknown, parameter_errors.ParameterVersionUnknown):
            missing.append(reference)
    return {"Parameters": found, "InvalidParameters": missing}


async def _look_up(ctx: RequestContext, reference: str, given: Mapping[str, Any]) -> dict[str, Any]:
    name, selector = parameter.split_selector(reference)
    world = ctx.world()
    names = (name, *parameter.also_called(reference))
    found = (world.get(Parameter, (ctx.account, ctx.region, each)) for each in names)
    current = next((each for each in found if each is not None), None)
    if current is None:
        raise parameter_errors.ParameterUnknown(reference)
    if not selector:
        return await _with_value(ctx, current, given)
    kept = world.linked(ParameterVersion, "parameter", current.key)
    version = ssm_labels.selected(kept, selector)
    if version is None:
        raise parameter_errors.ParameterVersionUnknown(name, selector)
    return {**await _with_value(ctx, version.parameter, given), "Selector": f":{selector}"}


async def get_parameters_by_path(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    below = ssm_search.under_path(given["Path"], given.get("Recursive", False))
    candidates = [found for found in ctx.world().within(Parameter, ctx.account, ctx.region) if below(found)]
    filters, wanted = ssm_search.without_labels(given.get("ParameterFilters", []))
    if wanted is not None:
        candidates = _labelled(ctx, candidates, wanted)
    chosen = ssm_search.chosen(candidates, filters, ssm_search.BY_PATH_KEYS, ctx.operation)
    page = paging.page(chosen, _name, given.get("MaxResults", 10), given.get("NextToken"))
    return {"Parameters": [await _with_value(ctx, found, given) for found in page.records], **page.named()}


def _labelled(ctx: RequestContext, found: Sequence[Parameter], labels: Sequence[str]) -> list[Parameter]:
    """Of each parameter the versions that have one of the labels, instead of the newest."""
    world = ctx.world()
    kept = (version for each in found for version in world.linked(ParameterVersion, "parameter", each.key))
    return [version.parameter for version in kept if set(labels) & set(version.labels)]


async def get_parameter_history(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = ssm_labels.existing(ctx, given["Name"])
    kept = ctx.world().linked(ParameterVersion, "parameter", current.key)
    page = paging.page(kept, lambda version: version.key[-1], given.get("MaxResults", 50), given.get("NextToken"))
    shown = []
    for one in page.records:
        value = await ssm_secrets.opened(ctx, one.parameter, given.get("WithDecryption"))
        shown.append({**_metadata(one.parameter), "Value": value, "Labels": list(one.labels)})
    return {"Parameters": shown, **page.named()}


async def describe_parameters(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    everything = ctx.world().within(Parameter, ctx.account, ctx.region)
    filters = ssm_search.either(given.get("ParameterFilters", []), given.get("Filters", []))
    chosen = ssm_search.chosen(everything, filters, ssm_search.DESCRIBE_KEYS, ctx.operation)
    page = paging.page(chosen, _name, given.get("MaxResults", 50), given.get("NextToken"))
    return {"Parameters": [{**_metadata(found), "ARN": found.arn} for found in page.records], **page.named()}


async def delete_parameter(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    await _delete(ctx, [ssm_labels.existing(ctx, given["Name"])])
    return {}


async def delete_parameters(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    names = list(dict.fromkeys(given["Names"]))
    found = {name: ctx.world().get(Parameter, (ctx.account, ctx.region, name)) for name in names}
    await _delete(ctx, [record for record in found.values() if record is not None])
    return {
        "DeletedParameters": [name for name in names if found[name] is not None],
        "InvalidParameters": [name for name in names if found[name] is None],
    }


async def _delete(ctx: RequestContext, doomed: Sequence[Parameter]) -> None:
    world = ctx.world()
    writes: list[Write] = []
    for record in doomed:
        writes.append(Delete(Parameter.table, record.key))
        kept = world.linked(ParameterVersion, "parameter", record.key)
        writes.extend(Delete(ParameterVersion.table, version.key) for version in kept)
    if writes:
        expect = {(Parameter.table, record.key): world.version(Parameter, record.key) for record in doomed}
        await ctx.store.commit(writes, expect)


async def add_tags_to_resource(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = _tagged(ctx, given)
    await _retag(ctx, current, _merged(current.tags, given["Tags"]))
    return {}


async def remove_tags_from_resource(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = _tagged(ctx, given)
    gone = frozenset(given["TagKeys"])
    await _retag(ctx, current, {key: value for key, value in current.tags.items() if key not in gone})
    return {}


async def list_tags_for_resource(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    tags = _tagged(ctx, given).tags
    return {"TagList": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


async def _retag(ctx: RequestContext, current: Parameter, tags: dict[str, str]) -> None:
    if tags != current.tags:
        expect = {(Parameter.table, current.key): ctx.world().version(Parameter, current.key)}
        await ctx.store.commit([Put(replace(current, tags=tags))], expect)


def _tagged(ctx: RequestContext, given: dict[str, Any]) -> Parameter:
    if given["ResourceType"] != _TAGGED_TYPE:
        raise parameter_errors.TaggedTypeUnsupported(given["ResourceType"])
    found = ctx.world().get(Parameter, (ctx.account, ctx.region, given["ResourceId"]))
    if found is None:
        raise parameter_errors.TaggedParameterUnknown(given["ResourceId"])
    return found


def _merged(tags: Mapping[str, str], given: list[dict[str, str]]) -> dict[str, str]:
    merged = {**tags, **{tag["Key"]: tag["Value"] for tag in given}}
    if len(merged) > _MAX_TAGS:
        raise parameter_errors.TooManyParameterTags(_MAX_TAGS)
    return merged


def _name(record: Parameter) -> str:
    return record.name


async def _with_value(ctx: RequestContext, record: Parameter, given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Name": record.name,
        "Type": record.type,
        "Value": await ssm_secrets.opened(ctx, record, given.get("WithDecryption")),
        "Version": record.version,
        "LastModifiedDate": record.modified_at,
        "ARN": record.arn,
        "DataType": record.data_type,
    }


def _metadata(record: Parameter) -> dict[str, Any]:
    shown = {
        "Name": record.name,
        "Type": record.type,
        "LastModifiedDate": record.modified_at,
        "LastModifiedUser": f"arn:aws:iam::{record.account}:root",
        "Version": record.version,
        "Tier": record.tier,
        "Policies": [],
        "DataType": record.data_type,
    }
    if record.description:
        shown["Description"] = record.description
    if record.allowed_pattern:
        shown["AllowedPattern"] = record.allowed_pattern
    if record.key_id:
        shown["KeyId"] = record.key_id
    return shown


OPERATIONS = ssm_labels.OPERATIONS | {
    "PutParameter": Supported(
        put_parameter,
        real="Name Value Type Description Overwrite AllowedPattern Tier Tags.* KeyId",
        only={"DataType": ("text",)},
    ),
    "GetParameter": Supported(get_parameter, real="Name WithDecryption"),
    "GetParameters": Supported(get_parameters, real="Names WithDecryption"),
    "GetParametersByPath": Supported(
        get_parameters_by_path, real="Path Recursive ParameterFilters.* WithDecryption MaxResults NextToken"
    ),
    "GetParameterHistory": Supported(get_parameter_history, real="Name WithDecryption MaxResults NextToken"),
    "DescribeParameters": Supported(
        describe_parameters, real="ParameterFilters.* Filters.* MaxResults NextToken", only={"Shared": (False,)}
    ),
    "DeleteParameter": Supported(delete_parameter, real="Name"),
    "DeleteParameters": Supported(delete_parameters, real="Names"),
    "AddTagsToResource": Supported(add_tags_to_resource, real="ResourceType ResourceId Tags.*"),
    "RemoveTagsFromResource": Supported(remove_tags_from_resource, real="ResourceType ResourceId TagKeys"),
    "ListTagsForResource": Supported(list_tags_for_resource, real="ResourceType ResourceId"),
}
