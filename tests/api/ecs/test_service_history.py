"""Service deployments and revisions by a real client."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.domain.service import Rollout


@pytest.fixture
def service(create: Any, demo: Any, exposing: Any) -> Any:
    """A service whose second deployment replaces its first."""
    breaker = {"enable": True, "rollback": True}
    create(connect=exposing(), deploymentConfiguration={"deploymentCircuitBreaker": breaker})
    return demo.update_service(cluster="demo", service="api", forceNewDeployment=True)["service"]


def listed(ecs: Any, **members: Any) -> list[Any]:
    return ecs.list_service_deployments(cluster="demo", service="api", **members)["serviceDeployments"]


def settle(account: Any, deployment: Any, state: str) -> None:
    """Let a rollout end, as the engine does."""
    rollout = account.world().get(Rollout, (account.id, "us-east-1", "demo", "api", deployment["id"]))
    account.write_records(replace(rollout, state=state))


def test_a_deployment_is_the_same_under_both_names(demo: Any, service: Any) -> None:
    current = listed(demo, status=["IN_PROGRESS"])
    assert [each["serviceDeploymentArn"] for each in current] == [service["currentServiceDeployment"]]
    arn = current[0]["serviceDeploymentArn"]
    found = demo.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]
    revisions = service["currentServiceRevisions"]
    assert found["status"] == "IN_PROGRESS"
    assert found["targetServiceRevision"] == revisions[0]
    assert found["sourceServiceRevisions"] == [revisions[1]]
    assert arn.rsplit("/")[-1] == service["deployments"][0]["id"].rsplit("/")[-1]


def test_statuses_follow_the_rollouts(account: Any, demo: Any, service: Any) -> None:
    new, old = service["deployments"]
    assert [each["status"] for each in listed(demo)] == ["STOPPED", "IN_PROGRESS"]
    settle(account, old, "FAILED")
    assert [each["status"] for each in listed(demo)] == ["ROLLBACK_IN_PROGRESS", "IN_PROGRESS"]
    settle(account, new, "COMPLETED")
    assert [each["status"] for each in listed(demo)] == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]


def test_deployments_are_listed_by_when_they_began(demo: Any, service: Any) -> None:
    began = service["deployments"][0]["createdAt"]
    assert len(listed(demo, createdAt={"after": began})) == 1
    assert len(listed(demo, createdAt={"before": began})) == 2


def test_a_revision_shows_what_its_tasks_are_made_from(demo: Any, service: Any) -> None:
    arn = service["currentServiceRevisions"][0]["arn"]
    found = demo.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"][0]
    shown = service["deployments"][0]
    assert found["taskDefinition"] == shown["taskDefinition"]
    assert found["serviceConnectConfiguration"] == shown["serviceConnectConfiguration"]
    assert found["containerImages"] == [{"containerName": "app", "image": "app"}]


def test_what_is_gone_is_missing_and_what_is_no_arn_is_refused(demo: Any, service: Any, refusal: Any) -> None:
    arn = service["currentServiceRevisions"][0]["arn"] + "0"
    answer = demo.describe_service_revisions(serviceRevisionArns=[arn])
    assert answer["failures"] == [{"arn": arn, "reason": "MISSING"}]
    code, _ = refusal(demo.describe_service_revisions, serviceRevisionArns=["api"])
    assert code == "InvalidParameterException"
