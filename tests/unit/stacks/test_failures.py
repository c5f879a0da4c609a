"""What becomes of a stack when operations fail: on deletion, on the way back, in the clean-up, or only for a while."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import ec2
from moorage.api import operations
from moorage.api.dispatch import Dispatcher
from moorage.domain.stack import Stack, StackEvent
from moorage.engine.ports import OperationFailed
from moorage.engine.stacks import Stacks
from moorage.store.memory import MemoryStore
from moorage.system import SystemIds

ACCOUNT, REGION = "500000000001", "us-east-1"
Verdict = Callable[[str, Mapping[str, Any]], int]


class SlowClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Site:
    """A store, its operations, and a doer of stacks whose calls may be refused by `verdict` (an HTTP status, or 0)."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), SlowClock()
        self.dispatcher = Dispatcher(operations.table(), self.store, self.clock, SystemIds(), ec2.forward)
        self.doer = Stacks(self.store, self, self.clock, SystemIds())
        self.verdict: Verdict = lambda _operation, _arguments: 0

    async def call(
        self, account: str, region: str, service: str, operation: str, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        status = self.verdict(operation, arguments)
        if status:
            raise OperationFailed(service, operation, "Broken", "it is broken", status)
        return await self.dispatcher.call(account, region, service, operation, arguments)

    async def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return await self.dispatcher.call(ACCOUNT, REGION, "cloudformation", operation, arguments)

    async def settle(self) -> Stack:
        """Let the doer go on, a second at a time, until the stack `s` has come to rest."""
        stack = self.stack()
        for _ in range(300):
            if await self.doer.reconcile(stack.key) is None:
                return self.stack()
            self.clock.time += timedelta(seconds=1)
        raise AssertionError(f"still {self.stack().status}")

    def stack(self) -> Stack:
        return self.store.snapshot().linked(Stack, "name", (ACCOUNT, REGION, "s"))[-1]

    def story(self) -> list[str]:
        events = self.store.snapshot().linked(StackEvent, "stack", self.stack().key)
        return [f"{event.logical_id} {event.status}" for event in events]

    async def names(self) -> set[str]:
        found = await self.dispatcher.call(ACCOUNT, REGION, "ssm", "DescribeParameters", {})
        return {one["Name"] for one in found["Parameters"]}


@pytest.fixture
def site() -> Site:
    return Site()


def body(**values: Any) -> str:
    """A template of parameters: logical id to value, named `/<id>` in lower case."""
    resources = {
        name: {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": f"/{name.lower()}", "Type": "String", "Value": value},
        }
        for name, value in values.items()
    }
    return json.dumps({"Resources": resources})


def breaks(operation: str, name: str, status: int = 400) -> Verdict:
    return lambda asked, arguments: status if (asked, arguments.get("Name")) == (operation, name) else 0


async def test_what_cannot_be_deleted_keeps_what_it_needs_and_can_be_retained(site: Site) -> None:
    await site.ask("CreateStack", StackName="s", TemplateBody=body(A="1", B={"Ref": "A"}, C="3"))
    assert (await site.settle()).status == "CREATE_COMPLETE"
    site.verdict = breaks("DeleteParameter", "/b")
    await site.ask("DeleteStack", StackName="s")
    stack = await site.settle()
    assert (stack.status, stack.status_reason) == (
        "DELETE_FAILED",
        "The following resource(s) failed to delete: [B].",
    )
    assert await site.names() == {"/a", "/b"}
    await site.ask("DeleteStack", StackName="s", RetainResources=["B"])
    assert (await site.settle()).status == "DELETE_COMPLETE"
    assert await site.names() == {"/b"}


async def test_a_rollback_that_fails_says_so(site: Site) -> None:
    await site.ask("CreateStack", StackName="s", TemplateBody=body(A="1"))
    await site.settle()
    site.verdict = lambda operation, given: 400 if given.get("Value") in {"1", "bad"} else 0
    await site.ask("UpdateStack", StackName="s", TemplateBody=body(A="2", B={"Fn::Join": ["", ["b", "ad"]]}))
    stack = await site.settle()
    assert (stack.status, stack.status_reason) == (
        "UPDATE_ROLLBACK_FAILED",
        "The following resource(s) failed to update: [A].",
    )
    site.verdict = lambda _operation, _given: 0
    await site.ask("DeleteStack", StackName="s")
    assert (await site.settle()).status == "DELETE_COMPLETE"
    assert await site.names() == set()


async def test_a_clean_up_that_fails_leaves_the_update_complete(site: Site) -> None:
    await site.ask("CreateStack", StackName="s", TemplateBody=body(A="1", B="2"))
    await site.settle()
    site.verdict = breaks("DeleteParameter", "/b")
    await site.ask("UpdateStack", StackName="s", TemplateBody=body(A="3"))
    assert (await site.settle()).status == "UPDATE_COMPLETE"
    assert "B DELETE_FAILED" in site.story()
    site.verdict = lambda _operation, _given: 0
    await site.ask("UpdateStack", StackName="s", TemplateBody=body(A="4"))
    await site.settle()
    assert await site.names() == {"/a"}


async def test_an_outage_is_waited_out(site: Site) -> None:
    begun = site.clock.time
    site.verdict = lambda operation, given: 503 if site.clock.time < begun + timedelta(seconds=30) else 0
    await site.ask("CreateStack", StackName="s", TemplateBody=body(A="1"))
    assert (await site.settle()).status == "CREATE_COMPLETE"


async def test_an_outage_without_end_is_a_failure(site: Site) -> None:
    site.verdict = breaks("PutParameter", "/a", 503)
    await site.ask("CreateStack", StackName="s", TemplateBody=body(A="1"))
    assert (await site.settle()).status == "ROLLBACK_COMPLETE"
    assert site.clock.time >= datetime(2026, 1, 1, 0, 1, tzinfo=UTC)


async def test_an_export_that_is_in_use_stops_an_update_that_would_change_it(site: Site) -> None:
    exported = json.loads(body(A="1"))
    exported["Outputs"] = {"O": {"Value": {"Fn::GetAtt": ["A", "Value"]}, "Export": {"Name": "e"}}}
    await site.ask("CreateStack", StackName="s", TemplateBody=json.dumps(exported))
    await site.settle()
    await site.ask("CreateStack", StackName="user", TemplateBody=body(U={"Fn::ImportValue": "e"}))
    exported["Resources"]["A"]["Properties"]["Value"] = "2"
    await site.ask("UpdateStack", StackName="s", TemplateBody=json.dumps(exported))
    stack = await site.settle()
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    events = site.store.snapshot().linked(StackEvent, "stack", stack.key)
    assert "Export e cannot be updated as it is in use by user" in {event.reason for event in events}
    value = await site.dispatcher.call(ACCOUNT, REGION, "ssm", "GetParameter", {"Name": "/a"})
    assert value["Parameter"]["Value"] == "1"
