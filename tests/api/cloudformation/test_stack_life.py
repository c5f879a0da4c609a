"""Stacks from creation to deletion through the endpoint, with SSM parameters as resources: quick and real."""

import json
from collections.abc import Callable
from typing import Any

Refusal = Callable[..., tuple[str, str]]


def parameter(value: Any, **members: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **members}}


def template(resources: dict[str, Any], **sections: Any) -> str:
    return json.dumps({"Resources": resources, **sections})


def test_a_stack_is_created_in_order_and_deleted_in_reverse(account: Any, stacks: Any) -> None:
    body = template(
        {
            "Second": parameter({"Fn::Sub": "after ${First.Value}"}),
            "First": parameter("one", Name="/first"),
        },
        Outputs={"Name": {"Value": {"Ref": "First"}}, "Text": {"Value": {"Fn::GetAtt": ["Second", "Value"]}}},
    )
    stack = stacks.create("life", body)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]} == {"Name": "/first", "Text": "after one"}
    assert stacks.steps("life") == [
        "life CREATE_IN_PROGRESS",
        "First CREATE_IN_PROGRESS",
        "First CREATE_IN_PROGRESS",
        "First CREATE_COMPLETE",
        "Second CREATE_IN_PROGRESS",
        "Second CREATE_IN_PROGRESS",
        "Second CREATE_COMPLETE",
        "life CREATE_COMPLETE",
    ]
    ssm = account.client("ssm")
    second = stacks.resources("life")["Second"]["PhysicalResourceId"]
    assert second.startswith("CFN-life-Second-")
    assert ssm.get_parameter(Name=second)["Parameter"]["Value"] == "after one"
    gone = stacks.delete("life")
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    steps = stacks.steps(gone["StackId"])
    assert steps.index("Second DELETE_COMPLETE") < steps.index("First DELETE_IN_PROGRESS")
    assert ssm.describe_parameters()["Parameters"] == []
    assert stacks.create("life", body)["StackStatus"] == "CREATE_COMPLETE"


def test_an_update_changes_replaces_adds_and_removes(account: Any, stacks: Any) -> None:
    before = {
        "Kept": parameter("same"),
        "Changed": parameter("a"),
        "Moved": parameter("m", Name="/old"),
        "Gone": parameter("g"),
    }
    stacks.create("up", template(before))
    was = stacks.resources("up")
    after = {
        "Kept": parameter("same"),
        "Changed": parameter("b"),
        "Moved": parameter("m", Name="/new"),
        "Added": parameter({"Ref": "Moved"}),
    }
    assert stacks.update("up", template(after))["StackStatus"] == "UPDATE_COMPLETE"
    now = stacks.resources("up")
    assert set(now) == {"Kept", "Changed", "Moved", "Added"}
    assert now["Kept"]["ResourceStatus"] == "CREATE_COMPLETE"
    assert now["Changed"]["PhysicalResourceId"] == was["Changed"]["PhysicalResourceId"]
    values = {one["Name"]: one for one in account.client("ssm").describe_parameters()["Parameters"]}
    assert set(values) == {one["PhysicalResourceId"] for one in now.values()}
    assert "/new" in values and "/old" not in values
    steps = stacks.steps("up")
    assert steps.index("up UPDATE_COMPLETE_CLEANUP_IN_PROGRESS") < steps.index("Moved DELETE_IN_PROGRESS")


def test_a_failed_creation_is_rolled_back_with_its_reason(account: Any, stacks: Any) -> None:
    body = template(
        {"Good": parameter("x"), "Bad": {**parameter("nope", AllowedPattern="[0-9]+"), "DependsOn": "Good"}}
    )
    stack = stacks.create("bad", body)
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    story = stacks.story("bad")
    reason = next(reason for name, status, reason in story if (name, status) == ("Bad", "CREATE_FAILED"))
    assert reason.startswith('Resource handler returned message: "')
    assert "(Service: Ssm, Status Code: 400, Request ID: null)" in reason
    rolling = next(reason for name, status, reason in story if (name, status) == ("bad", "ROLLBACK_IN_PROGRESS"))
    assert rolling == "The following resource(s) failed to create: [Bad]. Rollback requested by user."
    assert account.client("ssm").describe_parameters()["Parameters"] == []


