"""The rows of every service, against the models: a path that does not exist would refuse or accept by mistake."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.model import Shape

from moorage.api import operations
from moorage.api.support_table import WHOLE, Level, Supported, SupportTable
from moorage.wire import models, validate
from moorage.wire.faults import Rejected

TABLE = operations.table()
ROWS = [(service, name) for service, rows in TABLE.operations.items() for name in rows]
SCALARS = frozenset({"string", "integer", "long", "float", "double", "boolean", "timestamp", "blob", "character"})


def shape_at(shape: Shape, path: list[str]) -> Shape:
    """The shape that a path leads to; lists are passed through."""
    for name in path:
        while shape.type_name == "list":
            shape = shape.member
        assert shape.type_name == "structure", f"{name} is looked for in a {shape.type_name}"
        assert name in shape.members, f"there is no {name}"
        shape = shape.members[name]
    return shape


def is_plain(shape: Shape) -> bool:
    while shape.type_name == "list":
        shape = shape.member
    return shape.type_name in SCALARS


@pytest.mark.parametrize(("service", "operation"), ROWS)
def test_every_row_is_an_operation_and_every_path_a_parameter_of_it(service: str, operation: str) -> None:
    model = models.operation(service, operation)
    for path, _ in TABLE.operations[service][operation].levels():
        assert model.input_shape is not None
        *parts, last = path.split(".")
        whole = last == WHOLE
        shape = shape_at(model.input_shape, parts if whole else [*parts, last])
        only = path in TABLE.operations[service][operation].only
        assert whole != is_plain(shape) or only, f"{path}: write .* for structures and maps, and for nothing else"


@pytest.mark.parametrize(("service", "operation"), ROWS)
def test_no_path_is_named_twice_or_inside_another(service: str, operation: str) -> None:
    paths = [path.removesuffix(".*") for path, _ in TABLE.operations[service][operation].levels()]
    assert len(paths) == len(set(paths))
    for path in paths:
        assert not [other for other in paths if other.startswith(f"{path}.")]


@pytest.mark.parametrize(("service", "operation"), ROWS)
def test_required_parameters_are_supported(service: str, operation: str) -> None:
    model = models.operation(service, operation)
    required = model.input_shape.required_members if model.input_shape else []
    assert set(required) <= set(TABLE.operations[service][operation].tree)


@pytest.mark.parametrize(("service", "operation"), ROWS)
def test_every_pattern_of_a_served_operation_is_understood(service: str, operation: str) -> None:
    model = models.operation(service, operation)

    def example(shape: Shape, depth: int = 0) -> Any:
        if shape.metadata.get("document") or depth > 12:
            return {}
        if shape.type_name == "structure":
            return {name: example(inner, depth + 1) for name, inner in shape.members.items()}
        if shape.type_name == "list":
            return [example(shape.member, depth + 1)]
        if shape.type_name == "map":
            return {"key": example(shape.value, depth + 1)}
        return {"string": "x", "boolean": True, "blob": "eA=="}.get(shape.type_name, 1)

    if model.input_shape is not None:
        _, findings = validate.inspect(model.input_shape, example(model.input_shape))
        assert findings.unknown == []


async def nothing(_ctx: Any, _given: Any) -> dict[str, Any]:
    return {}


@pytest.fixture
def check() -> Callable[[dict[str, Any]], str]:
    """What a small table says to the arguments of CreateService: the message, or an empty string."""
    row = Supported(
        nothing,
        real="serviceName serviceConnectConfiguration.services.portName tags.*",
        recorded="platformVersion",
        only={"enableECSManagedTags": (False,), "placementConstraints": ([],)},
    )
    table = SupportTable({"ecs": {"CreateService": row}}, frozenset({"ec2"}))

    def call(arguments: dict[str, Any]) -> str:
        try:
            table.check("ecs", "CreateService", arguments)
        except Rejected as error:
            assert error.fault.code == "InvalidParameterException"
            return error.fault.message
        return ""

    return call


@pytest.mark.parametrize(
    "arguments",
    [
        {"serviceName": "s", "platformVersion": "1.4.0", "tags": [{"key": "k", "value": "v"}]},
        {"serviceConnectConfiguration": {"services": [{"portName": "p"}]}},
        {"enableECSManagedTags": False, "placementConstraints": []},
        {"serviceConnectConfiguration": {"services": []}},
    ],
)
def test_what_a_row_names_is_accepted(check: Any, arguments: dict[str, Any]) -> None:
    assert check(arguments) == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"launchType": "EC2"}, "Parameter 'launchType' is not"),
        (
            {"serviceConnectConfiguration": {"services": [{"portName": "p"}, {"tls": {}}]}},
            "'serviceConnectConfiguration.services[1].tls'",
        ),
        ({"serviceConnectConfiguration": {"enabled": True}}, "'serviceConnectConfiguration.enabled'"),
        ({"enableECSManagedTags": True}, "'enableECSManagedTags=true'"),
        ({"role": "r", "launchType": "EC2"}, "Parameters 'role', 'launchType' are not"),
    ],
)
def test_what_no_row_names_is_refused_with_its_path(check: Any, arguments: dict[str, Any], named: str) -> None:
    assert named in check(arguments)


def test_a_refusal_says_why_and_what_is_served_instead() -> None:
    given = [{"targetGroupArn": "arn", "containerName": "app", "containerPort": 80}]
    with pytest.raises(Rejected) as error:
        TABLE.check("ecs", "CreateService", {"serviceName": "s", "loadBalancers": given})
    said = error.value.fault.message
    assert said.startswith('Parameter \'loadBalancers=[{"targetGroupArn": "arn", ')
    assert said.endswith(
        " by Service Connect or service discovery, this machine by `moorage forward`; only [] is served."
    )
    with pytest.raises(Rejected, match="gateways here: use Service Connect; only \\[\\] is served"):
        TABLE.check("ecs", "CreateService", {"gatewayConnectors": [{"portName": "web"}]})
    with pytest.raises(Rejected, match="resources are not compared with their template: describe the resource itself"):
        TABLE.find("cloudformation", "DetectStackDrift")


def test_a_long_value_is_not_repeated_whole(check: Any) -> None:
    said = check({"placementConstraints": [{"type": "memberOf", "expression": "x" * 5000}]})
    assert len(said) < 300
    assert said.endswith("in CreateService: only [] is served.")


def test_the_level_of_an_operation_is_refused_unless_said_otherwise() -> None:
    assert TABLE.level("ecs", "CreateGateway") is Level.REFUSED
    assert TABLE.level("sts", "GetCallerIdentity") is Level.REAL
    assert TABLE.level("ec2", "DescribeVpcs") is Level.SUPPORTING
    assert TABLE.level("quantum", "Entangle") is Level.REFUSED
