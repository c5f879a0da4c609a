"""The CDK's cloud assembly through the command line: its stacks in their order, or those that --stack picks."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from place import ROOT, Place

pytestmark = pytest.mark.namespaces

EXAMPLE = ROOT / "examples" / "hello-world"
URL = "http://server.hello-world.com:5000/"
STACKS = ["HelloWorldCluster", "HelloWorldServer", "HelloWorldClient"]


@pytest.fixture(scope="module")
def picked(moorage: Place) -> Place:
    """Only the stacks of the cluster and the server."""
    moorage.run("up", str(EXAMPLE), "--stack", "HelloWorldServer", "--stack", "HelloWorldCluster")
    return moorage


@pytest.fixture(scope="module")
def whole(picked: Place) -> Iterator[Place]:
    done = picked.run("up", str(EXAMPLE))
    assert "CREATE_COMPLETE" in done.stderr
    outputs = {tuple(line.split()[:2]) for line in done.stdout.splitlines()[1:]}
    assert {("HelloWorldServer", "ServiceName"), ("HelloWorldClient", "ServiceName")} <= outputs
    yield picked
    picked.run("down", str(EXAMPLE))
    assert statuses(picked) == {}


def statuses(place: Place) -> dict[str, str]:
    return {s["StackName"]: s["StackStatus"] for s in place.client("cloudformation").describe_stacks()["Stacks"]}


def service(place: Place, part: str) -> dict[str, Any]:
    found = json.loads(place.run("ps", "--json").stdout)["services"]
    chosen: dict[str, Any] = next(each for each in found if part in each["name"].lower())
    return chosen


def test_picked_stacks_are_deployed_in_the_order_of_the_manifest(picked: Place) -> None:
    assert statuses(picked) == dict.fromkeys(STACKS[:2], "CREATE_COMPLETE")
    times = {s["StackName"]: s["CreationTime"] for s in picked.client("cloudformation").describe_stacks()["Stacks"]}
    assert times["HelloWorldCluster"] < times["HelloWorldServer"]


def test_the_whole_assembly_adds_what_is_missing(whole: Place) -> None:
    assert statuses(whole) == dict.fromkeys(STACKS, "CREATE_COMPLETE")
    assert (service(whole, "server")["running"], service(whole, "client")["running"]) == (2, 1)


def test_the_clients_name_for_the_server_is_answered_by_its_tasks_in_turn(whole: Place) -> None:
    """Read from what the client heard: it asks once a second, and a request of ours would take a turn of its own."""
    client = f"hello-world/{service(whole, 'client')['name']}"

    def heard() -> list[str]:
        lines = whole.run("logs", client).stdout.splitlines()
        return [line[line.index("200 hello from ") :] for line in lines if "200 hello from " in line]

    whole.until(lambda: len(heard()) >= 5, "the client has heard five answers")
    answers = heard()
    assert len(set(answers)) == 2
    assert all(one != next_one for one, next_one in itertools.pairwise(answers))
    assert whole.run("curl", client, "-sf", URL).stdout.startswith("hello from ")


def test_each_resource_and_its_stack_have_events_until_they_are_complete(whole: Place) -> None:
    found = whole.client("cloudformation").describe_stack_events(StackName="HelloWorldServer")["StackEvents"]
    ended = {(e["ResourceType"], e["ResourceStatus"]) for e in found}
    for kind in ("AWS::CloudFormation::Stack", "AWS::ECS::Service", "AWS::ECS::TaskDefinition", "AWS::IAM::Role"):
        assert {(kind, "CREATE_IN_PROGRESS"), (kind, "CREATE_COMPLETE")} <= ended
    assert found[0]["ResourceType"] == "AWS::CloudFormation::Stack"


def test_a_stack_whose_export_is_used_is_not_deleted(whole: Place) -> None:
    done = whole.run("down", "HelloWorldCluster", check=False)
    assert done.returncode == 1
    assert "HelloWorldCluster:ExportsOutput" in done.stderr
    assert "in use by" in done.stderr
    assert statuses(whole)["HelloWorldCluster"] in ("CREATE_COMPLETE", "DELETE_FAILED")


def test_a_stack_that_the_assembly_does_not_hold_is_refused_with_those_that_it_does(whole: Place) -> None:
    done = whole.run("up", str(EXAMPLE), "--stack", "Nowhere", check=False)
    assert done.returncode != 0
    assert "Nowhere" in done.stderr
    assert "HelloWorldServer" in done.stderr
    with pytest.raises(ClientError, match="does not exist"):
        whole.client("cloudformation").describe_stacks(StackName="Nowhere")
