"""The intrinsic functions, one function each: a call and a Scope to a value.

A function that meets a value that is not known yet answers Unknown. Which functions may stand where is decided in
`check`; the functions of rules are in `rules`.
"""

import base64
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage.stacks.nodes import Call, Fields, Items, Node, Path, Scalar, TemplateError
from moorage.stacks.scope import NO_VALUE, Scope, Unknown, unknowns
from moorage.stacks.template import as_text

_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")
GET_STACK_OUTPUT = "Fn::GetStackOutput"
_STACK_OUTPUT = frozenset({"StackName", "OutputName", "Region", "RoleArn"})
_ESCAPED = re.compile(r"\$\{!([^{}]*)\}")


def value_of(node: Node, scope: Scope) -> Any:
    """The value of a node: plain data, with Unknown where a resource is still to be made."""
    match node:
        case Scalar(value):
            return value
        case Items(items):
            values = [value_of(item, scope) for item in items]
            return [value for value in values if value is not NO_VALUE]
        case Fields(fields):
            pairs = {key: value_of(item, scope) for key, item in fields.items()}
            return {key: value for key, value in pairs.items() if value is not NO_VALUE}
        case Call():
            return function_named(node)(node, scope)


def function_named(call: Call) -> Callable[[Call, Scope], Any]:
    """The function that a call names, or a refusal by that name."""
    found = FUNCTIONS.get(call.function)
    if found is not None:
        return found
    why = REFUSED.get(call.function)
    if why is not None or call.function.startswith("Fn::ForEach"):
        raise TemplateError(call.at, f"{call.function} is not supported: {why or _EXTENSIONS}")
    raise TemplateError(call.at, f"Template error: unknown function {call.function}")


def variables(text: str) -> list[str]:
    """The names between `${` and `}` in the text of Fn::Sub."""
    return [name.strip() for name in _VARIABLE.findall(text)]


def _ref(call: Call, scope: Scope) -> Any:
    return _look_up_ref(_name(call), scope, call)


def _look_up_ref(name: str, scope: Scope, call: Call) -> Any:
    if name in scope.pseudo:
        return scope.pseudo[name]
    if name in scope.parameters:
        return scope.parameters[name]
    if name in scope.resources:
        known = scope.resources[name]
        return Unknown(name, "Ref") if known is None else known.ref
    raise TemplateError(
        call.at,
        f"Template format error: Unresolved resource dependencies [{name}] in the Resources block of the template",
    )


def _get_att(call: Call, scope: Scope) -> Any:
    arguments = _list(call, scope, 2)
    return _look_up_attribute(_text(arguments[0], call), _text(arguments[1], call), scope, call)


def _look_up_attribute(resource: str, attribute: str, scope: Scope, call: Call) -> Any:
    if resource not in scope.resources:
        raise TemplateError(call.at, f"Template error: instance of Fn::GetAtt references undefined resource {resource}")
    known = scope.resources[resource]
    if known is None:
        return Unknown(resource, attribute)
    if attribute not in known.attributes:
        raise TemplateError(
            call.at, f"Template error: resource {resource} does not support attribute type {attribute} in Fn::GetAtt"
        )
    return known.attributes[attribute]


def _sub(call: Call, scope: Scope) -> Any:
    own: Mapping[str, Any] = {}
    argument = call.argument
    if isinstance(argument, Items):
        if len(argument.items) != 2 or not isinstance(argument.items[1], Fields):
            raise _malformed(call, "a string, or a list of a string and a map of variables")
        own = value_of(argument.items[1], scope)
        argument = argument.items[0]
    if not isinstance(argument, Scalar) or not isinstance(argument.value, str):
        raise _malformed(call, "a string, or a list of a string and a map of variables")
    values: dict[str, str] = {}
    for name in variables(argument.value):
        value = _variable(name, own, scope, call)
        if isinstance(value, Unknown):
            return value
        values[name] = value
    text = _VARIABLE.sub(lambda match: values[match[1].strip()], argument.value)
    return _ESCAPED.sub(lambda match: f"${{{match[1]}}}", text)


def _variable(name: str, own: Mapping[str, Any], scope: Scope, call: Call) -> str | Unknown:
    if name in own:
        value = own[name]
    elif "." in name and name not in scope.parameters:
        resource, _, attribute = name.partition(".")
        value = _look_up_attribute(resource, attribute, scope, call)
    else:
        value = _look_up_ref(name, scope, call)
    if isinstance(value, Unknown):
        return value
    return _scalar_text(value, call)


