"""A template's sections as values: parameters, rules, mappings, conditions, resources, outputs.

Refuses by name what is not understood in the outline of a template. The inside of resources is checked against their
types in `check`; values are worked out in `intrinsics`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from moorage.stacks import syntax
from moorage.stacks.nodes import Call, Fields, Items, Node, Scalar, TemplateError, fields_of, text_of, texts_of

FORMAT_VERSION = "2010-09-09"
_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
    }
)
_RESOURCE_KEYS = frozenset(
    {"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "Metadata", "Description"}
)
_REFUSED_RESOURCE_KEYS = frozenset({"CreationPolicy", "UpdatePolicy"})
_POLICIES = frozenset({"Delete", "Retain", "RetainExceptOnCreate"})
_LOGICAL_ID = re.compile(r"[A-Za-z0-9]{1,255}\Z")
_LIMITS = {"Parameters": 200, "Mappings": 200, "Resources": 500, "Outputs": 200}
T = TypeVar("T")


@dataclass(frozen=True)
class ParameterDeclaration:
    """A parameter with its constraints; `default` None means that a value must be given."""

    name: str
    type: str
    default: str | None
    no_echo: bool
    allowed_values: tuple[str, ...]
    allowed_pattern: str | None
    bounds: Mapping[str, float]
    constraint: str | None
    description: str


@dataclass(frozen=True)
class Assertion:
    """What a rule asserts, and what to say when it does not hold."""

    assertion: Node
    description: str


@dataclass(frozen=True)
class Rule:
    """Assertions that are checked when `when` holds, or always."""

    name: str
    when: Node | None
    assertions: tuple[Assertion, ...]


@dataclass(frozen=True)
class ResourceDeclaration:
    """A resource as the template writes it."""

    logical_id: str
    type: str
    properties: Fields
    depends_on: tuple[str, ...]
    condition: str | None
    deletion: str
    replacement: str
    at: tuple[str | int, ...]
    refused: tuple[str, ...] = ()
    """Attributes that CloudFormation knows and that are not supported here."""


@dataclass(frozen=True)
class OutputDeclaration:
    """An output as the template writes it."""

    name: str
    value: Node
    description: str
    export: Node | None
    condition: str | None


@dataclass(frozen=True)
class Template:
    """A template whose outline is sound."""

    description: str
    parameters: Mapping[str, ParameterDeclaration]
    mappings: Mapping[str, Mapping[str, Mapping[str, Any]]]
    conditions: Mapping[str, Node]
    rules: Mapping[str, Rule]
    resources: Mapping[str, ResourceDeclaration]
    outputs: Mapping[str, OutputDeclaration]
    metadata: Node | None


def parse(body: str) -> Template:
    """The template of a body, or TemplateError."""
    root = fields_of(syntax.parse(body), "the template")
    _known_sections(root)
    description = root.get("Description")
    return Template(
        description="" if description is None else text_of(description, "Description"),
        parameters=_section(root, "Parameters", _parameter),
        mappings=_section(root, "Mappings", _mapping),
        conditions=_section(root, "Conditions", lambda _, node: node),
        rules=_section(root, "Rules", _rule),
        resources=_section(root, "Resources", _resource),
        outputs=_section(root, "Outputs", _output),
        metadata=root.get("Metadata"),
    )


def _known_sections(root: Fields) -> None:
    if "Transform" in root.fields:
        raise TemplateError(("Transform",), f"Transforms are not supported: {_transforms(root.fields['Transform'])}")
    unknown = sorted(set(root.fields) - _SECTIONS)
    if unknown:
        raise TemplateError((unknown[0],), f"Invalid template property or properties [{', '.join(unknown)}]")
    version = root.get("AWSTemplateFormatVersion")
    if version is not None and text_of(version, "AWSTemplateFormatVersion") != FORMAT_VERSION:
        raise TemplateError(version.at, f"Template format error: only version {FORMAT_VERSION} is supported")
    if not isinstance(root.get("Resources"), Fields) or not fields_of(root.fields["Resources"], "Resources").fields:
        raise TemplateError((), "Template format error: At least one Resources member must be defined.")


def _transforms(node: Node) -> str:
    match node:
        case Scalar(value):
            return str(value)
        case Items(items):
            return ", ".join(_transforms(item) for item in items)
        case _:
            return "Fn::Transform"


def _section(root: Fields, name: str, read: Callable[[str, Node], T]) -> dict[str, T]:
    node = root.get(name)
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return {}
    if isinstance(node, Call) and node.function.startswith("Fn::"):
        raise TemplateError(
            node.at, f"{node.function} is not supported: it needs the AWS::LanguageExtensions transform"
        )
    members = fields_of(node, name).fields
    limit = _LIMITS.get(name)
    if limit is not None and len(members) > limit:
        raise TemplateError(node.at, f"Template format error: Number of {name.lower()} {len(members)} exceeds {limit}")
    for member in members:
        if not _LOGICAL_ID.match(member) and name != "Mappings":
            raise TemplateError(
                (name, member), f"Template format error: {name} name '{member}' is non alphanumeric or too long."
            )
    return {member: read(member, node) for member, node in members.items()}


def _only(fields: Fields, known: frozenset[str], what: str) -> None:
    unknown = sorted(set(fields.fields) - known)
    if unknown:
        raise TemplateError((*fields.at, unknown[0]), f"Invalid template {what} property '{unknown[0]}'")


_BOUNDS = ("MinLength", "MaxLength", "MinValue", "MaxValue")
_PARAMETER_KEYS = frozenset(
    {"Type", "Default", "NoEcho", "AllowedValues", "AllowedPattern", "ConstraintDescription", "Description", *_BOUNDS}
)


def _parameter(name: str, node: Node) -> ParameterDeclaration:
    fields = fields_of(node, f"parameter {name}")
    _only(fields, _PARAMETER_KEYS, "parameter")
    kind = fields.get("Type")
    if kind is None:
        raise TemplateError(
            node.at, f"Template format error: Every Parameters object must contain a Type member ({name})"
        )
    allowed = fields.get("AllowedValues")
    return ParameterDeclaration(
        name=name,
        type=text_of(kind, "Type"),
        default=_optional(fields, "Default"),
        no_echo=(_optional(fields, "NoEcho") or "false").lower() == "true",
        allowed_values=_values(allowed) if allowed is not None else (),
        allowed_pattern=_optional(fields, "AllowedPattern"),
        bounds={bound: _number(fields.fields[bound]) for bound in _BOUNDS if bound in fields.fields},
        constraint=_optional(fields, "ConstraintDescription"),
        description=_optional(fields, "Description") or "",
    )


def _optional(fields: Fields, name: str) -> str | None:
    node = fields.get(name)
    return None if node is None else _literal(node)


def _literal(node: Node) -> str:
    if not isinstance(node, Scalar):
        raise TemplateError(node.at, "Template format error: a literal value is needed here")
    return as_text(node.value)


def as_text(value: Any) -> str:
    """A scalar as CloudFormation writes it into a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _values(node: Node) -> tuple[str, ...]:
    if not isinstance(node, Items):
        raise TemplateError(node.at, "Template format error: AllowedValues must be a list")
    return tuple(_literal(item) for item in node.items)


