"""Previews: what a change set says of each resource, and what each change comes from."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moorage.domain.change_set import ResourceChange
from moorage.domain.stack import Deployed
from moorage.stacks import blueprint as blueprints
from moorage.stacks import changes, parameters, preview
from moorage.stacks.blueprint import Blueprint
from moorage.stacks.preview import KNOWN_LATER, resource_changes

Draw = Callable[..., Blueprint]


def log(name: Any, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": name, **properties}}


def parameter(value: Any, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **properties}}


def existing(blueprint: Blueprint) -> dict[str, Deployed]:
    made: dict[str, Deployed] = {}
    for name in blueprint.wanted:
        goal = blueprints.goal(blueprint, name, made)
        made[name] = Deployed(goal.type, f"{name}-id", goal.properties, {"Arn": f"arn:{name}"}, deletion=goal.deletion)
    return made


def shown(old: Mapping[str, Deployed], new: Blueprint, *parameters: str) -> dict[str, ResourceChange]:
    found = resource_changes(changes.plan(old, new), old, new, frozenset(parameters))
    return {one.logical_id: one for one in found}


def test_what_is_new_is_added_with_the_values_that_are_known(draw: Draw) -> None:
    new = draw({"Resources": {"Log": log("/a"), "Use": parameter({"Fn::GetAtt": ["Log", "Arn"]})}})
    found = shown({}, new)
    assert [(one.action, one.replacement, one.physical_id) for one in found.values()] == [("Add", "", "")] * 2
    assert json.loads(found["Use"].after) == {"Properties": {"Type": "String", "Value": KNOWN_LATER}}
    assert found["Use"].before == ""


def test_a_property_that_cannot_change_in_place_makes_a_new_resource(draw: Draw) -> None:
    old = existing(draw({"Resources": {"Log": log("/a", RetentionInDays=7)}}))
    (change,) = shown(old, draw({"Resources": {"Log": log("/b", RetentionInDays=14)}})).values()
    assert (change.action, change.replacement, change.policy) == ("Modify", "True", "ReplaceAndDelete")
    details = {one.name: (one.recreation, one.source, one.before, one.after) for one in change.properties}
    assert details == {
        "LogGroupName": ("Always", "DirectModification", "/a", "/b"),
        "RetentionInDays": ("Never", "DirectModification", "7", "14"),
    }


def test_what_depends_on_a_replaced_resource_changes_for_its_sake(draw: Draw) -> None:
    def drawn(name: str) -> Blueprint:
        resources = {
            "Log": log(name),
            "ById": parameter({"Ref": "Log"}),
            "ByArn": parameter({"Fn::GetAtt": ["Log", "Arn"]}),
            "Named": parameter("x", Name={"Ref": "Log"}),
        }
        return draw({"Resources": resources})

    found = shown(existing(drawn("/a")), drawn("/b"))
    causes = {name: [(one.source, one.cause, one.dynamic) for one in found[name].properties] for name in found}
    assert causes["ById"] == [("ResourceReference", "Log", True)]
    assert causes["ByArn"] == [("ResourceAttribute", "Log.Arn", True)]
    # A name that is not known yet may turn out to be the same.
    assert found["Named"].replacement == "Conditional" and found["ById"].replacement == "False"


def test_a_changed_parameter_is_named_as_the_cause(draw: Draw) -> None:
    template = {
        "Parameters": {"Text": {"Type": "String"}, "Other": {"Type": "String", "Default": "o"}},
        "Resources": {"Use": parameter({"Fn::Sub": "${Text} ${Other}"})},
    }
    before, after = draw(template, {"Text": "a"}), draw(template, {"Text": "b"})
    (change,) = shown(existing(before), after, "Text").values()
    assert [(one.source, one.cause) for one in change.properties] == [("ParameterReference", "Text")]


def test_what_goes_is_removed_or_retained_as_its_policy_says(draw: Draw) -> None:
    both = {"Gone": log("/a"), "Left": {**log("/b"), "DeletionPolicy": "Retain"}, "Kept": parameter("x")}
    found = shown(existing(draw({"Resources": both})), draw({"Resources": {"Kept": parameter("x")}}))
    assert {name: (one.action, one.policy, one.physical_id) for name, one in found.items()} == {
        "Gone": ("Remove", "Delete", "Gone-id"),
        "Left": ("Remove", "Retain", "Left-id"),
    }


def test_parameters_are_compared_by_what_they_come_to(draw: Draw) -> None:
    template = {"Parameters": {"A": {"Type": "String"}, "B": {"Type": "String"}}, "Resources": {"Log": log("/a")}}
    parsed = blueprints.parse(json.dumps(template))

    def values(a: str, b: str) -> Any:
        return parameters.resolve(parsed.parameters, parameters.settle(parsed.parameters, {"A": a, "B": b}, {}), {})

    assert preview.changed_parameters(values("1", "2"), values("1", "3")) == {"B"}
    assert preview.changed_parameters((), values("1", "2")) == {"A", "B"}
