"""Template text to tree: JSON and YAML mean the same; what could mislead or exhaust is refused with its place."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from moorage.stacks import syntax
from moorage.stacks.nodes import Call, Fields, Items, Node, Scalar

Refused = Callable[..., str]


def plain(node: Node) -> Any:
    """A tree as data, with calls in their long form."""
    match node:
        case Scalar(value):
            return value
        case Items(items):
            return [plain(item) for item in items]
        case Fields(fields):
            return {key: plain(item) for key, item in fields.items()}
        case Call(function, argument):
            return {function: plain(argument)}


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!GetAtt A.B", {"Fn::GetAtt": ["A", "B"]}),
        ("!GetAtt A.Outputs.C", {"Fn::GetAtt": ["A", "Outputs.C"]}),
        ("!GetAtt [A, B]", {"Fn::GetAtt": ["A", "B"]}),
        ('!Sub "${A}-b"', {"Fn::Sub": "${A}-b"}),
        ("!Sub ['${x}', {x: !Ref A}]", {"Fn::Sub": ["${x}", {"x": {"Ref": "A"}}]}),
        ("!Join [',', [a, !Ref B]]", {"Fn::Join": [",", ["a", {"Ref": "B"}]]}),
        ("!If [C, 1, !Ref AWS::NoValue]", {"Fn::If": ["C", 1, {"Ref": "AWS::NoValue"}]}),
        ("!Condition C", {"Condition": "C"}),
        ('!GetAZs ""', {"Fn::GetAZs": ""}),
        ("!Base64 {Ref: A}", {"Fn::Base64": {"Ref": "A"}}),
        ("!Split ['|', !ImportValue x]", {"Fn::Split": ["|", {"Fn::ImportValue": "x"}]}),
    ],
)
def test_short_forms_are_their_long_forms(short: str, long: Any) -> None:
    tree = syntax.parse(f"key: {short}")
    assert plain(tree) == {"key": long}
    assert tree == syntax.parse(json.dumps({"key": long}))


LEAVES = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text("abc:-${} x1", max_size=6)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdXY", min_size=1), inner, max_size=3),
)


@given(st.dictionaries(st.text("abcdXY", min_size=1), DOCUMENTS, max_size=4))
def test_json_and_yaml_of_the_same_data_are_the_same_tree(data: dict[str, Any]) -> None:
    from_json = syntax.parse(json.dumps(data))
    assert plain(from_json) == data
    assert from_json == syntax.parse(yaml.safe_dump(data, default_flow_style=False))


def test_what_yaml_would_turn_into_dates_times_or_octal_stays_text() -> None:
    text = "{Version: 2012-10-17, port: 22:22, account: 012345670, on: yes}\n"
    assert plain(syntax.parse(f"# flow\n{text}")) == {
        "Version": "2012-10-17",
        "port": "22:22",
        "account": "012345670",
        "on": "yes",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": {"b": 1, "b": 2}}', "duplicate key b (at a/b)"),
        ("a:\n  b: 1\n  b: 2\n", "duplicate key b (at a/b)"),
        ("a: &x 1\nb: *x\n", "aliases are not allowed in CloudFormation templates (at a)"),
        ("a:\n  <<: {b: 1}\n", "merges are not allowed in CloudFormation templates (at a)"),
        ("a: !!python/object:os.system x\n", "YAML tag tag:yaml.org,2002:python/object:os.system is not supported"),
        ("a: [1, 2\n", "YAML not well-formed"),
        ("a: b: c\n", "(line 1, column 5)"),
        ('{"a": }', "JSON not well-formed. (line 1, column 7)"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        ("a: 1\n---\nb: 2\n", "a template is one YAML document"),
        ("", "the template is empty"),
        ("a: {Fn::Sub: x, b: 1}\n", "Fn::Sub must be the only key of its object (at a)"),
    ],
)
def test_bad_text_is_refused_with_its_place(text: str, sentence: str, refused: Refused) -> None:
    assert sentence in refused(syntax.parse, text)


@pytest.mark.parametrize(
    "text", ['{"a":' * 5_000 + "1" + "}" * 5_000, "[" * 5_000 + "]" * 5_000, "a: " + "{b: " * 99 + "1" + "}" * 99]
)
def test_deep_nesting_is_refused(text: str, refused: Refused) -> None:
    assert "nested deeper than 60" in refused(syntax.parse, text)


def test_too_large_a_template_is_refused(refused: Refused) -> None:
    assert "may not exceed 1000000 bytes" in refused(syntax.parse, "a: " + "x" * 1_000_000)
