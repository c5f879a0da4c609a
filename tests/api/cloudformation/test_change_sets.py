"""Change sets through the endpoint: drawn up, looked at, executed; and the steps of `aws cloudformation deploy`."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from moorage.api.cloudformation import request

Refusal = Callable[..., tuple[str, str]]


def parameter(value: Any, **members: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **members}}


def template(**resources: Any) -> str:
    return json.dumps({"Resources": resources})


def create(stacks: Any, name: str, body: str, kind: str = "CREATE", change_set: str = "one", **more: Any) -> Any:
    return stacks.client.create_change_set(
        StackName=name, ChangeSetName=change_set, ChangeSetType=kind, TemplateBody=body, **more
    )


def execute(stacks: Any, name: str, change_set: str = "one", **more: Any) -> Any:
    stacks.client.execute_change_set(StackName=name, ChangeSetName=change_set, **more)
    return stacks.settled(name)


def test_a_stack_comes_into_being_by_a_change_set(account: Any, stacks: Any) -> None:
    made = create(stacks, "born", template(A=parameter("x", Name="/born")), Description="first", Tags=[])
    stacks.client.get_waiter("change_set_create_complete").wait(StackName="born", ChangeSetName="one")
    seen = stacks.client.describe_change_set(ChangeSetName=made["Id"])
    assert (seen["Status"], seen["ExecutionStatus"], seen["Description"]) == ("CREATE_COMPLETE", "AVAILABLE", "first")
    assert [one["ResourceChange"]["Action"] for one in seen["Changes"]] == ["Add"]
    (stack,) = stacks.client.describe_stacks(StackName="born")["Stacks"]
    assert stack["StackId"] == made["StackId"] and stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert account.client("ssm").describe_parameters()["Parameters"] == []
    assert execute(stacks, "born")["StackStatus"] == "CREATE_COMPLETE"
    assert account.client("ssm").get_parameter(Name="/born")["Parameter"]["Value"] == "x"
    seen = stacks.client.describe_change_set(StackName="born", ChangeSetName="one")
    assert seen["ExecutionStatus"] == "EXECUTE_COMPLETE"
    assert stacks.steps("born")[:2] == ["born REVIEW_IN_PROGRESS", "born CREATE_IN_PROGRESS"]


def test_an_update_shows_what_it_would_change_and_changes_just_that(stacks: Any) -> None:
    stacks.create("shown", template(A=parameter("a", Name="/old"), B=parameter({"Ref": "A"})))
    create(stacks, "shown", template(A=parameter("a", Name="/new"), B=parameter({"Ref": "A"})), "UPDATE")
    seen = stacks.client.describe_change_set(StackName="shown", ChangeSetName="one", IncludePropertyValues=True)
    a, b = (one["ResourceChange"] for one in seen["Changes"])
    assert (a["Replacement"], a["PhysicalResourceId"], a["Scope"]) == ("True", "/old", ["Properties"])
    assert a["Details"][0]["Target"] == {
        "Attribute": "Properties",
        "Name": "Name",
        "RequiresRecreation": "Always",
        "Path": "/Properties/Name",
        "BeforeValue": "/old",
        "AfterValue": "/new",
        "AttributeChangeType": "Modify",
    }
    assert b["Details"][0]["ChangeSource"] == "ResourceReference" and b["Details"][0]["CausingEntity"] == "A"
    assert json.loads(b["BeforeContext"])["Properties"]["Value"] == "/old"
    assert stacks.resources("shown")["A"]["PhysicalResourceId"] == "/old"
    assert execute(stacks, "shown")["StackStatus"] == "UPDATE_COMPLETE"
    assert stacks.resources("shown")["A"]["PhysicalResourceId"] == "/new"


def test_a_change_set_without_changes_says_so_and_cannot_be_executed(stacks: Any, refusal: Refusal) -> None:
    body = template(A=parameter("a"))
    stacks.create("same", body)
    create(stacks, "same", body, "UPDATE")
    seen = stacks.client.describe_change_set(StackName="same", ChangeSetName="one")
    assert (seen["Status"], seen["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert seen["StatusReason"].startswith("The submitted information didn't contain changes.")
    code, message = refusal(stacks.client.execute_change_set, StackName="same", ChangeSetName="one")
    assert code == "InvalidChangeSetStatus" and "[FAILED]" in message


def test_what_was_drawn_up_for_a_former_state_of_the_stack_is_obsolete(stacks: Any, refusal: Refusal) -> None:
    stacks.create("old", template(A=parameter("a")))
    create(stacks, "old", template(A=parameter("b")), "UPDATE", "first")
    create(stacks, "old", template(A=parameter("c")), "UPDATE", "second")
    listed = stacks.client.list_change_sets(StackName="old")["Summaries"]
    assert [one["ChangeSetName"] for one in listed] == ["first", "second"]
    execute(stacks, "old", "second")
    # The others are not of the stack that it has become.
    listed = stacks.client.list_change_sets(StackName="old")["Summaries"]
    assert [(one["ChangeSetName"], one["ExecutionStatus"]) for one in listed] == [("second", "EXECUTE_COMPLETE")]
    create(stacks, "old", template(A=parameter("d")), "UPDATE", "third")
    stacks.update("old", template(A=parameter("e")))
    (third,) = stacks.client.list_change_sets(StackName="old")["Summaries"]
    assert third["ExecutionStatus"] == "OBSOLETE"
    assert refusal(stacks.client.execute_change_set, ChangeSetName=third["ChangeSetId"])[0] == "InvalidChangeSetStatus"


def test_the_kind_must_fit_what_there_is(stacks: Any, refusal: Refusal) -> None:
    body = template(A=parameter("a"))
    code, message = refusal(create, stacks=stacks, name="none", body=body, kind="UPDATE")
    assert (code, message) == ("ValidationError", "Stack [none] does not exist")
    stacks.create("there", body)
    code, message = refusal(create, stacks=stacks, name="there", body=body)
    assert code == "ValidationError" and "cannot be created again with the changeSet [one]" in message
    create(stacks, "draft", body)
    code, message = refusal(create, stacks=stacks, name="draft", body=body, kind="UPDATE", change_set="two")
    assert code == "ValidationError" and "REVIEW_IN_PROGRESS state and can not be updated" in message
    assert refusal(create, stacks=stacks, name="draft", body=body)[0] == "AlreadyExistsException"


def test_a_draft_can_be_deleted_with_or_without_its_stack(account: Any, stacks: Any, refusal: Refusal) -> None:
    create(stacks, "draft", template(A=parameter("a")))
    stacks.client.delete_change_set(StackName="draft", ChangeSetName="one")
    stacks.client.delete_change_set(StackName="draft", ChangeSetName="one")
    gone = refusal(stacks.client.describe_change_set, StackName="draft", ChangeSetName="one")
    assert gone == ("ChangeSetNotFound", "ChangeSet [one] does not exist")
    again = create(stacks, "draft", template(A=parameter("a")))
    assert stacks.delete("draft")["StackStatus"] == "DELETE_COMPLETE"
    assert refusal(stacks.client.describe_change_set, ChangeSetName=again["Id"])[0] == "ChangeSetNotFound"
    assert stacks.create("draft", template(A=parameter("a")))["StackStatus"] == "CREATE_COMPLETE"


def test_a_creation_that_fails_does_what_the_change_set_says(stacks: Any) -> None:
    body = template(Good=parameter("x"), Bad={**parameter("no", AllowedPattern="[0-9]+"), "DependsOn": "Good"})
    create(stacks, "kept", body)
    assert execute(stacks, "kept", DisableRollback=True)["StackStatus"] == "CREATE_FAILED"
    made = create(stacks, "deleted", body, OnStackFailure="DELETE")
    stacks.client.execute_change_set(ChangeSetName=made["Id"])
    assert stacks.settled(made["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    create(stacks, "back", body)
    assert execute(stacks, "back")["StackStatus"] == "ROLLBACK_COMPLETE"
    seen = stacks.client.describe_change_set(StackName="back", ChangeSetName="one")
    assert seen["ExecutionStatus"] == "EXECUTE_FAILED"


def test_what_exists_under_its_custom_name_and_is_retained_becomes_the_stacks(account: Any, stacks: Any) -> None:
    ssm = account.client("ssm")
    ssm.put_parameter(Name="/theirs", Value="before", Type="String")
    retained = {**parameter("now", Name="/theirs"), "DeletionPolicy": "Retain"}
    create(stacks, "adopts", template(A=retained), ImportExistingResources=True)
    assert stacks.client.describe_change_set(StackName="adopts", ChangeSetName="one")["ImportExistingResources"]
    assert execute(stacks, "adopts")["StackStatus"] == "CREATE_COMPLETE"
    # Imported as it is; the next update that speaks of it changes it.
    assert ssm.get_parameter(Name="/theirs")["Parameter"]["Value"] == "before"
    later = template(A={**parameter("now", Name="/theirs", Description="ours"), "DeletionPolicy": "Retain"})
    assert stacks.update("adopts", later)["StackStatus"] == "UPDATE_COMPLETE"
    for name, body in (("not-asked", retained), ("not-retained", parameter("x", Name="/theirs"))):
        create(stacks, name, template(A=body), ImportExistingResources=name == "not-retained")
        assert execute(stacks, name)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert ssm.get_parameter(Name="/theirs")["Parameter"]["Value"] == "now"


def test_the_template_of_a_change_set_can_be_read_before_it_is_the_stacks(stacks: Any) -> None:
    stacks.create("read", template(A=parameter("a")))
    body = template(A=parameter("b"))
    create(stacks, "read", body, "UPDATE")
    got = stacks.client.get_template(StackName="read", ChangeSetName="one")["TemplateBody"]
    assert got == json.loads(body)
    summary = stacks.client.get_template_summary(TemplateBody=body)
    assert summary["ResourceTypes"] == ["AWS::SSM::Parameter"] and summary["Parameters"] == []


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://shop.s3.us-east-1.amazonaws.com/a%20b/t.json", ("shop", "a b/t.json")),
        ("https://my.shop.s3-us-west-2.amazonaws.com/t.json", ("my.shop", "t.json")),
        ("https://s3.us-east-1.amazonaws.com/shop/a/t.json", ("shop", "a/t.json")),
        ("http://127.0.0.1:4566/shop/a/t.json", ("shop", "a/t.json")),
        ("https://shop.s3.amazonaws.com/", None),
        ("http://127.0.0.1:4566/shop", None),
        ("ftp://s3.amazonaws.com/shop/t.json", None),
        ("/shop/t.json", None),
    ],
)
def test_a_template_in_s3_is_found_by_each_form_of_its_url(url: str, found: tuple[str, str] | None) -> None:
    assert request.s3_object(url) == found


def test_another_url_is_refused(stacks: Any, refusal: Refusal) -> None:
    odd = refusal(stacks.client.validate_template, TemplateURL="ftp://somewhere/t.json")
    assert odd == ("ValidationError", "TemplateURL must be a supported URL.")
