"""What can be said of a template before anything is worked out: types, functions, names that lead nowhere.

Every branch is looked at, chosen or not. Whether values fit the properties is seen in `blueprint`, with values.
"""

from collections.abc import Iterator, Mapping

from moorage.stacks import intrinsics
from moorage.stacks.nodes import Call, Fields, Items, Node, Scalar, TemplateError, walk
from moorage.stacks.resources.catalog import TYPES
from moorage.stacks.scope import pseudo_parameters
from moorage.stacks.template import ResourceDeclaration, Template, as_text

_INSTEAD: Mapping[str, str] = {
    "AWS::ElasticLoadBalancing": "there are no load balancers here yet: leave them out, and reach a service from this "
    "host by `moorage forward` or `moorage curl`",
    "AWS::AutoScaling::": "no capacity is made here: this machine runs the tasks of the EC2 launch type, "
    "so leave it out (in the CDK: Cluster.fromClusterAttributes with hasEc2Capacity)",
}
_PSEUDO = frozenset(pseudo_parameters("", "", "", ""))


def check(template: Template) -> None:
    """Refuse a template that cannot be right, whatever its parameters."""
    _types(template)
    for resource in template.resources.values():
        _resource(resource, template)
        _nodes(resource.properties, template)
    for output in template.outputs.values():
        _condition(output.condition, ("Outputs", output.name), template)
        _nodes(output.value, template)
        if output.export is not None:
            _nodes(output.export, template)
    for node in template.conditions.values():
        _condition_node(node, template)


def _types(template: Template) -> None:
    unknown = {resource.type: resource for resource in template.resources.values() if resource.type not in TYPES}
    if unknown:
        first = next(iter(unknown.values()))
        listed = ", ".join(sorted(unknown))
        why = "".join(
            f"; {why}" for prefix, why in _INSTEAD.items() if any(kind.startswith(prefix) for kind in unknown)
        )
        raise TemplateError((*first.at, "Type"), f"Template format error: Unrecognized resource types: [{listed}]{why}")


def _resource(resource: ResourceDeclaration, template: Template) -> None:
    for refused in resource.refused:
        raise TemplateError((*resource.at, refused), f"Resource attribute {refused} is not supported")
    for name in resource.depends_on:
        if name not in template.resources or name == resource.logical_id:
            raise _unresolved(name, (*resource.at, "DependsOn"))
    _condition(resource.condition, resource.at, template)
    understood = TYPES[resource.type].properties
    for key, node in resource.properties.fields.items():
        if key not in understood.members:
            raise TemplateError(
                node.at,
                f"Properties validation failed for resource {resource.logical_id} with message: "
                f"#: extraneous key [{key}] is not permitted: {resource.type} supports it not, or not here",
            )
    for key in understood.required:
        if key not in resource.properties.fields:
            raise TemplateError(
                resource.properties.at,
                f"Properties validation failed for resource {resource.logical_id} with message: "
                f"#: required key [{key}] not found",
            )


def _condition(name: str | None, at: tuple[str | int, ...], template: Template) -> None:
    if name is not None and name not in template.conditions:
        raise TemplateError(at, f"Template format error: Unresolved condition dependency {name}")


def _nodes(root: Node, template: Template) -> None:
    for node in walk(root):
        if isinstance(node, Call):
            intrinsics.function_named(node)
            _call(node, template)


def _call(call: Call, template: Template) -> None:
    match call:
        case Call("Ref", Scalar(str(name))):
            _known(name, template, call)
        case Call("Fn::GetAtt", Items((Scalar(str(name)), Scalar(attribute)))):
            _attribute(name, as_text(attribute), template, call)
        case Call("Fn::GetAtt", Items((Scalar(str(name)), _))):
            _resource_known(name, template, call)
        case Call("Fn::If", Items((Scalar(str(name)), _, _))) | Call("Condition", Scalar(str(name))):
            _condition(name, call.at, template)
        case Call("Fn::Sub"):
            for name in _sub_names(call):
                _variable(name, template, call)
        case _:
            pass


def _sub_names(call: Call) -> Iterator[str]:
    """The variables of Fn::Sub that it does not bring itself."""
    match call.argument:
        case Scalar(str(text)):
            yield from intrinsics.variables(text)
        case Items((Scalar(str(text)), Fields(own))):
            yield from (name for name in intrinsics.variables(text) if name not in own)
        case _:
            return


def _variable(name: str, template: Template, call: Call) -> None:
    resource, dot, attribute = name.partition(".")
    if dot:
        _attribute(resource, attribute, template, call)
    else:
        _known(name, template, call)


def _known(name: str, template: Template, call: Call) -> None:
    if name not in template.parameters and name not in template.resources and name not in _PSEUDO:
        raise _unresolved(name, call.at)


def _resource_known(name: str, template: Template, call: Call) -> None:
    if name not in template.resources:
        raise TemplateError(call.at, f"Template error: instance of Fn::GetAtt references undefined resource {name}")


def _attribute(name: str, attribute: str, template: Template, call: Call) -> None:
    _resource_known(name, template, call)
    kind = template.resources[name].type
    if attribute not in TYPES[kind].attributes:
        raise TemplateError(
            call.at, f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt"
        )


def _condition_node(root: Node, template: Template) -> None:
    for node in walk(root):
        match node:
            case Call("Ref", Scalar(str(name))) if name not in template.parameters and name not in _PSEUDO:
                raise _unresolved(name, node.at)
            case Call("Condition", Scalar(str(name))):
                _condition(name, node.at, template)
            case _:
                pass


def _unresolved(name: str, at: tuple[str | int, ...]) -> TemplateError:
    return TemplateError(
        at, f"Template format error: Unresolved resource dependencies [{name}] in the Resources block of the template"
    )


def capabilities(template: Template) -> Mapping[str, list[str]]:
    """The capabilities that must be acknowledged, each with the resource types that ask for it."""
    iam = sorted({one.type for one in template.resources.values() if one.type.startswith("AWS::IAM::")})
    named = sorted({one.type for one in template.resources.values() if _named(one)})
    if named:
        return {"CAPABILITY_NAMED_IAM": named}
    return {"CAPABILITY_IAM": iam} if iam else {}


def _named(resource: ResourceDeclaration) -> bool:
    kind = TYPES.get(resource.type)
    return resource.type.startswith("AWS::IAM::") and kind is not None and kind.name in resource.properties.fields
