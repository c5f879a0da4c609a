"""What happens while a resource takes its time: cancelling, deleting half-made stacks, choosing what a failure does.

No task ever runs behind this endpoint, so a service that wants one is never stable.
"""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

Refusal = Callable[..., tuple[str, str]]

TASK = {
    "Type": "AWS::ECS::TaskDefinition",
    "Properties": {
        "Family": {"Fn::Sub": "${AWS::StackName}-task"},
        "NetworkMode": "awsvpc",
        "RequiresCompatibilities": ["FARGATE"],
        "Cpu": "256",
        "Memory": "512",
        "ContainerDefinitions": [{"Name": "app", "Image": "app"}],
    },
}
SERVICE = {
    "Type": "AWS::ECS::Service",
    "Properties": {
        "Cluster": {"Ref": "Cluster"},
        "TaskDefinition": {"Ref": "Task"},
        "LaunchType": "FARGATE",
        "DesiredCount": 1,
        "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}},
    },
}
SLOW = {"Cluster": {"Type": "AWS::ECS::Cluster"}, "Task": TASK, "Slow": SERVICE}
BAD = {
    "Type": "AWS::SSM::Parameter",
    "DependsOn": "Task",
    "Properties": {"Type": "String", "Value": "nope", "AllowedPattern": "[0-9]+"},
}


def body(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


def until(stacks: Any, name: str, step: str) -> None:
    for _ in range(200):
        if step in stacks.steps(name):
            return
        threading.Event().wait(0.05)
    raise AssertionError(f"{step} did not come: {stacks.story(name)}")


def test_what_still_waits_is_cancelled_when_something_else_fails(account: Any, stacks: Any) -> None:
    late = {**BAD, "DependsOn": "Log", "Properties": {**BAD["Properties"], "Description": {"Ref": "Cluster"}}}
    waits = {"Type": "AWS::SSM::Parameter", "DependsOn": ["Task"], "Properties": {"Type": "String", "Value": "x"}}
    stack = stacks.create("torn", body(**SLOW, Log=waits, Late=late))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    story = stacks.story("torn")
    assert ("Slow", "CREATE_FAILED", "Resource creation cancelled") in story
    reason = next(reason for name, status, reason in story if (name, status) == ("torn", "ROLLBACK_IN_PROGRESS"))
    assert reason == "The following resource(s) failed to create: [Late, Slow]. Rollback requested by user."
    steps = stacks.steps("torn")
    assert steps.index("Slow DELETE_COMPLETE") < steps.index("Cluster DELETE_IN_PROGRESS")
    assert account.client("ecs").list_clusters()["clusterArns"] == []


def test_a_stack_can_be_deleted_while_it_is_created(account: Any, stacks: Any, refusal: Refusal) -> None:
    stack_id = stacks.client.create_stack(StackName="half", TemplateBody=body(**SLOW))["StackId"]
    until(stacks, "half", "Slow CREATE_IN_PROGRESS")
    refused = refusal(stacks.client.update_stack, StackName="half", TemplateBody=body(Task=TASK))
    assert refused == ("ValidationError", f"Stack:{stack_id} is in CREATE_IN_PROGRESS state and can not be updated.")
    stacks.client.delete_stack(StackName="half")
    assert stacks.settled(stack_id)["StackStatus"] == "DELETE_COMPLETE"
    assert account.client("ecs").list_clusters()["clusterArns"] == []
    assert account.client("ecs").list_task_definitions()["taskDefinitionArns"] == []


@pytest.mark.parametrize(
    ("choice", "status"),
    [({"OnFailure": "DELETE"}, "DELETE_COMPLETE"), ({"DisableRollback": True}, "CREATE_FAILED")],
)
def test_a_failure_does_what_was_chosen(choice: dict[str, Any], status: str, account: Any, stacks: Any) -> None:
    stack_id = stacks.client.create_stack(StackName="chosen", TemplateBody=body(Task=TASK, Bad=BAD), **choice)[
        "StackId"
    ]
    assert stacks.settled(stack_id)["StackStatus"] == status
    left = account.client("ecs").list_task_definitions()["taskDefinitionArns"]
    assert len(left) == (1 if status == "CREATE_FAILED" else 0)


def test_a_protected_stack_is_not_deleted(stacks: Any, refusal: Refusal) -> None:
    stacks.create("safe", body(Task=TASK), EnableTerminationProtection=True)
    refused = refusal(stacks.client.delete_stack, StackName="safe")
    assert refused[1] == "Stack [safe] cannot be deleted while TerminationProtection is enabled"
    stacks.client.update_termination_protection(StackName="safe", EnableTerminationProtection=False)
    assert stacks.delete("safe")["StackStatus"] == "DELETE_COMPLETE"


def test_iam_resources_need_the_callers_word(stacks: Any, refusal: Refusal) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    create = stacks.client.create_stack
    insufficient = ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
    assert refusal(create, StackName="iam", TemplateBody=body(Role=role)) == insufficient
    role["Properties"]["RoleName"] = "mine"
    insufficient = ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]")
    given = {"StackName": "iam", "TemplateBody": body(Role=role), "Capabilities": ["CAPABILITY_IAM"]}
    assert refusal(create, **given) == insufficient


def test_what_ecs_refuses_comes_back_in_cloudformations_words(stacks: Any) -> None:
    bad = json.loads(json.dumps(TASK))
    ports = [{"Name": "http", "ContainerPort": port} for port in (80, 81)]
    bad["Properties"]["ContainerDefinitions"][0]["PortMappings"] = ports
    assert stacks.create("words", body(Bad=bad))["StackStatus"] == "ROLLBACK_COMPLETE"
    reason = next(
        reason for name, status, reason in stacks.story("words") if (name, status) == ("Bad", "CREATE_FAILED")
    )
    expected = (
        'Resource handler returned message: "Invalid request provided: Create TaskDefinition: '
        "When networkMode=awsvpc, port mapping name is already used"
    )
    assert reason.startswith(expected)
    assert "(Service: AmazonECS; Status Code: 400; Error Code: ClientException; Request ID: null)" in reason


def test_validation_tells_what_a_template_needs(stacks: Any, refusal: Refusal) -> None:
    template = json.dumps(
        {
            "Description": "d",
            "Parameters": {"P": {"Type": "String", "Default": "x", "NoEcho": True, "Description": "why"}},
            "Resources": {"Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}},
        }
    )
    answer = stacks.client.validate_template(TemplateBody=template)
    parameter = {"ParameterKey": "P", "DefaultValue": "****", "NoEcho": True, "Description": "why"}
    assert (answer["Description"], answer["Parameters"]) == ("d", [parameter])
    assert answer["Capabilities"] == ["CAPABILITY_IAM"]
    code, message = refusal(stacks.client.validate_template, TemplateBody='{"Resources": {"A": {"Type": "X::Y"}}}')
    assert (code, message) == (
        "ValidationError",
        "Template format error: Unrecognized resource types: [X::Y] (at Resources/A/Type)",
    )
