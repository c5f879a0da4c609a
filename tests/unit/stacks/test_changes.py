"""Plans: nothing to do where nothing changed, replacements where they must be, in an order that works."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.stack import Deployed
from moorage.stacks import blueprint as blueprints
from moorage.stacks import changes, graph
from moorage.stacks.blueprint import Blueprint
from moorage.stacks.changes import Add, Modify, Remove
from moorage.stacks.nodes import TemplateError

Draw = Callable[..., Blueprint]
Refused = Callable[..., str]

NAMESPACE = {"Type": "AWS::ServiceDiscovery::HttpNamespace", "Properties": {"Name": "shop"}}


def log(name: str | None = None, **properties: Any) -> dict[str, Any]:
    named = {} if name is None else {"LogGroupName": name}
    return {"Type": "AWS::Logs::LogGroup", "Properties": {**named, **properties}}


def balanced(name: Any) -> dict[str, Any]:
    return {"Type": "AWS::ECS::Service", "Properties": {"LoadBalancers": [{"LoadBalancerName": name}]}}


def parameter(value: Any, **members: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}, **members}


def built(blueprint: Blueprint) -> dict[str, Deployed]:
    """What exists once the blueprint has been carried out."""
    existing: dict[str, Deployed] = {}
    for name in blueprint.wanted:
        goal = blueprints.goal(blueprint, name, existing)
        attributes = dict.fromkeys(("Arn", "Id", "Value"), f"{name}-attribute")
        existing[name] = replace(goal, physical_id=f"{name}-id", attributes=attributes)
    return existing


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


BEFORE = template(Space=NAMESPACE, Log=log("/a"), Use=parameter({"Ref": "Log"}), Far=parameter({"Ref": "Use"}))


def test_a_plan_for_what_is_there_already_is_empty(draw: Draw) -> None:
    blueprint = draw(BEFORE, tags={"team": "x"})
    assert changes.plan(built(blueprint), blueprint).waves == ()


def test_everything_is_added_to_nothing_in_waves(draw: Draw) -> None:
    plan = changes.plan({}, draw(BEFORE))
    assert plan.waves == ((Add("Log"), Add("Space")), (Add("Use"),), (Add("Far"),))


def test_a_replacement_changes_what_speaks_of_it(draw: Draw) -> None:
    existing = built(draw(BEFORE))
    after = draw(template(Space=NAMESPACE, Log=log("/b"), Use=parameter({"Ref": "Log"}), Far=parameter({"Ref": "Use"})))
    assert changes.plan(existing, after).waves == (
        (Modify("Log", True, ("LogGroupName",)),),
        (Modify("Use", False, ("Value",)),),
    )


def test_what_is_not_wanted_any_more_goes_last_and_in_reverse(draw: Draw) -> None:
    existing = built(draw(BEFORE))
    assert changes.plan(existing, draw(template(Space=NAMESPACE))).waves == (
        (Remove("Far"),),
        (Remove("Use"),),
        (Remove("Log"),),
    )


def test_the_way_back_is_the_plan_from_the_new_to_the_old(draw: Draw) -> None:
    old, new = draw(BEFORE), draw(template(Space=NAMESPACE, Use=parameter("x"), New=parameter("y")))
    back = changes.plan(built(new), old).changes
    assert set(back) == {Add("Log"), Modify("Use", False, ("Value",)), Add("Far"), Remove("New")}


def test_stack_tags_are_a_change_of_what_carries_tags(draw: Draw) -> None:
    existing = built(draw(BEFORE))
    plan = changes.plan(existing, draw(BEFORE, tags={"team": "x"}))
    assert Modify("Log", False, ("Tags",)) in plan.changes


def test_a_resource_may_not_change_its_type(draw: Draw, refused: Refused) -> None:
    existing = built(draw(template(Log=log())))
    sentence = refused(changes.plan, existing, draw(template(Log=NAMESPACE)))
    assert "Update of resource type is not permitted" in sentence and "(at Resources/Log/Type)" in sentence


def test_a_custom_name_stands_in_the_way_of_its_own_replacement(draw: Draw) -> None:
    properties = {"ServiceName": "api", "Cluster": "a", "TaskDefinition": "t"}
    first = {"Type": "AWS::ECS::Service", "Properties": properties}
    old = built(draw(template(S=first)))["S"]
    goal = blueprints.goal(draw(template(S={**first, "Properties": {**properties, "Cluster": "b"}})), "S", {})
    assert isinstance(change := changes.compare("S", old, goal), Modify) and change.replacement
    assert "Rename api and update the stack again." in str(changes.name_stands_in_the_way("S", old, goal))


@pytest.mark.parametrize(
    ("resources", "sentence"),
    [
        (
            {"A": parameter({"Ref": "B"}), "B": parameter({"Fn::Sub": "${C}"}), "C": parameter("x", DependsOn="A")},
            "Circular dependency between resources: [A, B, C] (at Resources)",
        ),
        ({"A": parameter("x", DependsOn="Z")}, "Unresolved resource dependencies [Z]"),
        ({"A": {"Type": "AWS::Shoe::Lace"}}, "Unrecognized resource types: [AWS::Shoe::Lace] (at Resources/A/Type)"),
        (
            {"A": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "UpdatePolicy": {}}},
            "types: [AWS::ElasticLoadBalancingV2::LoadBalancer]; there are no load balancers here yet: leave them out",
        ),
        (
            {"S": balanced({"Ref": "R"}), "R": {"Type": "AWS::ServiceDiscovery::Service"}},
            "LoadBalancers is not supported here: there are no load balancers here yet",
        ),
        ({"A": log(Color="red")}, "extraneous key [Color] is not permitted"),
        ({"A": {"Type": "AWS::SSM::Parameter"}}, "required key [Type] not found (at Resources/A/Properties)"),
        ({"A": parameter("x", DeletionPolicy="Snapshot")}, "Snapshot is not supported"),
        ({"A": parameter("x", CreationPolicy={})}, "Resource attribute CreationPolicy is not supported"),
        ({"A": parameter("x", UpdatePolicy={})}, "Resource attribute UpdatePolicy is not supported"),
        ({"A": parameter("x", Condition="Nope")}, "Unresolved condition dependency Nope"),
        ({"A": parameter("x", Shade="y")}, "Invalid template resource property 'Shade'"),
        ({"A": log(RetentionInDays="soon")}, "expected type: Integer, found: str (at Resources/A/Pr"),
        ({"A": log(Tags=[{"Key": "k"}])}, "required key [Value] not found (at Resources/A/Properties/Tags/0)"),
        (
            {
                "A": {
                    "Type": "AWS::ECS::TaskDefinition",
                    "Properties": {"ContainerDefinitions": [{"Name": "a", "Image": "b", "Privileged": True}]},
                }
            },
            "the value true is not supported, only false (at Resources/A/Properties/ContainerDefinitions/0/Privileged)",
        ),
    ],
)
def test_a_wrong_template_is_refused_with_its_place(
    resources: Any, sentence: str, draw: Draw, refused: Refused
) -> None:
    assert sentence in refused(lambda: changes.plan({}, draw(template(**resources))))


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"Transform": "AWS::Serverless-2016-10-31"}, "Transforms are not supported: AWS::Serverless-2016-10-31"),
        ({"Hooks": {}}, "Invalid template property or properties [Hooks]"),
        ({"AWSTemplateFormatVersion": "2020-01-01"}, "only version 2010-09-09 is supported"),
        ({"Resources": {}}, "At least one Resources member must be defined."),
        ({"Outputs": {"O": {"Value": {"Ref": "Nope"}}}}, "Unresolved resource dependencies [Nope]"),
        ({"Outputs": {"O": {}}}, "Every Outputs member must contain a Value object (O)"),
        ({"Outputs": {"O-1": {"Value": "x"}}}, "Outputs name 'O-1' is non alphanumeric or too long."),
    ],
)
def test_a_wrong_outline_is_refused(section: Any, sentence: str, draw: Draw, refused: Refused) -> None:
    assert sentence in refused(draw, {**template(A=parameter("x")), **section})


NAMES = "ABCDEFGH"


@given(st.dictionaries(st.sampled_from(NAMES), st.frozensets(st.sampled_from(NAMES), max_size=3)))
def test_waves_respect_every_dependency_or_name_a_cycle(depends: Mapping[str, frozenset[str]]) -> None:
    try:
        waves = graph.waves(depends)
    except TemplateError as error:
        ring = error.reason.partition("[")[2].rstrip("]").split(", ")
        assert all(depends[name] & set(ring) for name in ring)
        return
    placed = {name: number for number, wave in enumerate(waves) for name in wave}
    assert placed.keys() == depends.keys()
    assert all(placed[other] < placed[name] for name in depends for other in depends[name] if other in placed)


def test_what_an_untaken_branch_mentions_is_no_dependency(draw: Draw) -> None:
    body = template(A=parameter({"Fn::If": ["Off", {"Ref": "B"}, "x"]}), B=parameter("y"))
    blueprint = draw({**body, "Conditions": {"Off": {"Fn::Equals": ["a", "b"]}}})
    assert blueprint.depends["A"] == frozenset()


def test_a_resource_whose_condition_does_not_hold_is_not_there(draw: Draw, refused: Refused) -> None:
    conditions = {"Conditions": {"Off": {"Fn::Equals": ["a", "b"]}}}
    body = {**template(A=parameter("x", Condition="Off"), B=parameter("y")), **conditions}
    assert list(draw(body).wanted) == ["B"]
    speaking = {**template(A=parameter("x", Condition="Off"), B=parameter({"Ref": "A"})), **conditions}
    assert "Unresolved resource dependencies [A]" in refused(lambda: changes.plan({}, draw(speaking)))
