"""Rules and conditions: what a template asserts of its parameters, and which of its resources it wants at all.

Both see parameters, pseudo parameters and mappings only; a resource's id is not known when they are worked out.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from moorage.stacks import intrinsics
from moorage.stacks.nodes import Call, Items, Node, Scalar, TemplateError
from moorage.stacks.scope import Scope
from moorage.stacks.template import Rule, Template, as_text

_IN_CONDITIONS = frozenset(
    {*intrinsics.CONDITION_FUNCTIONS, "Fn::FindInMap", "Fn::Select", "Fn::Sub", "Fn::Join", "Fn::Split", "Ref"}
)


def conditions(template: Template, scope: Scope) -> dict[str, bool]:
    """What every condition of the template comes to."""
    results: dict[str, bool] = {}
    for name in template.conditions:
        _decide(name, template, scope, results, ())
    return results


def _decide(name: str, template: Template, scope: Scope, results: dict[str, bool], via: tuple[str, ...]) -> None:
    """Work out the conditions that `name` names, then `name` itself."""
    if name in results:
        return
    node = template.conditions[name]
    if name in via:
        raise TemplateError(node.at, f"Template error: circular condition dependency [{', '.join((*via, name))}]")
    for other in _named(node):
        if other in template.conditions:
            _decide(other, template, scope, results, (*via, name))
    value = intrinsics.value_of(node, replace(scope, conditions=results))
    if not isinstance(value, bool):
        raise TemplateError(node.at, f"Template format error: condition {name} must be a condition function")
    results[name] = value


def _named(node: Node) -> list[str]:
    """The conditions that a condition names."""
    match node:
        case Call("Condition", Scalar(str(name))):
            return [name]
        case Call(function, argument):
            if function not in _IN_CONDITIONS:
                raise TemplateError(node.at, f"Template error: {function} cannot be used in a condition")
            return _named(argument)
        case Items(items):
            return [name for item in items for name in _named(item)]
        case _:
            return []


def enforce(template: Template, scope: Scope) -> None:
    """Refuse the template if an assertion of one of its rules does not hold."""
    for rule in template.rules.values():
        if rule.when is None or _holds(rule.when, rule, scope):
            _assert(rule, scope)


def _assert(rule: Rule, scope: Scope) -> None:
    for assertion in rule.assertions:
        if not _holds(assertion.assertion, rule, scope):
            what = assertion.description or f"rule {rule.name} does not hold"
            raise TemplateError(("Rules", rule.name), f"Template error: Rule {rule.name} failed: {what}")


def _holds(node: Node, rule: Rule, scope: Scope) -> bool:
    value = _rule_value(node, scope)
    if not isinstance(value, bool):
        raise TemplateError(node.at, f"Template format error: rule {rule.name} must assert a condition function")
    return value


def _rule_value(node: Node, scope: Scope) -> Any:
    match node:
        case Scalar(value):
            return value
        case Items(items):
            return [_rule_value(item, scope) for item in items]
        case Call(function):
            return _rule_call(node, function, scope)
        case _:
            raise TemplateError(node.at, "Template format error: an object cannot stand in a rule")


def _rule_call(call: Call, function: str, scope: Scope) -> Any:
    if function == "Ref":
        return intrinsics.value_of(call, scope)
    if function == "Fn::RefAll":
        raise TemplateError(call.at, "Fn::RefAll is not supported: it lists what an AWS account holds")
    if function in {"Fn::ValueOf", "Fn::ValueOfAll"}:
        raise TemplateError(call.at, f"{function} is not supported: it reads tags of what an AWS account holds")
    judge = FUNCTIONS.get(function)
    if judge is None:
        raise TemplateError(call.at, f"Template error: {function} cannot be used in a rule")
    arguments = _rule_value(call.argument, scope)
    if not isinstance(arguments, list):
        raise TemplateError(call.at, f"Template error: every {function} object requires a list.")
    try:
        return judge(arguments)
    except (ValueError, TypeError) as error:
        raise TemplateError(call.at, f"Template error: {function} has the wrong parameters") from error


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        raise TypeError("a list is needed")
    return [as_text(item) for item in value]


def _contains(arguments: list[Any]) -> bool:
    values, wanted = arguments
    return as_text(wanted) in _texts(values)


def _each_equals(arguments: list[Any]) -> bool:
    values, wanted = arguments
    return all(value == as_text(wanted) for value in _texts(values))


def _each_in(arguments: list[Any]) -> bool:
    values, allowed = arguments
    return set(_texts(values)) <= set(_texts(allowed))


def _equals(arguments: list[Any]) -> bool:
    left, right = arguments
    return as_text(left) == as_text(right)


def _not(arguments: list[Any]) -> bool:
    (value,) = _booleans(arguments)
    return not value


def _booleans(arguments: list[Any]) -> list[bool]:
    if not arguments or not all(isinstance(value, bool) for value in arguments):
        raise TypeError("conditions are needed")
    return arguments


FUNCTIONS: Mapping[str, Callable[[list[Any]], bool]] = {
    "Fn::And": lambda arguments: all(_booleans(arguments)),
    "Fn::Contains": _contains,
    "Fn::EachMemberEquals": _each_equals,
    "Fn::EachMemberIn": _each_in,
    "Fn::Equals": _equals,
    "Fn::Not": _not,
    "Fn::Or": lambda arguments: any(_booleans(arguments)),
}
