"""boto3, the AWS CLI and the AWS SDK for JavaScript run one scenario side by side, and their users see the same."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.session import Session
from place import Place
from reads import answers
from scenario import MADE, REFUSED, UNMADE, Reader, Step, chosen, filled
from tool import JAVASCRIPT, Boto, Tool, aws_cli, driven, environment_of, javascript

pytestmark = pytest.mark.namespaces


Seen = dict[str, list[tuple[str, Any]]]
"""What the user of each tool saw: a pair of title and answer for each step."""


class Story:
    """A tool on its way through the scenario: what it kept, and what it saw of each step."""

    def __init__(self, tool: Tool, reader: Reader) -> None:
        self.tool, self.reader = tool, reader
        self.kept: dict[str, Any] = {}
        self.seen: list[tuple[str, Any]] = []

    def walk(self, steps: tuple[Step, ...]) -> list[tuple[str, Any]]:
        """Perform the steps; a pair of title and what was seen for each."""
        return [(step.title, self.take(step)) for step in steps]

    def take(self, step: Step) -> Any:
        answer = self._until(step)
        if step.error:
            error = answer.get("error", answer)
            return error | {"message": self.reader.plain(error.get("message", ""), self.tool.name)}
        assert "output" in answer, f"{self.tool.name}: {step.title}: {answer}"
        self.kept |= {name: chosen(path, answer["output"]) for name, path in step.keep.items()}
        return None if step.waiter else self.reader.read(step, self.tool.name, answer["output"])

    def _until(self, step: Step) -> dict[str, Any]:
        word = "waiter" if step.waiter else "operation"
        request = {
            "service": step.service,
            word: step.operation,
            "input": filled(step.input, self.tool.name, self.kept),
        }
        until = filled(step.until, self.tool.name, self.kept)
        end = time.monotonic() + 30
        while True:
            answer = self.tool.ask(request)
            if not until or "error" in answer or chosen(until, answer["output"]):
                return answer
            assert time.monotonic() < end, f"{self.tool.name}: {step.title}: {answer}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def stories(moorage: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Story]]:
    shell = environment_of(moorage.port, tmp_path_factory.mktemp("home"))
    reader = Reader(Session())
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    with ExitStack() as stack:
        cli = stack.enter_context(driven("cli", aws_cli(), shell))
        script = stack.enter_context(driven("javascript", javascript(), shell | {"NODE_PATH": str(JAVASCRIPT)}))
        tools: list[Tool] = [Boto(session, moorage.url, "boto"), cli, script]
        yield {tool.name: Story(tool, reader) for tool in tools}


def side_by_side(stories: dict[str, Story], steps: tuple[Step, ...]) -> Seen:
    with ThreadPoolExecutor(len(stories)) as pool:
        walks = {name: pool.submit(story.walk, steps) for name, story in stories.items()}
        return {name: walk.result() for name, walk in walks.items()}


@pytest.fixture(scope="module")
def made(stories: dict[str, Story]) -> Seen:
    return side_by_side(stories, MADE)


@pytest.mark.parametrize("other", ["cli", "javascript"])
def test_every_tool_sees_what_boto3_sees(made: Seen, other: str) -> None:
    for ours, theirs in zip(made["boto"], made[other], strict=True):
        assert theirs == ours


def test_what_they_see_is_what_runs(made: Seen) -> None:
    seen = dict(made["boto"])
    (service,) = seen["ecs DescribeServices"]["services"]
    assert (service["runningCount"], service["pendingCount"], service["status"]) == (1, 0, "ACTIVE")
    (task,) = seen["ecs DescribeTasks"]["tasks"]
    assert task["lastStatus"] == "RUNNING"
    assert {"key": "owner", "value": "TOOL"} in task["tags"]
    (instance,) = seen["servicediscovery DiscoverInstances"]["Instances"]
    assert instance["Attributes"]["AWS_INSTANCE_IPV4"] == "ADDRESS"
    assert seen["secretsmanager GetSecretValue"]["SecretString"] == "quiet"


def test_every_tool_reads_the_same_refusals(stories: dict[str, Story], made: Seen) -> None:
    refused = side_by_side(stories, REFUSED)
    assert [found["code"] for _, found in refused["boto"]] == [step.error for step in REFUSED]
    assert refused["cli"] == refused["boto"]
    assert refused["javascript"] == refused["boto"]


FOUND = {"NamespaceName": "javascript.local", "ServiceName": "server"}


def asked(story: Story, service: str, operation: str, body: Mapping[str, Any], **options: object) -> dict[str, Any]:
    return story.tool.ask({"service": service, "operation": operation, "input": body, "options": options})


@pytest.mark.parametrize(
    ("service", "operation", "body"),
    [
        ("servicediscovery", "DiscoverInstances", FOUND),
        ("servicediscovery", "DiscoverInstances", FOUND | {"ServiceName": "none"}),
        ("servicediscovery", "ListNamespaces", {"MaxResults": 1}),
        ("cloudwatch", "DescribeAlarms", {"AlarmNames": ["javascript"]}),
    ],
    ids=["instances", "error", "page", "alarms"],
)
def test_the_javascript_sdk_reads_the_same_over_cbor(
    stories: dict[str, Story], made: Seen, service: str, operation: str, body: dict[str, Any]
) -> None:
    json_answer = asked(stories["javascript"], service, operation, body)
    cbor_answer = asked(stories["javascript"], service, operation, body, cbor=True)
    assert cbor_answer.pop("sent")["protocol"] == "rpc-v2-cbor"
    assert json_answer.pop("sent")["protocol"].startswith("application/x-amz-json")
    assert cbor_answer == json_answer


def test_the_javascript_sdks_host_prefix_is_switched_off_by_its_option(stories: dict[str, Story], made: Seen) -> None:
    prefixed = asked(stories["javascript"], "servicediscovery", "DiscoverInstances", FOUND, hostPrefix=True)
    assert prefixed["sent"]["host"] == "data-127.0.0.1"
    assert prefixed["error"]["code"] == "ENOTFOUND"
    plain = asked(stories["javascript"], "servicediscovery", "DiscoverInstances", FOUND)
    assert plain["sent"]["host"] == "127.0.0.1"
    assert len(plain["output"]["Instances"]) == 1


def test_the_javascript_sdks_host_prefix_is_served_by_a_name(
    moorage: Place, stories: dict[str, Story], made: Seen
) -> None:
    named = {"hostPrefix": True, "endpoint": f"http://moorage.test:{moorage.port}"}
    found = asked(stories["javascript"], "servicediscovery", "DiscoverInstances", FOUND, **named)
    assert found["sent"]["host"] == "data-moorage.test"
    assert len(found["output"]["Instances"]) == 1


def test_a_restart_changes_no_byte_of_any_answer(moorage: Place, stories: dict[str, Story], made: Seen) -> None:
    before = answers(moorage.url, "boto", stories["boto"].kept)
    assert len(before) > 30
    moorage.kill()
    moorage.start()
    assert answers(moorage.url, "boto", stories["boto"].kept) == before


def test_every_tool_takes_everything_away_and_sees_it_go(stories: dict[str, Story], made: Seen) -> None:
    unmade = side_by_side(stories, UNMADE)
    assert unmade["cli"] == unmade["boto"]
    assert unmade["javascript"] == unmade["boto"]
    seen = dict(unmade["boto"])
    assert seen["ecs DescribeServices"]["services"][0]["status"] == "INACTIVE"
    assert seen["ecs DescribeClusters"]["failures"] == [
        {"arn": "arn:aws:ecs:us-east-1:000000000000:cluster/none", "reason": "MISSING"}
    ]
