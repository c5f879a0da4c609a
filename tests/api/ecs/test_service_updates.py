"""UpdateService by a real client: what starts a new deployment, and what does not (reference section 1.4)."""

from typing import Any

import pytest

from moorage.domain.service import Deployment

OTHER_NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-2"], "securityGroups": ["sg-1"]}}


@pytest.fixture
def update(create: Any, demo: Any, definition: Any) -> Any:
    """A service `api` and a second revision; UpdateService with what is given."""
    create(connect={"enabled": True})
    demo.register_task_definition(**definition())

    def call(**members: Any) -> Any:
        return demo.update_service(cluster="demo", service="api", **members)["service"]

    return call


@pytest.mark.parametrize(
    "members",
    [
        {"taskDefinition": "api"},
        {"taskDefinition": "api:2"},
        {"networkConfiguration": OTHER_NETWORK},
        {"serviceConnectConfiguration": {"enabled": False}},
        {"forceNewDeployment": True},
    ],
)
def test_a_change_of_what_tasks_are_made_from_starts_a_deployment(account: Any, update: Any, members: Any) -> None:
    updated = update(**members)
    new, old = updated["deployments"]
    assert (new["status"], old["status"]) == ("PRIMARY", "ACTIVE")
    assert new["rolloutState"] == "IN_PROGRESS"
    assert old["desiredCount"] == 0
    found = account.world().get(Deployment, (account.id, "us-east-1", "demo", "api", new["id"]))
    assert found is not None
    assert found.replaces == old["id"]


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"desiredCount": 5},
        {"taskDefinition": "api:1"},
        {"serviceConnectConfiguration": {"enabled": True}},
        {"deploymentConfiguration": {"minimumHealthyPercent": 50}},
        {"healthCheckGracePeriodSeconds": 30},
        {"enableECSManagedTags": True},
        {"propagateTags": "SERVICE"},
        {"availabilityZoneRebalancing": "DISABLED"},
        {"platformVersion": "LATEST"},
    ],
)
def test_other_changes_do_not(update: Any, members: Any) -> None:
    updated = update(**members)
    assert len(updated["deployments"]) == 1
    for name, value in members.items():
        if name in ("desiredCount", "healthCheckGracePeriodSeconds", "propagateTags", "availabilityZoneRebalancing"):
            assert updated[name] == value


def test_what_is_not_given_stays(update: Any) -> None:
    update(deploymentConfiguration={"minimumHealthyPercent": 50}, desiredCount=4)
    updated = update(taskDefinition="api:2")
    assert updated["desiredCount"] == 4
    assert updated["deploymentConfiguration"]["minimumHealthyPercent"] == 50
    assert updated["taskDefinition"].endswith("api:2")
    assert updated["networkConfiguration"]["awsvpcConfiguration"]["subnets"] == ["subnet-1"]


def test_a_forced_deployment_may_use_a_definition_that_was_deregistered_since(update: Any, demo: Any) -> None:
    demo.deregister_task_definition(taskDefinition="api:1")
    assert update(forceNewDeployment=True)["taskDefinition"].endswith("api:1")


def test_a_service_that_drains_or_is_gone_cannot_be_updated(update: Any, demo: Any, refusal: Any) -> None:
    demo.delete_service(cluster="demo", service="api", force=True)
    assert refusal(update, desiredCount=1)[0] == "ServiceNotActiveException"
    assert refusal(demo.update_service, cluster="demo", service="nope")[0] == "ServiceNotFoundException"


def test_a_strategy_can_take_over_from_the_launch_type(update: Any, demo: Any, refusal: Any) -> None:
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    assert "not associated with the cluster" in refusal(update, capacityProviderStrategy=strategy)[1]
    put = demo.put_cluster_capacity_providers
    put(cluster="demo", capacityProviders=["FARGATE_SPOT"], defaultCapacityProviderStrategy=[])
    updated = update(capacityProviderStrategy=strategy)
    assert updated["capacityProviderStrategy"] == strategy
    assert "launchType" not in updated
    assert len(updated["deployments"]) == 2


def test_alarms_and_a_bake_time_are_shown_as_they_were_given(create: Any, demo: Any, refusal: Any) -> None:
    alarms = {"alarmNames": ["errors", "slow"], "enable": True, "rollback": False}
    made = create(deploymentConfiguration={"alarms": alarms, "bakeTimeInMinutes": 2})
    assert made["deploymentConfiguration"]["alarms"] == alarms
    assert made["deploymentConfiguration"]["bakeTimeInMinutes"] == 2
    arn = made["currentServiceDeployment"]
    watched = demo.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]["alarms"]
    assert watched == {"status": "MONITORING", "alarmNames": ["errors", "slow"], "triggeredAlarmNames": []}
    off = {"alarmNames": [], "enable": False, "rollback": False}
    changed = demo.update_service(cluster="demo", service="api", deploymentConfiguration={"alarms": off})["service"]
    assert changed["deploymentConfiguration"]["alarms"] == off
    assert len(changed["deployments"]) == 1
    none = {"alarmNames": [], "enable": True, "rollback": False}
    code, text = refusal(demo.update_service, cluster="demo", service="api", deploymentConfiguration={"alarms": none})
    assert (code, text) == (
        "InvalidParameterException",
        "alarmNames cannot be empty when deployment alarms are enabled.",
    )