def _number(node: Node) -> float:
    try:
        return float(_literal(node))
    except ValueError as error:
        raise TemplateError(node.at, "Template format error: a number is needed here") from error


def _mapping(name: str, node: Node) -> dict[str, dict[str, Any]]:
    tops = fields_of(node, f"mapping {name}").fields
    return {
        top: {key: _plain(value) for key, value in fields_of(row, "a mapping").fields.items()}
        for top, row in tops.items()
    }


def _plain(node: Node) -> Any:
    match node:
        case Scalar(value):
            return value
        case Items(items):
            return [_plain(item) for item in items]
        case _:
            raise TemplateError(node.at, "Template format error: a mapping's values are strings or lists of strings")


def _rule(name: str, node: Node) -> Rule:
    fields = fields_of(node, f"rule {name}")
    _only(fields, frozenset({"RuleCondition", "Assertions"}), "rule")
    assertions = fields.get("Assertions")
    if not isinstance(assertions, Items) or not assertions.items:
        raise TemplateError(node.at, f"Template format error: rule {name} needs a list of Assertions")
    return Rule(name, fields.get("RuleCondition"), tuple(_assertion(item) for item in assertions.items))


def _assertion(node: Node) -> Assertion:
    fields = fields_of(node, "an assertion")
    _only(fields, frozenset({"Assert", "AssertDescription"}), "assertion")
    assertion = fields.get("Assert")
    if assertion is None:
        raise TemplateError(node.at, "Template format error: an assertion needs Assert")
    return Assertion(assertion, _optional(fields, "AssertDescription") or "")


def _resource(logical_id: str, node: Node) -> ResourceDeclaration:
    fields = fields_of(node, f"resource {logical_id}")
    _only(fields, _RESOURCE_KEYS | _REFUSED_RESOURCE_KEYS, "resource")
    kind = fields.get("Type")
    if kind is None:
        raise TemplateError(
            node.at,
            f"Template format error: [/Resources/{logical_id}] Every Resources object must contain a Type member.",
        )
    empty = Fields({}, (*node.at, "Properties"))
    depends_on = fields.get("DependsOn")
    return ResourceDeclaration(
        logical_id=logical_id,
        type=text_of(kind, "Type"),
        properties=fields_of(fields.fields.get("Properties", empty), f"Properties of {logical_id}"),
        depends_on=() if depends_on is None else texts_of(depends_on, "DependsOn"),
        condition=_condition_name(fields),
        deletion=_policy(fields, "DeletionPolicy"),
        replacement=_policy(fields, "UpdateReplacePolicy"),
        refused=tuple(sorted(_REFUSED_RESOURCE_KEYS & set(fields.fields))),
        at=node.at,
    )


def _condition_name(fields: Fields) -> str | None:
    node = fields.get("Condition")
    return None if node is None else text_of(node, "Condition")


def _policy(fields: Fields, name: str) -> str:
    node = fields.get(name)
    if node is None:
        return "Delete"
    policy = text_of(node, name)
    if policy == "Snapshot":
        raise TemplateError(node.at, f"{name} Snapshot is not supported: no resource type here can be snapshotted")
    allowed = _POLICIES if name == "DeletionPolicy" else frozenset({"Delete", "Retain"})
    if policy not in allowed:
        raise TemplateError(node.at, f"Template error: Unrecognized {name} {policy}")
    return policy


def _output(name: str, node: Node) -> OutputDeclaration:
    fields = fields_of(node, f"output {name}")
    _only(fields, frozenset({"Value", "Description", "Export", "Condition"}), "output")
    value = fields.get("Value")
    if value is None:
        raise TemplateError(
            node.at, f"Template format error: Every Outputs member must contain a Value object ({name})"
        )
    export = fields.get("Export")
    if export is not None:
        body = fields_of(export, "Export")
        _only(body, frozenset({"Name"}), "export")
        export = body.get("Name")
        if export is None:
            raise TemplateError(body.at, f"Template format error: Export of output {name} needs a Name")
    return OutputDeclaration(name, value, _optional(fields, "Description") or "", export, _condition_name(fields))
