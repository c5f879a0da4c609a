"""Stacks, resources and events as CloudFormation shows them."""

from typing import Any

from moorage.domain.change_set import ChangeSet, PropertyChange, ResourceChange
from moorage.domain.stack import Output, ParameterValue, Stack, StackEvent, StackResource
from moorage.stacks.template import ParameterDeclaration

_UNCHECKED = {"StackDriftStatus": "NOT_CHECKED"}
HIDDEN = "****"


def _given(members: dict[str, Any]) -> dict[str, Any]:
    """Without what there is not: empty strings and None."""
    return {name: value for name, value in members.items() if value not in ("", None)}


def stack(one: Stack) -> dict[str, Any]:
    return _given(
        {
            "StackId": one.id,
            "StackName": one.name,
            "Description": one.description,
            "Parameters": [_parameter(value) for value in one.source.parameters],
            "CreationTime": one.created_at,
            "LastUpdatedTime": one.updated_at,
            "DeletionTime": one.deleted_at,
            "RollbackConfiguration": {},
            "StackStatus": str(one.status),
            "StackStatusReason": one.status_reason,
            "DisableRollback": one.on_failure == "DO_NOTHING",
            "NotificationARNs": [],
            "Capabilities": list(one.source.capabilities),
            "Outputs": [_output(value) for value in one.outputs],
            "RoleARN": one.source.role_arn,
            "Tags": [{"Key": key, "Value": value} for key, value in one.source.tags.items()],
            "EnableTerminationProtection": one.termination_protection,
            "DriftInformation": _UNCHECKED,
        }
    )


def _parameter(value: ParameterValue) -> dict[str, Any]:
    shown = HIDDEN if value.no_echo else value.given
    resolved = HIDDEN if value.no_echo and value.resolved is not None else value.resolved
    answer = {"ParameterKey": value.name, "ParameterValue": shown}
    return answer if resolved is None else {**answer, "ResolvedValue": resolved}


def _output(value: Output) -> dict[str, Any]:
    answer = {"OutputKey": value.name, "OutputValue": value.value}
    return answer | _given({"Description": value.description, "ExportName": value.export})


def summary(one: Stack) -> dict[str, Any]:
    return _given(
        {
            "StackId": one.id,
            "StackName": one.name,
            "TemplateDescription": one.description,
            "CreationTime": one.created_at,
            "LastUpdatedTime": one.updated_at,
            "DeletionTime": one.deleted_at,
            "StackStatus": str(one.status),
            "StackStatusReason": one.status_reason,
            "DriftInformation": _UNCHECKED,
        }
    )


def event(of: Stack, one: StackEvent) -> dict[str, Any]:
    return _given(
        {
            "StackId": of.id,
            "EventId": one.id,
            "StackName": one.stack_name,
            "LogicalResourceId": one.logical_id,
            "PhysicalResourceId": one.physical_id,
            "ResourceType": one.type,
            "Timestamp": one.at,
            "ResourceStatus": one.status,
            "ResourceStatusReason": one.reason,
            "ResourceProperties": one.properties,
            "ClientRequestToken": one.request_token,
        }
    )


def resource(of: Stack, one: StackResource) -> dict[str, Any]:
    return {"StackName": of.name, "StackId": of.id, **_resource(one), "Timestamp": one.updated_at}


def resource_detail(of: Stack, one: StackResource) -> dict[str, Any]:
    return {"StackName": of.name, "StackId": of.id, **resource_summary(one)}


def resource_summary(one: StackResource) -> dict[str, Any]:
    return {**_resource(one), "LastUpdatedTimestamp": one.updated_at}


def _resource(one: StackResource) -> dict[str, Any]:
    return _given(
        {
            "LogicalResourceId": one.logical_id,
            "PhysicalResourceId": one.physical_id,
            "ResourceType": one.type,
            "ResourceStatus": str(one.status),
            "ResourceStatusReason": one.reason,
            "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        }
    )


def change_set(of: Stack, one: ChangeSet) -> dict[str, Any]:
    """A change set without its changes."""
    return _given(
        {
            **change_set_summary(of, one),
            "Parameters": [_parameter(value) for value in one.source.parameters],
            "RollbackConfiguration": {},
            "NotificationARNs": [],
            "Capabilities": list(one.source.capabilities),
            "Tags": [{"Key": key, "Value": value} for key, value in one.source.tags.items()],
            "OnStackFailure": one.on_failure,
            "ImportExistingResources": one.source.adopts,
        }
    )


def change_set_summary(of: Stack, one: ChangeSet) -> dict[str, Any]:
    return _given(
        {
            "StackId": of.id,
            "StackName": of.name,
            "ChangeSetId": one.id,
            "ChangeSetName": one.name,
            "Description": one.description,
            "CreationTime": one.created_at,
            "Status": one.status,
            "StatusReason": one.failure,
            "ExecutionStatus": one.execution(of),
            "IncludeNestedStacks": False,
        }
    )


def resource_change(one: ResourceChange, values: bool) -> dict[str, Any]:
    """One resource of a change set; with `values` also what its properties are and would be."""
    contexts = {"BeforeContext": one.before, "AfterContext": one.after} if values else {}
    change = {
        "PolicyAction": one.policy,
        "Action": one.action,
        "LogicalResourceId": one.logical_id,
        "PhysicalResourceId": one.physical_id,
        "ResourceType": one.type,
        "Replacement": one.replacement,
        "Scope": sorted({_attribute(each) for each in one.properties}),
        "Details": [_detail(each, values) for each in one.properties],
        **contexts,
    }
    return {"Type": "Resource", "ResourceChange": _given(change)}


def _attribute(one: PropertyChange) -> str:
    return "Tags" if one.name == "Tags" else "Properties"


def _detail(one: PropertyChange, values: bool) -> dict[str, Any]:
    attribute = _attribute(one)
    shown = {"Name": one.name} if attribute == "Properties" else {}
    target: dict[str, Any] = {"Attribute": attribute, **shown, "RequiresRecreation": one.recreation}
    if values:
        kind = "Add" if not one.before else "Modify" if one.after else "Remove"
        target |= {"Path": f"/Properties/{one.name}", "AttributeChangeType": kind}
        target |= _given({"BeforeValue": one.before, "AfterValue": one.after})
    evaluation = "Dynamic" if one.dynamic else "Static"
    return {"Target": target, "Evaluation": evaluation, "ChangeSource": one.source} | _given(
        {"CausingEntity": one.cause}
    )


def declaration(parameter: ParameterDeclaration) -> dict[str, Any]:
    answer = {"ParameterKey": parameter.name, "NoEcho": parameter.no_echo}
    default = {} if parameter.default is None else {"DefaultValue": HIDDEN if parameter.no_echo else parameter.default}
    return answer | default | _given({"Description": parameter.description})
