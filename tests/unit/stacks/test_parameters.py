"""Parameters and rules: what is given is checked before anything is made of it."""

from collections.abc import Callable
from typing import Any

import pytest

Draw = Callable[..., Any]
Refused = Callable[..., str]


def template(declaration: dict[str, Any], **sections: Any) -> dict[str, Any]:
    log = {"Type": "AWS::Logs::LogGroup"}
    return {"Parameters": {"P": declaration}, "Resources": {"Log": log}, **sections}


@pytest.mark.parametrize(
    ("declaration", "given", "expected"),
    [
        ({"Type": "String"}, "a", "a"),
        ({"Type": "String", "Default": ""}, None, ""),
        ({"Type": "Number", "Default": 2, "MinValue": 0}, None, "2"),
        ({"Type": "CommaDelimitedList"}, "a, b", ["a", "b"]),
        ({"Type": "List<Number>"}, "1,2", ["1", "2"]),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc", "abc"),
        ({"Type": "AWS::SSM::Parameter::Value<String>"}, "/x", "stored:/x"),
        ({"Type": "AWS::SSM::Parameter::Value<List<String>>"}, "/x,y", ["stored:/x", "y"]),
        ({"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"}, "/ami", "stored:/ami"),
        ({"Type": "AWS::EC2::AvailabilityZone::Name"}, "eu-west-1a", "eu-west-1a"),
        ({"Type": "List<AWS::EC2::Subnet::Id>"}, "subnet-1,subnet-2", ["subnet-1", "subnet-2"]),
    ],
)
def test_a_parameter_has_its_value(declaration: dict[str, Any], given: str | None, expected: Any, draw: Draw) -> None:
    blueprint = draw(template(declaration), {} if given is None else {"P": given})
    assert blueprint.scope.parameters["P"] == expected


@pytest.mark.parametrize(
    ("declaration", "given", "sentence"),
    [
        ({"Type": "String"}, {}, "Parameters: [P] must have values"),
        ({"Type": "String"}, {"P": "a", "Q": "b"}, "Parameters: [Q] do not exist in the template"),
        ({"Type": "String", "AllowedValues": ["a"]}, {"P": "b"}, "Parameter 'P' must be one of AllowedValues"),
        ({"Type": "String", "AllowedPattern": "a+"}, {"P": "ab"}, "Parameter 'P' must match pattern a+"),
        ({"Type": "String", "AllowedPattern": "("}, {"P": "ab"}, "AllowedPattern cannot be read"),
        ({"Type": "String", "MinLength": 3}, {"P": "ab"}, "Parameter 'P' must contain at least 3 characters"),
        ({"Type": "String", "MaxLength": 1}, {"P": "ab"}, "Parameter 'P' must contain at most 1 characters"),
        ({"Type": "Number"}, {"P": "ab"}, "Parameter 'P' must be a number"),
        ({"Type": "Number", "MinValue": 3}, {"P": "2"}, "Parameter 'P' must be a number not less than 3"),
        ({"Type": "List<Number>", "MaxValue": 3}, {"P": "2,4"}, "Parameter 'P' must be a number not greater than 3"),
        (
            {"Type": "String", "MinLength": 3, "ConstraintDescription": "be long"},
            {"P": "a"},
            "Parameter P failed to satisfy constraint: be long",
        ),
        ({"Type": "AWS::EC2::KeyPair::KeyName"}, {"P": "k"}, "AWS::EC2::KeyPair::KeyName is not supported"),
        ({"Type": "Shoe"}, {"P": "k"}, "parameter type Shoe is not recognized (at Parameters/P/Type)"),
        ({"Type": "String", "Color": "red"}, {"P": "k"}, "Invalid template parameter property 'Color'"),
    ],
)
def test_a_wrong_value_is_refused(
    declaration: dict[str, Any], given: dict[str, str], sentence: str, draw: Draw, refused: Refused
) -> None:
    assert sentence in refused(draw, template(declaration), given)


def rule(assertion: Any, when: Any = None) -> dict[str, Any]:
    body: dict[str, Any] = {"Assertions": [{"Assert": assertion, "AssertDescription": "it must"}]}
    return {"Check": {**body, **({} if when is None else {"RuleCondition": when})}}


OLD = {"Fn::Contains": [["1", "2", "3"], {"Ref": "P"}]}


@pytest.mark.parametrize(
    ("rules", "given", "holds"),
    [
        (rule({"Fn::Not": [OLD]}), "6", True),
        (rule({"Fn::Not": [OLD]}), "2", False),
        (rule({"Fn::Equals": ["a", "b"]}, when=OLD), "6", True),
        (rule({"Fn::Equals": ["a", "b"]}, when=OLD), "2", False),
        (
            rule({"Fn::And": [{"Fn::EachMemberIn": [["1"], ["1", "2"]]}, {"Fn::EachMemberEquals": [["x"], "x"]}]}),
            "",
            True,
        ),
        (
            rule({"Fn::Or": [{"Fn::Equals": ["a", "b"]}, {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}]}),
            "",
            True,
        ),
    ],
)
def test_rules_are_enforced(rules: Any, given: str, holds: bool, draw: Draw, refused: Refused) -> None:
    body = template({"Type": "String"}, Rules=rules)
    if holds:
        assert list(draw(body, {"P": given}).wanted) == ["Log"]
    else:
        assert "Template error: Rule Check failed: it must (at Rules/Check)" in refused(draw, body, {"P": given})


def test_a_rule_cannot_look_into_an_account(draw: Draw, refused: Refused) -> None:
    rules = rule({"Fn::Contains": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}, "x"]})
    assert "Fn::RefAll is not supported" in refused(draw, template({"Type": "String"}, Rules=rules), {"P": "x"})
