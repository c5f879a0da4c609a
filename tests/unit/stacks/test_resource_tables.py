"""The tables of resource types are held against three others: CloudFormation's schemas, botocore's models, our API."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from moorage.api import operations
from moorage.api.support_table import WHOLE, Supported
from moorage.stacks.resources import aws_ecs_cluster, aws_ecs_service, aws_ecs_task_definition, aws_ecs_task_set
from moorage.stacks.resources.catalog import TYPES
from moorage.stacks.resources.script import ResourceType
from moorage.stacks.resources.shapes import Exactly, ListOf, Object, Shape
from moorage.store.log_events import SqliteLogEvents

EVERY = sorted(TYPES)
# Attributes that CloudFormation answers although its schema does not list them as read-only.
UNLISTED = {
    "AWS::CDK::Metadata": set(),
    "AWS::EC2::VPC": {"CidrBlock"},
    "AWS::EC2::Subnet": {"AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId"},
    "AWS::EC2::SecurityGroup": {"VpcId"},
    "AWS::ECS::Service": {"Name"},
    "AWS::SSM::Parameter": {"Type", "Value"},
    "AWS::ServiceDiscovery::Service": {"Name"},
}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", name).schema
    return found


def resolved(node: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        node = root["definitions"][node["$ref"].rsplit("/", 1)[1]]
    return node


def unknown(shape: Shape, node: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    """The properties of a shape that the schema does not have."""
    node = resolved(node, root)
    match shape:
        case Exactly(inner):
            yield from unknown(inner, node, root, at)
        case ListOf(item) if "items" in node:
            yield from unknown(item, node["items"], root, at)
        case Object(members):
            known = node.get("properties", {})
            for name, member in members.items():
                if name not in known:
                    yield f"{at}/{name}"
                else:
                    yield from unknown(member, known[name], root, f"{at}/{name}")


@pytest.mark.parametrize("name", EVERY)
def test_every_property_is_one_of_cloudformation(name: str) -> None:
    root = schema(name)
    assert list(unknown(TYPES[name].properties, root, root, "")) == []


@pytest.mark.parametrize("name", EVERY)
def test_every_required_property_is_understood(name: str) -> None:
    assert set(schema(name).get("required", [])) <= set(TYPES[name].properties.members)


@pytest.mark.parametrize("name", EVERY)
def test_every_attribute_is_one_of_cloudformation(name: str) -> None:
    root = schema(name)
    listed = {path.removeprefix("/properties/").replace("/", ".") for path in root.get("readOnlyProperties", [])}
    assert TYPES[name].attributes <= listed | UNLISTED.get(name, set())


@pytest.mark.parametrize("name", EVERY)
def test_what_can_only_be_set_at_creation_is_replaced(name: str) -> None:
    kind = TYPES[name]
    fixed = {
        path.removeprefix("/properties/").replace("/", ".") for path in schema(name).get("createOnlyProperties", [])
    }
    understood = {path for path in fixed if path.partition(".")[0] in kind.properties.members}
    assert kind.update is None or all({path, path.partition(".")[0]} & kind.replace_on for path in understood)


def paths(shape: Shape, at: str = "") -> Iterator[tuple[str, tuple[Any, ...] | None]]:
    """Every path of a shape as ECS spells it, with the values it is limited to."""
    match shape:
        case ListOf(item):
            yield from paths(item, at)
        case Object(members):
            for name, member in members.items():
                spelled = name[0].lower() + name[1:]
                yield from paths(member, f"{at}.{spelled}" if at else spelled)
        case Exactly(_, values):
            yield at, values
        case _:
            yield at, None


def accepted(row: Supported, path: str) -> Any:
    """What the support table accepts under a path: everything, some values, or nothing."""
    tree: Any = row.tree
    for step in path.split("."):
        if tree == WHOLE:
            return WHOLE
        if not isinstance(tree, dict) or step not in tree:
            return None
        tree = tree[step]
    return tree


RENAMED = {"clusterSettings": "settings", "placementStrategies": "placementStrategy"}
SPELLED = {"awsVpcConfiguration": "awsvpcConfiguration"}


@pytest.mark.parametrize(
    ("properties", "operation"),
    [
        (aws_ecs_cluster.PROPERTIES, "CreateCluster"),
        (aws_ecs_task_definition.PROPERTIES, "RegisterTaskDefinition"),
        (aws_ecs_service.PROPERTIES, "CreateService"),
        (aws_ecs_task_set.PROPERTIES, "CreateTaskSet"),
    ],
)
def test_what_a_template_may_say_of_ecs_is_what_its_operation_supports(properties: Object, operation: str) -> None:
    row = operations.table().find("ecs", operation)
    for path, values in paths(properties):
        first, _, rest = path.partition(".")
        spelled = ".".join(filter(None, (RENAMED.get(first, first), rest)))
        spelled = ".".join(SPELLED.get(step, step) for step in spelled.split("."))
        found = accepted(row, spelled)
        assert found == (WHOLE if values is None else values), spelled


def requests(kind: ResourceType) -> set[tuple[str, str]]:
    """The operations that a type's module names."""
    source = inspect.getsource(importlib.import_module(kind.create.__module__))
    return set(re.findall(r'ask\(\s*"(\w+)",\s*"(\w+)"', source))


@pytest.mark.parametrize("name", EVERY)
def test_every_operation_exists_and_is_served_or_supported(name: str, tmp_path: Path) -> None:
    table = operations.table(SqliteLogEvents(tmp_path))
    session = botocore.session.get_session()
    for service, operation in requests(TYPES[name]):
        assert operation in session.get_service_model(service).operation_names
        if service not in table.supporting:
            table.find(service, operation)