def _join(call: Call, scope: Scope) -> Any:
    delimiter, values = _list(call, scope, 2)
    missing = unknowns(values)
    if missing:
        return min(missing, key=str)
    if not isinstance(values, list):
        raise _malformed(call, "a delimiter and a list of values")
    return _text(delimiter, call).join(_scalar_text(value, call) for value in values)


def _select(call: Call, scope: Scope) -> Any:
    index, values = _list(call, scope, 2)
    if isinstance(values, Unknown) or isinstance(index, Unknown):
        return values if isinstance(values, Unknown) else index
    if not isinstance(values, list) or not re.fullmatch(r"\d+", as_text(index)):
        raise _malformed(call, "an index and a list of values")
    position = int(as_text(index))
    if position >= len(values):
        raise TemplateError(call.at, f"Template error: Fn::Select cannot select nonexistent value at index {position}")
    return values[position]


def _split(call: Call, scope: Scope) -> Any:
    delimiter, source = _list(call, scope, 2)
    if isinstance(source, Unknown):
        return source
    if not _text(delimiter, call) or not isinstance(source, str):
        raise _malformed(call, "a delimiter and a source string")
    return source.split(_text(delimiter, call))


def _find_in_map(call: Call, scope: Scope) -> Any:
    if isinstance(call.argument, Items) and len(call.argument.items) > 3:
        raise TemplateError(call.at, f"Fn::FindInMap with a default value is not supported: {_EXTENSIONS}")
    name, top, second = (_text(argument, call) for argument in _list(call, scope, 3))
    if name not in scope.mappings:
        raise TemplateError(
            call.at, f"Template error: Mapping named '{name}' is not present in the 'Mappings' section of template."
        )
    try:
        return scope.mappings[name][top][second]
    except KeyError as error:
        raise TemplateError(call.at, f"Template error: Unable to get mapping for {name}::{top}::{second}") from error


def _base64(call: Call, scope: Scope) -> Any:
    value = value_of(call.argument, scope)
    if isinstance(value, Unknown):
        return value
    return base64.b64encode(_scalar_text(value, call).encode()).decode()


def _cidr(call: Call, scope: Scope) -> Any:
    arguments = value_of(call.argument, scope)
    missing = unknowns(arguments)
    if missing:
        return min(missing, key=str)
    if not isinstance(arguments, list) or len(arguments) not in {2, 3}:
        raise _malformed(call, "an address block, a count and the bits of each subnet")
    try:
        block = ipaddress.ip_network(_text(arguments[0], call))
        count = int(as_text(arguments[1]))
        bits = int(as_text(arguments[2])) if len(arguments) == 3 else 8
        prefix = block.max_prefixlen - bits
        if not 1 <= count <= 256 or not block.prefixlen <= prefix or count > 2 ** (prefix - block.prefixlen):
            raise ValueError(f"{count} blocks of {bits} bits do not fit")
    except ValueError as error:
        raise TemplateError(call.at, f"Template error: Fn::Cidr cannot divide {arguments[0]}: {error}") from error
    first, step = int(block.network_address), 1 << bits
    return [f"{type(block.network_address)(first + index * step)}/{prefix}" for index in range(count)]


def _get_azs(call: Call, scope: Scope) -> Any:
    region = as_text(value_of(call.argument, scope)) or scope.pseudo["AWS::Region"]
    if region not in scope.zones:
        raise TemplateError(call.at, f"Template error: Fn::GetAZs knows no availability zones of region {region}")
    return list(scope.zones[region])


def _import_value(call: Call, scope: Scope) -> Any:
    name = value_of(call.argument, scope)
    if isinstance(name, Unknown):
        raise TemplateError(call.at, "Template error: Fn::ImportValue cannot depend on a resource")
    if name not in scope.imports:
        raise TemplateError(call.at, f"No export named {name} found.")
    return scope.imports[name]


@dataclass(frozen=True)
class StackOutput:
    """An output of another stack that a template reads: its value is a copy, and holds nobody back (a weak reference).

    `at` says who asks; it has no part in what is asked for.
    """

    region: str
    stack: str
    output: str
    at: Path = field(default=(), compare=False)

    @property
    def key(self) -> str:
        """The name of its value among all that were looked up."""
        return f"{self.region}/{self.stack}/{self.output}"


