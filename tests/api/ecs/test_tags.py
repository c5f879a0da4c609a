"""Tags of every kind of ECS resource, by a real client."""

from typing import Any

import pytest


@pytest.fixture
def arns(create: Any, demo: Any, network: Any) -> dict[str, str]:
    task = demo.run_task(cluster="demo", taskDefinition="api", launchType="FARGATE", networkConfiguration=network)
    return {
        "cluster": demo.describe_clusters(clusters=["demo"])["clusters"][0]["clusterArn"],
        "service": create()["serviceArn"],
        "task": task["tasks"][0]["taskArn"],
        "definition": demo.describe_task_definition(taskDefinition="api")["taskDefinition"]["taskDefinitionArn"],
    }


@pytest.mark.parametrize("kind", ["cluster", "service", "task", "definition"])
def test_tags_are_added_replaced_and_taken_away(demo: Any, arns: Any, kind: str) -> None:
    arn = arns[kind]
    demo.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    demo.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "3"}])
    demo.untag_resource(resourceArn=arn, tagKeys=["b", "none"])
    assert demo.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "3"}]


def test_tags_are_described_when_asked_for(demo: Any, arns: Any) -> None:
    demo.tag_resource(resourceArn=arns["service"], tags=[{"key": "a", "value": "1"}])
    described = demo.describe_services(cluster="demo", services=["api"], include=["TAGS"])["services"][0]
    assert described["tags"] == [{"key": "a", "value": "1"}]
    assert "tags" not in demo.describe_services(cluster="demo", services=["api"])["services"][0]


def test_what_is_not_there_or_has_no_tags_is_refused(account: Any, demo: Any, arns: Any, refusal: Any) -> None:
    tags = [{"key": "a", "value": "1"}]
    missing = arns["service"] + "x"
    assert refusal(demo.tag_resource, resourceArn=missing, tags=tags)[0] == "ResourceNotFoundException"
    other = f"arn:aws:ecs:us-east-1:{account.id}:daemon/demo/1"
    for arn in (other, "demo"):
        assert refusal(demo.tag_resource, resourceArn=arn, tags=tags)[0] == "InvalidParameterException"


@pytest.mark.parametrize("tags", [[{"key": "aws:x", "value": "1"}], [{"key": "a"}, {"key": "a"}]])
def test_reserved_and_doubled_keys_are_refused(demo: Any, arns: Any, refusal: Any, tags: Any) -> None:
    assert refusal(demo.tag_resource, resourceArn=arns["cluster"], tags=tags)[0] == "InvalidParameterException"
    assert demo.list_tags_for_resource(resourceArn=arns["cluster"])["tags"] == []


def test_a_resource_has_at_most_fifty_tags(demo: Any, arns: Any, refusal: Any) -> None:
    for start in (0, 50):
        tags = [{"key": f"k{start + number}", "value": ""} for number in range(50)]
        if start == 0:
            demo.tag_resource(resourceArn=arns["task"], tags=tags)
    assert refusal(demo.tag_resource, resourceArn=arns["task"], tags=tags)[0] == "InvalidParameterException"
