"""Inputs from the service models: mostly what a handler can be asked, then bent: wrong types, limits, unknown names.

Only members that the support table accepts are drawn, else nearly every input would end at the table.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.model import Shape
from hypothesis import strategies as st

from moorage.api.support_table import WHOLE

Values = st.SearchStrategy[Any]

NUMBERS = (-(2**63), -(2**31) - 1, -1, 0, 1, 2, 5, 100, 65535, 65536, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**70)
FLOATS = (0.5, -0.0, 1e308, 1e-320)
TEXTS = (
    "",
    " ",
    "a",
    "é✓𐍈",
    "\x00",
    "a\r\nb: c",
    "../../etc/passwd",
    "arn:aws:ecs:::",
    "arn:aws:ecs:eu-west-1:123456789012:service/",
    "arn:aws:ecs:eu-west-1:123456789012:task/a/b/c",
    ":" * 8,
    "x" * 129,
    "x" * 5000,
    "-1",
    "0",
    "²",
    "1e999",
    "nan",
    "{}",
    "[" * 100,
    "${a}",
    "{{resolve:ssm:/a}}",
    "%s%n",
    "a: &a [*a]",
    "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]",
    "Resources: {A: {Type: 'AWS::ECS::Cluster'}}",
    '{"Resources": {"A": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": {"Ref": "A"}}}}}',
)
WRONG = (None, True, False, 7, 1.5, "text", [], {}, [[]], {"": ""}, {"x": {"y": [None]}}, "y" * 70_000)
MAX_DEPTH = 9


def inputs(shape: Shape | None, tree: Mapping[str, Any], known: Sequence[str]) -> Values:
    """Inputs of an operation: `tree` are the members that are accepted, `known` are names that mean something."""
    if shape is None:
        return st.just({}) | st.dictionaries(st.text(max_size=5), st.sampled_from(WRONG), max_size=2)
    return _Maker(known).structure(shape, tree, 0)


class _Maker:
    def __init__(self, known: Sequence[str]) -> None:
        self._texts = st.sampled_from([*known, *TEXTS])

    def structure(self, shape: Any, tree: Any, depth: int) -> Values:
        accepted = {name: inner for name, inner in shape.members.items() if tree == WHOLE or name in tree}
        made = {
            name: self._bent(self._value(inner, tree if tree == WHOLE else tree[name], depth + 1))
            for name, inner in accepted.items()
        }
        required = {name: made[name] for name in shape.required_members if name in made}
        optional = {name: value for name, value in made.items() if name not in required}
        whole = st.fixed_dictionaries(required, optional=optional)
        return st.one_of(whole, whole, whole, st.builds(_with_unknown, whole, st.sampled_from(TEXTS)))

    def _bent(self, value: Values) -> Values:
        return st.one_of(*[value] * 9, st.sampled_from(WRONG))

    def _value(self, shape: Any, tree: Any, depth: int) -> Values:
        if isinstance(tree, tuple):
            return st.sampled_from(tree) | self._value(shape, WHOLE, depth)
        kind = shape.type_name
        if kind in ("structure", "list", "map"):
            return st.sampled_from(WRONG) if depth > MAX_DEPTH else self._container(shape, tree, depth)
        return self._scalar(shape)

    def _container(self, shape: Any, tree: Any, depth: int) -> Values:
        if shape.type_name == "structure":
            return self.structure(shape, tree, depth)
        if shape.type_name == "map":
            return st.dictionaries(self._scalar(shape.key), self._value(shape.value, WHOLE, depth + 1), max_size=3)
        return st.lists(self._value(shape.member, tree, depth + 1), max_size=3)

    def _scalar(self, shape: Any) -> Values:
        limits = [shape.metadata[name] for name in ("min", "max") if name in shape.metadata]
        kind = shape.type_name
        if kind in ("integer", "long", "float", "double", "timestamp"):
            edges = [edge + step for edge in limits for step in (-1, 0, 1)]
            return st.sampled_from([*edges, *NUMBERS, *FLOATS]) | st.integers(0, 10)
        if kind == "boolean":
            return st.booleans()
        if kind == "blob":
            return st.sampled_from(["", "AAAA", "not base64", "é"])
        edge_texts = ["x" * max(0, edge + step) for edge in limits for step in (-1, 0, 1) if edge < 100_000]
        if shape.enum:
            return st.one_of(*[st.sampled_from(shape.enum)] * 4, st.sampled_from([*edge_texts, *TEXTS]))
        return st.one_of(self._texts, self._texts, st.sampled_from([*edge_texts, "a"]), st.text(max_size=20))


def _with_unknown(value: dict[str, Any], name: str) -> dict[str, Any]:
    return {**value, name: {"deep": [name]}}
