"""Every intrinsic function, right and wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from moorage.stacks import blueprint as blueprints
from moorage.stacks.scope import Unknown

Value = Callable[..., Any]
Refused = Callable[..., str]

MAP = {"Mappings": {"Sizes": {"eu-west-1": {"small": "256", "zones": ["a", "b"]}}}}
SWITCH = {
    "Parameters": {"Stage": {"Type": "String", "Default": "prod"}},
    "Conditions": {
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsTest": {"Fn::Not": [{"Condition": "IsProd"}]},
        "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsTest"}]},
        "Either": {"Fn::Or": [{"Condition": "Both"}, {"Condition": "IsProd"}]},
    },
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::StackName"}, "shop"),
        ({"Fn::Sub": "${AWS::AccountId}/${!Literal}/${ AWS::Partition }"}, "111122223333/${Literal}/aws"),
        ({"Fn::Sub": ["${own}-${AWS::Region}", {"own": {"Ref": "AWS::StackName"}}]}, "shop-eu-west-1"),
        ({"Fn::Join": ["", ["a", {"Ref": "AWS::Region"}, 1, True]]}, "aeu-west-11true"),
        ({"Fn::Join": [",", {"Fn::Split": ["|", "a|b"]}]}, "a,b"),
        ({"Fn::Select": ["1", ["a", "b"]]}, "b"),
        ({"Fn::Select": [1, {"Fn::GetAZs": ""}]}, "eu-west-1b"),
        ({"Fn::Select": [0, {"Fn::GetAZs": {"Ref": "AWS::Region"}}]}, "eu-west-1a"),
        ({"Fn::Base64": "hello"}, "aGVsbG8="),
        ({"Fn::Join": [" ", {"Fn::Cidr": ["10.0.0.0/16", 3, 8]}]}, "10.0.0.0/24 10.0.1.0/24 10.0.2.0/24"),
        ({"Fn::Select": [1, {"Fn::Cidr": ["10.1.0.0/16", "2", "12"]}]}, "10.1.16.0/20"),
        ({"Fn::ImportValue": "there"}, "imported"),
        ({"Fn::ImportValue": {"Fn::Sub": "${AWS::StackName}-net"}}, "vpc-1"),
        ({"Fn::GetStackOutput": {"StackName": "net", "OutputName": "Vpc"}}, "vpc-2"),
        (
            {
                "Fn::GetStackOutput": {
                    "StackName": "net",
                    "OutputName": "Vpc",
                    "Region": {"Fn::Join": ["", ["us-east-1"]]},
                }
            },
            "vpc-3",
        ),
    ],
)
def test_functions(written: Any, expected: str, value: Value) -> None:
    exports = {"there": "imported", "shop-net": "vpc-1"}
    assert (
        value(written, exports=exports, read={"eu-west-1/net/Vpc": "vpc-2", "us-east-1/net/Vpc": "vpc-3"}) == expected
    )


def test_find_in_map(value: Value) -> None:
    assert value({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "small"]}, MAP) == "256"
    assert value({"Fn::Select": [1, {"Fn::FindInMap": ["Sizes", "eu-west-1", "zones"]}]}, MAP) == "b"


@pytest.mark.parametrize(("condition", "expected"), [("IsProd", "y"), ("IsTest", "n"), ("Both", "n"), ("Either", "y")])
def test_conditions_choose(condition: str, expected: str, value: Value) -> None:
    assert value({"Fn::If": [condition, "y", "n"]}, SWITCH) == expected


def test_no_value_takes_the_property_away(draw: Callable[..., Any]) -> None:
    properties = {"Type": "String", "Value": "v", "Description": {"Fn::If": ["IsTest", "d", {"Ref": "AWS::NoValue"}]}}
    blueprint = draw({**SWITCH, "Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": properties}}})
    assert "Description" not in blueprints.goal(blueprint, "P", {}).properties


def test_what_is_not_made_yet_is_unknown_in_everything_made_of_it(draw: Callable[..., Any]) -> None:
    uses = [
        {"Fn::Sub": "x${Log}"},
        {"Fn::Join": ["-", ["a", {"Fn::GetAtt": ["Log", "Arn"]}]]},
        {"Fn::Select": [0, {"Fn::Split": [":", {"Fn::GetAtt": ["Log", "Arn"]}]}]},
        {"Fn::Base64": {"Ref": "Log"}},
    ]
    for use in uses:
        probe = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": use}}
        blueprint = draw({"Resources": {"Probe": probe, "Log": {"Type": "AWS::Logs::LogGroup"}}})
        found = blueprints.goal(blueprint, "Probe", {}).properties["Value"]
        assert isinstance(found, Unknown) and found.resource == "Log"
        assert blueprint.waves == (("Log",), ("Probe",))


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({"Ref": "Nobody"}, "Unresolved resource dependencies [Nobody] in the Resources block of the template"),
        ({"Fn::GetAtt": ["Nobody", "Arn"]}, "Fn::GetAtt references undefined resource Nobody"),
        ({"Fn::GetAtt": ["Probe", "Shoe"]}, "resource Probe does not support attribute type Shoe in Fn::GetAtt"),
        ({"Fn::Sub": "${Nobody.Arn}"}, "Fn::GetAtt references undefined resource Nobody"),
        ({"Fn::Sub": ["${a}${b}", {"a": "x"}]}, "Unresolved resource dependencies [b]"),
        ({"Fn::Join": [","]}, "every Fn::Join object requires 2 parameters"),
        ({"Fn::Select": [2, ["a"]]}, "Fn::Select cannot select nonexistent value at index 2"),
        ({"Fn::FindInMap": ["M", "a", "b"]}, "Mapping named 'M' is not present"),
        ({"Fn::FindInMap": ["M", "a", "b", {"DefaultValue": 1}]}, "needs the AWS::LanguageExtensions transform"),
        ({"Fn::Cidr": ["10.0.0.0/24", 300, 4]}, "Fn::Cidr cannot divide 10.0.0.0/24"),
        ({"Fn::GetAZs": "mars-1"}, "knows no availability zones of region mars-1"),
        ({"Fn::If": ["Nope", 1, 2]}, "Unresolved condition dependency Nope"),
        ({"Fn::GetStackOutput": {"StackName": "net", "OutputName": "X"}}, "Stack net has no output X in eu-west-1."),
        ({"Fn::GetStackOutput": {"StackName": "net"}}, "requires StackName and OutputName, and may have Region"),
        (
            {"Fn::GetStackOutput": {"StackName": "a", "OutputName": "b", "Role": "c"}},
            "requires StackName and OutputName",
        ),
        (
            {"Fn::GetStackOutput": {"StackName": "a", "OutputName": "b", "RoleArn": "c"}},
            "Fn::GetStackOutput with RoleArn is not supported: it reads another account",
        ),
        ({"Fn::GetStackOutput": {"StackName": 1, "OutputName": "b"}}, "must be strings known at once"),
        ({"Fn::Length": [1]}, "Fn::Length is not supported: it needs the AWS::LanguageExtensions transform"),
        ({"Fn::ToJsonString": {}}, "Fn::ToJsonString is not supported"),
        ({"Fn::Transform": {"Name": "X"}}, "Fn::Transform is not supported: macros and includes are not run"),
        ({"Fn::Frobnicate": 1}, "Template error: unknown function Fn::Frobnicate"),
    ],
)
def test_a_wrong_function_is_refused_with_its_place(
    written: Any, sentence: str, value: Value, refused: Refused
) -> None:
    found = refused(value, written)
    assert sentence in found
    assert "(at Resources/Probe/Properties/Value" in found


def test_find_in_map_says_which_key_is_missing(value: Value, refused: Refused) -> None:
    found = refused(value, {"Fn::FindInMap": ["Sizes", "eu-west-1", "huge"]}, MAP)
    assert "Unable to get mapping for Sizes::eu-west-1::huge" in found


def test_conditions_that_name_each_other_are_refused(value: Value, refused: Refused) -> None:
    ring = {"Conditions": {"A": {"Fn::Not": [{"Condition": "B"}]}, "B": {"Fn::Not": [{"Condition": "A"}]}}}
    assert "circular condition dependency [A, B, A]" in refused(value, "x", ring)
