"""Service deployments and revisions by a real client."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from moorage.domain.changes import Delete, Put
from moorage.domain.service import Deployment, PastDeployment, Rollout, Service, ServiceProgress


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
    account.write_records(replace(rollout, state=state, updated_at=rollout.updated_at + timedelta(seconds=7)))


def take_back(account: Any, new: Any, failed: Any) -> None:
    """Say that the new deployment is the way back from the failed one, as the engine does."""
    deployment = account.world().get(Deployment, (account.id, "us-east-1", "demo", "api", new["id"]))
    account.write_records(replace(deployment, rolls_back=failed["id"]))


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
    assert [each["status"] for each in listed(demo)] == ["IN_PROGRESS", "STOPPED"]
    settle(account, old, "FAILED")
    assert [each["status"] for each in listed(demo)] == ["IN_PROGRESS", "STOPPED"]
    take_back(account, new, old)
    assert [each["status"] for each in listed(demo)] == ["IN_PROGRESS", "ROLLBACK_IN_PROGRESS"]
    settle(account, new, "COMPLETED")
    assert [each["status"] for each in listed(demo)] == ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL"]
    assert listed(demo)[1]["finishedAt"] == listed(demo)[0]["finishedAt"]


def test_a_deployment_that_another_cut_short_says_so_and_when(demo: Any, service: Any) -> None:
    new, old = listed(demo)
    assert old["statusReason"].endswith("was stopped by a newer deployment.")
    arns = [old["serviceDeploymentArn"]]
    found = demo.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"][0]
    assert found["stoppedAt"] == new["createdAt"]


def test_the_latest_deployment_is_listed_first(demo: Any, service: Any) -> None:
    answer = demo.list_service_deployments(cluster="demo", service="api", maxResults=1)
    (latest,) = answer["serviceDeployments"]
    assert latest["serviceDeploymentArn"] == service["currentServiceDeployment"]
    rest = demo.list_service_deployments(cluster="demo", service="api", maxResults=1, nextToken=answer["nextToken"])
    assert rest["serviceDeployments"][0]["createdAt"] < latest["createdAt"]


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


def stop(ecs: Any, arn: str) -> Any:
    return ecs.stop_service_deployment(serviceDeploymentArn=arn)


def test_a_deployment_is_stopped_by_asking_for_the_way_back(account: Any, demo: Any, service: Any) -> None:
    new, old = service["deployments"]
    settle(account, old, "COMPLETED")
    arn = service["currentServiceDeployment"]
    assert stop(demo, arn)["serviceDeploymentArn"] == arn
    (found,) = demo.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
    assert found["status"] == "ROLLBACK_REQUESTED"
    assert account.world().get(Service, (account.id, "us-east-1", "demo", "api")).stopped_deployment == new["id"]
    assert stop(demo, arn)["serviceDeploymentArn"] == arn


def test_a_deployment_without_a_way_back_or_that_is_over_is_not_stopped(
    account: Any, demo: Any, service: Any, refusal: Any
) -> None:
    arn = service["currentServiceDeployment"]
    assert refusal(stop, demo, arn)[0] == "ConflictException"
    settle(account, service["deployments"][0], "COMPLETED")
    assert refusal(stop, demo, arn)[0] == "ConflictException"
    assert refusal(stop, demo, arn + "0")[0] == "ServiceDeploymentNotFoundException"


def test_what_was_replaced_is_still_told_of(account: Any, demo: Any, service: Any) -> None:
    old = service["deployments"][1]
    key = (account.id, "us-east-1", "demo", "api", old["id"])
    deployment, rollout = account.world().get(Deployment, key), account.world().get(Rollout, key)
    past = PastDeployment(*key, deployment, replace(rollout, state="COMPLETED"), deployment.created_at)
    account.write_records(past)
    account.write(Delete("deployment", key), Delete("rollout", key))
    second, first = listed(demo)
    assert (first["status"], second["status"]) == ("SUCCESSFUL", "IN_PROGRESS")
    revision = first["targetServiceRevisionArn"]
    (found,) = demo.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"]
    assert found["taskDefinition"] == old["taskDefinition"]
    (now,) = demo.describe_service_deployments(serviceDeploymentArns=[second["serviceDeploymentArn"]])[
        "serviceDeployments"
    ]
    assert [each["arn"] for each in now["sourceServiceRevisions"]] == [revision]
    assert now["deploymentCircuitBreaker"] == {"status": "MONITORING", "failureCount": 0, "threshold": 3}


def test_an_inactive_service_still_tells_what_it_ran(account: Any, create: Any, demo: Any) -> None:
    made = create()
    key = (account.id, "us-east-1", "demo", "api")
    deployment, rollout = (
        account.world().get(kind, (*key, made["deployments"][0]["id"])) for kind in (Deployment, Rollout)
    )
    progress = account.world().get(ServiceProgress, key)
    demo.delete_service(cluster="demo", service="api", force=True)
    account.write(
        *(Delete(each.table, each.key) for each in (deployment, rollout)),
        Put(PastDeployment(*deployment.key, deployment, rollout, deployment.created_at)),
        Put(replace(progress, inactive_at=deployment.created_at)),
    )
    (found,) = demo.describe_services(cluster="demo", services=["api"])["services"]
    assert (found["status"], found["deployments"]) == ("INACTIVE", [])
    shown = ("taskDefinition", "launchType", "networkConfiguration", "platformVersion")
    assert [found[member] for member in shown] == [made[member] for member in shown]