def test_a_failed_update_leaves_everything_as_it_was(account: Any, stacks: Any) -> None:
    before = {"A": parameter("1"), "B": parameter("2", Name="/b-old"), "C": parameter("3")}
    stacks.create("back", template(before), Tags=[{"Key": "team", "Value": "x"}])
    was = {name: one["PhysicalResourceId"] for name, one in stacks.resources("back").items()}
    after = {
        "A": parameter("changed"),
        "B": parameter("2", Name="/b-new"),
        "New": parameter("n"),
        "Bad": {**parameter("nope", AllowedPattern="[0-9]+"), "DependsOn": ["A", "B", "New"]},
    }
    assert stacks.update("back", template(after))["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert {name: one["PhysicalResourceId"] for name, one in stacks.resources("back").items()} == was
    ssm = account.client("ssm")
    assert {one["Name"] for one in ssm.describe_parameters()["Parameters"]} == set(was.values())
    assert ssm.get_parameter(Name=was["A"])["Parameter"]["Value"] == "1"
    assert stacks.update("back", template({"A": parameter("again")}))["StackStatus"] == "UPDATE_COMPLETE"


def test_an_update_without_changes_is_refused(stacks: Any, refusal: Refusal) -> None:
    body = template({"A": parameter("1")})
    stacks.create("same", body)
    found = refusal(stacks.client.update_stack, StackName="same", TemplateBody=body)
    assert found == ("ValidationError", "No updates are to be performed.")


def test_exports_tie_stacks_together(stacks: Any, refusal: Refusal) -> None:
    exporting = template(
        {"A": parameter("shared")}, Outputs={"Out": {"Value": {"Ref": "A"}, "Export": {"Name": "the-name"}}}
    )
    stacks.create("exporter", exporting)
    exports = stacks.client.list_exports()["Exports"]
    assert [(one["Name"], one["ExportingStackId"].split("/")[1]) for one in exports] == [("the-name", "exporter")]
    taken = refusal(stacks.client.create_stack, StackName="second", TemplateBody=exporting)
    assert taken[1].startswith("Export with name the-name is already exported by stack exporter.")
    importing = template({"B": parameter({"Fn::ImportValue": "the-name"})})
    stacks.create("importer", importing)
    in_use = "Export the-name cannot be deleted as it is in use by importer"
    assert refusal(stacks.client.delete_stack, StackName="exporter") == ("ValidationError", in_use)
    without = template({"A": parameter("shared")})
    assert refusal(stacks.client.update_stack, StackName="exporter", TemplateBody=without)[1] == in_use
    assert stacks.client.list_imports(ExportName="the-name")["Imports"] == ["importer"]
    stacks.delete("importer")
    assert stacks.delete("exporter")["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.client.list_exports()["Exports"] == []


def test_an_import_of_nothing_is_refused(stacks: Any, refusal: Refusal) -> None:
    body = template({"B": parameter({"Fn::ImportValue": "nobody"})})
    code, message = refusal(stacks.client.create_stack, StackName="lost", TemplateBody=body)
    assert code == "ValidationError"
    assert message == "No export named nobody found. (at Resources/B/Properties/Value)"


def test_an_output_of_another_stack_is_read_once_and_ties_nothing(stacks: Any, account: Any, refusal: Refusal) -> None:
    outputs = {"Out": {"Value": {"Fn::GetAtt": ["A", "Value"]}}}
    read = {"Fn::GetStackOutput": {"StackName": {"Ref": "From"}, "OutputName": "Out"}}
    reading = template({"B": parameter(read, Name="/b")}, Parameters={"From": {"Type": "String", "Default": "giver"}})
    lost = refusal(stacks.client.create_stack, StackName="reader", TemplateBody=reading)
    assert lost[1].startswith("Stack giver has no output Out in ")
    stacks.create("giver", template({"A": parameter("1")}, Outputs=outputs))
    stacks.create("reader", reading)

    def value() -> str:
        return str(account.client("ssm").get_parameter(Name="/b")["Parameter"]["Value"])

    assert value() == "1"
    stacks.update("giver", template({"A": parameter("2")}, Outputs=outputs))
    assert value() == "1"
    assert stacks.update("reader", reading)["StackStatus"] == "UPDATE_COMPLETE"
    assert value() == "2"
    assert stacks.delete("giver")["StackStatus"] == "DELETE_COMPLETE"
    assert stacks.delete("reader")["StackStatus"] == "DELETE_COMPLETE"


def test_a_retained_resource_outlives_its_stack(account: Any, stacks: Any) -> None:
    kept = {**parameter("k", Name="/kept"), "DeletionPolicy": "Retain"}
    stacks.create("keeper", template({"Kept": kept, "Gone": parameter("g")}))
    gone = stacks.delete("keeper")
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    assert "Kept DELETE_SKIPPED" in stacks.steps(gone["StackId"])
    assert [one["Name"] for one in account.client("ssm").describe_parameters()["Parameters"]] == ["/kept"]


def test_a_name_that_is_taken_is_not_adopted_or_deleted(account: Any, stacks: Any) -> None:
    ssm = account.client("ssm")
    ssm.put_parameter(Name="/mine", Value="precious", Type="String")
    stack = stacks.create("thief", template({"Mine": parameter("stolen", Name="/mine")}))
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    reasons = " ".join(reason for _, _, reason in stacks.story("thief"))
    assert "with identifier '/mine' already exists" in reasons
    assert ssm.get_parameter(Name="/mine")["Parameter"]["Value"] == "precious"


def test_a_second_stack_of_a_name_is_refused(stacks: Any, refusal: Refusal) -> None:
    body = template({"A": parameter("1")})
    stacks.create("twice", body)
    found = refusal(stacks.client.create_stack, StackName="twice", TemplateBody=body)
    assert found == ("AlreadyExistsException", "Stack [twice] already exists")


def test_what_is_not_supported_is_refused_by_name(stacks: Any, refusal: Refusal) -> None:
    create = stacks.client.create_stack
    body = template({"A": parameter("1")})
    assert "TimeoutInMinutes" in refusal(create, StackName="x", TemplateBody=body, TimeoutInMinutes=5)[1]
    assert "DetectStackDrift" in refusal(stacks.client.detect_stack_drift, StackName="x")[1]
    missing = refusal(stacks.client.describe_stacks, StackName="x")
    assert missing == ("ValidationError", "Stack with id x does not exist")


def test_ssm_valued_parameters_are_resolved_and_hidden_ones_are_not_shown(account: Any, stacks: Any) -> None:
    account.client("ssm").put_parameter(Name="/given", Value="seven", Type="String")
    parameters = {
        "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/given"},
        "Secret": {"Type": "String", "NoEcho": True},
    }
    body = template({"A": parameter({"Ref": "Stored"})}, Parameters=parameters)
    stack = stacks.create("values", body, Parameters=[{"ParameterKey": "Secret", "ParameterValue": "hush"}])
    shown = {one["ParameterKey"]: one for one in stack["Parameters"]}
    assert shown["Stored"] == {"ParameterKey": "Stored", "ParameterValue": "/given", "ResolvedValue": "seven"}
    assert shown["Secret"]["ParameterValue"] == "****"
    name = stacks.resources("values")["A"]["PhysicalResourceId"]
    assert account.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "seven"


def test_the_cdks_question_for_its_bootstrap_is_answered_without_one(stacks: Any, refusal: Refusal) -> None:
    version = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}
    old = {"Fn::Contains": [["1", "2", "3", "4", "5"], {"Ref": "Version"}]}
    rules = {"CheckVersion": {"Assertions": [{"Assert": {"Fn::Not": [old]}, "AssertDescription": "too old"}]}}
    body = template({"A": parameter("1")}, Parameters={"Version": version}, Rules=rules)
    assert stacks.create("cdk", body)["StackStatus"] == "CREATE_COMPLETE"
    lost = template({"A": parameter("1")}, Parameters={"Version": {**version, "Default": "/not/there"}})
    code, message = refusal(stacks.client.create_stack, StackName="lost", TemplateBody=lost)
    assert (code, message) == (
        "ValidationError",
        "Unable to fetch parameters [/not/there] from parameter store for this account.",
    )
