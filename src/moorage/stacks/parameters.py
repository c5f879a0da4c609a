"""Parameter values: what was given, checked against the declarations, and what Ref answers for each.

Two steps with a look-up between them: `settle` checks what was given and names the SSM parameters and ids that must
be looked up; `resolve` takes what the look-up found. The look-up itself is the caller's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from moorage.domain.stack import ParameterValue
from moorage.stacks.nodes import TemplateError
from moorage.stacks.template import ParameterDeclaration

_SSM_VALUE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>\Z")
_LIST = re.compile(r"List<(.+)>\Z")
_SSM_NAME = "AWS::SSM::Parameter::Name"
CHECKED_IDS = frozenset({"AWS::EC2::SecurityGroup::Id", "AWS::EC2::Subnet::Id", "AWS::EC2::VPC::Id"})
"""Types whose values must exist: the caller looks each of them up."""
_AWS_TYPES = CHECKED_IDS | {"AWS::EC2::AvailabilityZone::Name"}
_SSM_ONLY = frozenset(
    {
        "AWS::EC2::Image::Id",
        "AWS::EC2::Instance::Id",
        "AWS::EC2::KeyPair::KeyName",
        "AWS::EC2::SecurityGroup::GroupName",
        "AWS::EC2::Volume::Id",
        "AWS::Route53::HostedZone::Id",
    }
)


@dataclass(frozen=True)
class LookUp:
    """Something to look up: an SSM parameter (`type` AWS::SSM::Parameter::…), or an id that must exist."""

    parameter: str
    type: str
    value: str


@dataclass(frozen=True)
class Settled:
    """Checked values as strings, and what to look up before they can be used."""

    given: Mapping[str, str]
    look_ups: tuple[LookUp, ...]


def settle(
    declared: Mapping[str, ParameterDeclaration], given: Mapping[str, str], previous: Mapping[str, str | None]
) -> Settled:
    """Check the values given; `previous` maps the names that keep their value to it (None where there is none)."""
    unknown = sorted((set(given) | set(previous)) - set(declared))
    if unknown:
        raise TemplateError(("Parameters",), f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values: dict[str, str] = {}
    missing: list[str] = []
    for name, parameter in declared.items():
        value = given.get(name, previous.get(name) if name in previous else parameter.default)
        if value is None:
            missing.append(name)
        else:
            values[name] = value
    if missing:
        raise TemplateError(("Parameters",), f"Parameters: [{', '.join(missing)}] must have values")
    look_ups = [look_up for name, value in values.items() for look_up in _check(declared[name], value)]
    return Settled(values, tuple(look_ups))


def resolve(
    declared: Mapping[str, ParameterDeclaration], settled: Settled, found: Mapping[str, str]
) -> tuple[ParameterValue, ...]:
    """What Ref answers for each parameter; `found` maps the names of SSM-valued parameters to the stored values."""
    return tuple(_resolved(declared[name], value, found) for name, value in settled.given.items())


def _resolved(parameter: ParameterDeclaration, given: str, found: Mapping[str, str]) -> ParameterValue:
    ssm = _SSM_VALUE.match(parameter.type)
    if ssm is None:
        return ParameterValue(parameter.name, given, _typed(parameter.type, given), no_echo=parameter.no_echo)
    stored = found[parameter.name]
    return ParameterValue(parameter.name, given, _typed(ssm[1], stored), resolved=stored, no_echo=parameter.no_echo)


def _typed(kind: str, text: str) -> str | tuple[str, ...]:
    if kind == "CommaDelimitedList" or _LIST.match(kind):
        return tuple(part.strip() for part in text.split(","))
    return text


def _check(parameter: ParameterDeclaration, value: str) -> list[LookUp]:
    at = ("Parameters", parameter.name)
    ssm = _SSM_VALUE.match(parameter.type)
    if ssm is not None:
        if not _plain_type(ssm[1]) and ssm[1] not in _SSM_ONLY:
            raise TemplateError((*at, "Type"), f"Template format error: Unrecognized parameter type: {parameter.type}")
        _constraints(parameter, value)
        return [LookUp(parameter.name, parameter.type, value)]
    if not _plain_type(parameter.type):
        wanted = "is not supported" if _inner(parameter.type) in _SSM_ONLY else "is not recognized"
        raise TemplateError((*at, "Type"), f"Template format error: parameter type {parameter.type} {wanted}")
    values = _typed(parameter.type, value)
    for item in (values,) if isinstance(values, str) else values:
        _constraints(parameter, item)
    kind = _inner(parameter.type)
    if kind not in CHECKED_IDS and kind != _SSM_NAME:
        return []
    return [LookUp(parameter.name, kind, item) for item in ((values,) if isinstance(values, str) else values)]


def _inner(kind: str) -> str:
    found = _LIST.match(kind)
    return found[1] if found else kind


def _plain_type(kind: str) -> bool:
    inner = _inner(kind)
    if kind in {"String", "Number", "CommaDelimitedList", "List<Number>", "List<String>", _SSM_NAME}:
        return True
    return inner in _AWS_TYPES


def _constraints(parameter: ParameterDeclaration, value: str) -> None:
    problem = _problem(parameter, value)
    if problem is None:
        return
    if parameter.constraint:
        problem = f"Parameter {parameter.name} failed to satisfy constraint: {parameter.constraint}"
    raise TemplateError(("Parameters", parameter.name), problem)


def _problem(parameter: ParameterDeclaration, value: str) -> str | None:
    if parameter.allowed_values and value not in parameter.allowed_values:
        return f"Parameter '{parameter.name}' must be one of AllowedValues"
    if parameter.allowed_pattern is not None and not _matches(parameter, value):
        return f"Parameter '{parameter.name}' must match pattern {parameter.allowed_pattern}"
    if parameter.type in {"Number", "List<Number>"}:
        return _number_problem(parameter, value)
    return _length_problem(parameter, value)


def _matches(parameter: ParameterDeclaration, value: str) -> bool:
    try:
        return re.fullmatch(parameter.allowed_pattern or "", value) is not None
    except re.error as error:
        at = ("Parameters", parameter.name, "AllowedPattern")
        raise TemplateError(at, f"Template format error: AllowedPattern cannot be read: {error}") from error


def _number_problem(parameter: ParameterDeclaration, value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return f"Parameter '{parameter.name}' must be a number"
    least, most = parameter.bounds.get("MinValue"), parameter.bounds.get("MaxValue")
    if least is not None and number < least:
        return f"Parameter '{parameter.name}' must be a number not less than {least:g}"
    if most is not None and number > most:
        return f"Parameter '{parameter.name}' must be a number not greater than {most:g}"
    return None


def _length_problem(parameter: ParameterDeclaration, value: str) -> str | None:
    least, most = parameter.bounds.get("MinLength"), parameter.bounds.get("MaxLength")
    if least is not None and len(value) < least:
        return f"Parameter '{parameter.name}' must contain at least {least:g} characters"
    if most is not None and len(value) > most:
        return f"Parameter '{parameter.name}' must contain at most {most:g} characters"
    return None
