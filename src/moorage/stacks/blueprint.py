"""The blueprint of a stack: its template with parameters and conditions applied.

Says which resources the stack is to have, what each depends on, what their properties come to while other resources
are still unknown, and what the outputs are.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from moorage.domain.stack import Deployed, Output, ParameterValue
from moorage.stacks import check, graph, intrinsics, rules
from moorage.stacks import template as templates
from moorage.stacks.intrinsics import GET_STACK_OUTPUT, StackOutput
from moorage.stacks.nodes import Call, Node, TemplateError, walk
from moorage.stacks.resources.catalog import TYPES
from moorage.stacks.resources.shapes import Texts, fit
from moorage.stacks.scope import Known, Scope
from moorage.stacks.template import OutputDeclaration, ResourceDeclaration, Template, as_text


@dataclass(frozen=True)
class Surroundings:
    """What a stack finds around it: its identity, its tags, what other stacks export and put out, zones of regions."""

    pseudo: Mapping[str, Any]
    tags: Mapping[str, str]
    exports: Mapping[str, str]
    zones: Mapping[str, tuple[str, ...]]
    read: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Blueprint:
    """`wanted` are the resources whose condition holds, in an order that respects `depends`."""

    template: Template
    scope: Scope
    tags: Mapping[str, str]
    wanted: Mapping[str, ResourceDeclaration]
    depends: Mapping[str, frozenset[str]]
    waves: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=64)
def parse(body: str) -> Template:
    """A checked template; the same text is parsed once."""
    template = templates.parse(body)
    check.check(template)
    return template


def draw(template: Template, parameters: Iterable[ParameterValue], around: Surroundings) -> Blueprint:
    """Apply parameters, rules and conditions to a template."""
    scope = Scope(
        pseudo=around.pseudo,
        parameters={one.name: list(one.value) if isinstance(one.value, tuple) else one.value for one in parameters},
        mappings=template.mappings,
        imports=around.exports,
        zones=around.zones,
        read=around.read,
    )
    rules.enforce(template, scope)
    scope = replace(scope, conditions=rules.conditions(template, scope))
    wanted = {
        name: resource
        for name, resource in template.resources.items()
        if resource.condition is None or scope.conditions[resource.condition]
    }
    depends = {name: graph.dependencies(resource, scope, wanted.keys()) for name, resource in wanted.items()}
    waves = tuple(tuple(wave) for wave in graph.waves(depends))
    ordered = {name: wanted[name] for wave in waves for name in wave}
    scope = replace(scope, resources=dict.fromkeys(ordered))
    return Blueprint(template, scope, around.tags, ordered, depends, waves)


def goal(blueprint: Blueprint, logical_id: str, existing: Mapping[str, Deployed | None]) -> Deployed:
    """What a resource is to be, as far as the `existing` ones let it be known."""
    resource = blueprint.wanted[logical_id]
    kind = TYPES[resource.type]
    properties = intrinsics.value_of(resource.properties, _with(blueprint.scope, existing))
    try:
        fitted = fit(kind.properties, properties, resource.properties.at)
    except TemplateError as error:
        prefix = f"Properties validation failed for resource {logical_id} with message: "
        raise TemplateError(error.path, prefix + error.reason) from error
    if blueprint.tags and "Tags" in kind.properties.members:
        fitted["Tags"] = _tags(fitted.get("Tags"), blueprint.tags, isinstance(kind.properties.members["Tags"], Texts))
    depends_on = tuple(sorted(blueprint.depends[logical_id]))
    return Deployed(resource.type, "", fitted, {}, depends_on, resource.deletion, resource.replacement)


def _tags(own: Any, stack: Mapping[str, str], as_map: bool) -> Any:
    """The resource's own tags over the stack's."""
    if as_map:
        return {**stack, **(own or {})}
    mine = own if own is not None else []
    taken = {tag["Key"] for tag in mine}
    return [*mine, *({"Key": key, "Value": stack[key]} for key in sorted(stack) if key not in taken)]


def _with(scope: Scope, existing: Mapping[str, Deployed | None]) -> Scope:
    known = {name: existing.get(name) for name in scope.resources}
    return replace(
        scope,
        resources={name: Known(one.physical_id, one.attributes) if one else None for name, one in known.items()},
    )


def outputs(blueprint: Blueprint, existing: Mapping[str, Deployed | None]) -> tuple[Output, ...]:
    """The outputs whose condition holds."""
    scope = _with(blueprint.scope, existing)
    return tuple(_outputs(blueprint, scope))


def _outputs(blueprint: Blueprint, scope: Scope) -> Iterator[Output]:
    for output in _live_outputs(blueprint):
        value = intrinsics.value_of(output.value, scope)
        if not isinstance(value, str | int | float):
            raise TemplateError(output.value.at, "Template format error: Output value must be a string")
        export = "" if output.export is None else intrinsics.value_of(output.export, scope)
        yield Output(output.name, as_text(value), output.description, export)


def imports(blueprint: Blueprint) -> tuple[str, ...]:
    """The names of the exports that the resources and outputs of this blueprint use."""
    scope = blueprint.scope
    nodes = [node for root in _roots(blueprint) for node in graph.live(root, scope)]
    calls = [node for node in nodes if isinstance(node, Call) and node.function == "Fn::ImportValue"]
    names = {intrinsics.value_of(call.argument, scope) for call in calls}
    return tuple(sorted(name for name in names if isinstance(name, str)))


def _roots(blueprint: Blueprint) -> list[Node]:
    return [*(one.properties for one in blueprint.wanted.values()), *(one.value for one in _live_outputs(blueprint))]


def _live_outputs(blueprint: Blueprint) -> list[OutputDeclaration]:
    conditions = blueprint.scope.conditions
    outputs = blueprint.template.outputs.values()
    return [output for output in outputs if output.condition is None or conditions[output.condition]]


def exports(blueprint: Blueprint) -> tuple[str, ...]:
    """The names that the outputs are exported by."""
    names = [intrinsics.value_of(one.export, blueprint.scope) for one in _live_outputs(blueprint) if one.export]
    for name in names:
        if not isinstance(name, str) or names.count(name) > 1:
            raise TemplateError(("Outputs",), f"Template error: export name {name} must be one string, used once")
    return tuple(names)


def stack_outputs(template: Template, scope: Scope) -> tuple[StackOutput, ...]:
    """The outputs of other stacks that the template reads, in whatever branch."""
    calls = [node for node in _everywhere(template) if isinstance(node, Call) and node.function == GET_STACK_OUTPUT]
    return tuple(dict.fromkeys(intrinsics.stack_output(call, scope) for call in calls))


def regions(template: Template, scope: Scope) -> frozenset[str]:
    """The regions whose availability zones Fn::GetAZs asks for; the stack's own is the empty string's meaning."""
    calls = [node for node in _everywhere(template) if isinstance(node, Call) and node.function == "Fn::GetAZs"]
    names = [as_text(intrinsics.value_of(call.argument, scope)) for call in calls]
    return frozenset(name or str(scope.pseudo["AWS::Region"]) for name in names)


def _everywhere(template: Template) -> Iterator[Node]:
    for resource in template.resources.values():
        yield from walk(resource.properties)
    for output in template.outputs.values():
        yield from walk(output.value)