def stack_output(call: Call, scope: Scope) -> StackOutput:
    """Which output a call of Fn::GetStackOutput means. Its arguments may speak of parameters, not of resources."""
    argument = value_of(call.argument, scope)
    if not isinstance(argument, dict) or not {"StackName", "OutputName"} <= argument.keys() <= _STACK_OUTPUT:
        raise _malformed(call, "StackName and OutputName, and may have Region")
    if "RoleArn" in argument:
        raise TemplateError(call.at, "Fn::GetStackOutput with RoleArn is not supported: it reads another account")
    region = argument.get("Region") or scope.pseudo["AWS::Region"]
    wanted = (region, argument["StackName"], argument["OutputName"])
    if not all(isinstance(text, str) and text for text in wanted):
        raise TemplateError(call.at, "Template error: the members of Fn::GetStackOutput must be strings known at once")
    return StackOutput(*wanted, at=call.at)


def _get_stack_output(call: Call, scope: Scope) -> Any:
    wanted = stack_output(call, scope)
    if wanted.key not in scope.read:
        raise TemplateError(call.at, f"Stack {wanted.stack} has no output {wanted.output} in {wanted.region}.")
    return scope.read[wanted.key]


def _if(call: Call, scope: Scope) -> Any:
    argument = call.argument
    if not isinstance(argument, Items) or len(argument.items) != 3:
        raise _malformed(call, "a condition name and the values for true and false")
    name, when_true, when_false = argument.items
    if not isinstance(name, Scalar):
        raise _malformed(call, "a condition name first")
    return value_of(when_true if _condition_named(as_text(name.value), call, scope) else when_false, scope)


def _condition(call: Call, scope: Scope) -> bool:
    return _condition_named(_name(call), call, scope)


def _condition_named(name: str, call: Call, scope: Scope) -> bool:
    if name not in scope.conditions:
        raise TemplateError(call.at, f"Template error: unresolved condition dependency {name}")
    return scope.conditions[name]


def _equals(call: Call, scope: Scope) -> bool:
    left, right = _list(call, scope, 2)
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return bool(left == right)
    return as_text(left) == as_text(right)


def _and(call: Call, scope: Scope) -> bool:
    return all(_truths(call, scope, 2, 10))


def _or(call: Call, scope: Scope) -> bool:
    return any(_truths(call, scope, 2, 10))


def _not(call: Call, scope: Scope) -> bool:
    return not _truths(call, scope, 1, 1)[0]


def _truths(call: Call, scope: Scope, least: int, most: int) -> list[bool]:
    values = value_of(call.argument, scope)
    if not isinstance(values, list) or not least <= len(values) <= most:
        raise _malformed(call, f"{least} to {most} conditions" if most > least else "one condition")
    if not all(isinstance(value, bool) for value in values):
        raise _malformed(call, "conditions")
    return values


def _name(call: Call) -> str:
    if not isinstance(call.argument, Scalar) or not isinstance(call.argument.value, str):
        raise _malformed(call, "a name")
    return call.argument.value


def _list(call: Call, scope: Scope, length: int) -> list[Any]:
    if not isinstance(call.argument, Items) or len(call.argument.items) != length:
        raise _malformed(call, f"{length} parameters")
    return [value_of(item, scope) for item in call.argument.items]


def _text(value: Any, call: Call) -> str:
    if not isinstance(value, str):
        raise _malformed(call, "a string there")
    return value


def _scalar_text(value: Any, call: Call) -> str:
    if isinstance(value, list | dict) or value is NO_VALUE:
        raise _malformed(call, "strings, not lists or objects")
    return as_text(value)


def _malformed(call: Call, wanted: str) -> TemplateError:
    return TemplateError(call.at, f"Template error: every {call.function} object requires {wanted}.")


_EXTENSIONS = "it needs the AWS::LanguageExtensions transform"
REFUSED = {
    "Fn::Transform": "macros and includes are not run",
    "Fn::Length": _EXTENSIONS,
    "Fn::ToJsonString": _EXTENSIONS,
}
CONDITION_FUNCTIONS: Mapping[str, Callable[[Call, Scope], Any]] = {
    "Condition": _condition,
    "Fn::And": _and,
    "Fn::Equals": _equals,
    "Fn::Not": _not,
    "Fn::Or": _or,
}
FUNCTIONS: Mapping[str, Callable[[Call, Scope], Any]] = {
    **CONDITION_FUNCTIONS,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    GET_STACK_OUTPUT: _get_stack_output,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Ref": _ref,
}
