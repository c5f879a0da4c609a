"""SSM parameters: labels of versions, and versions by number or label.

What a label may be is `domain/parameter`'s. A label is at one version of a parameter at a time: it moves to another.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from moorage.api.context import RequestContext
from moorage.api.support_table import Supported
from moorage.domain import parameter, parameter_errors
from moorage.domain.changes import Put, Write
from moorage.domain.parameter import Parameter, ParameterVersion


async def label_parameter_version(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = existing(ctx, given["Name"])
    kept = ctx.world().linked(ParameterVersion, "parameter", current.key)
    chosen = _of_number(kept, current.name, given.get("ParameterVersion", current.version))
    asked = list(dict.fromkeys(given["Labels"]))
    taken = [label for label in asked if parameter.is_label(label)]
    labels = (*chosen.labels, *(label for label in taken if label not in chosen.labels))
    if len(labels) > parameter.LABELS:
        raise parameter_errors.TooManyLabels(parameter.LABELS)
    moved = [_without(each, taken) for each in kept if each is not chosen and set(taken) & set(each.labels)]
    await _commit(ctx, [*moved, replace(chosen, labels=labels)])
    return {
        "InvalidLabels": [label for label in asked if label not in taken],
        "ParameterVersion": chosen.parameter.version,
    }


async def unlabel_parameter_version(ctx: RequestContext, given: dict[str, Any]) -> dict[str, Any]:
    current = existing(ctx, given["Name"])
    kept = ctx.world().linked(ParameterVersion, "parameter", current.key)
    chosen = _of_number(kept, current.name, given["ParameterVersion"])
    asked = list(dict.fromkeys(given["Labels"]))
    removed = [label for label in asked if label in chosen.labels]
    await _commit(ctx, [_without(chosen, removed)])
    return {"RemovedLabels": removed, "InvalidLabels": [label for label in asked if label not in removed]}


def existing(ctx: RequestContext, name: str) -> Parameter:
    """The parameter of this name; ParameterUnknown."""
    found = ctx.world().get(Parameter, (ctx.account, ctx.region, name))
    if found is None:
        raise parameter_errors.ParameterUnknown(name)
    return found


def selected(kept: Sequence[ParameterVersion], selector: str) -> ParameterVersion | None:
    """The version of a parameter that has this number or label."""
    return next((each for each in kept if selector == str(each.parameter.version) or selector in each.labels), None)


def _of_number(kept: Sequence[ParameterVersion], name: str, number: int) -> ParameterVersion:
    found = next((each for each in kept if each.parameter.version == number), None)
    if found is None:
        raise parameter_errors.ParameterVersionUnknown(name, str(number))
    return found


def _without(version: ParameterVersion, gone: Sequence[str]) -> ParameterVersion:
    return replace(version, labels=tuple(label for label in version.labels if label not in gone))


async def _commit(ctx: RequestContext, versions: Sequence[ParameterVersion]) -> None:
    world = ctx.world()
    writes: list[Write] = [Put(each) for each in versions]
    expect = {each.id: world.version(ParameterVersion, each.record.key) for each in writes if isinstance(each, Put)}
    await ctx.store.commit(writes, expect)


OPERATIONS = {
    "LabelParameterVersion": Supported(label_parameter_version, real="Name ParameterVersion Labels"),
    "UnlabelParameterVersion": Supported(unlabel_parameter_version, real="Name ParameterVersion Labels"),
}
