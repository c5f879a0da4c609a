"""Services by a real client: create, describe, list, delete. The engine's records are written by the test."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.domain.changes import Key
from moorage.domain.claim import Claim
from moorage.domain.service import Deployment, Rollout, Service, ServiceEvent, ServiceProgress
from moorage.domain.task import Status, Stop, StopCode, Task, TaskState
from moorage.planning import service_plan
from moorage.system import SystemIds

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def key(account: Any, name: str = "api") -> Key:
    return (account.id, "us-east-1", "demo", name)


def describe(ecs: Any, name: str = "api") -> Any:
    return ecs.describe_services(cluster="demo", services=[name])["services"][0]


def add_task(account: Any, number: int, deployment: str, status: Status | None, stop: Stop | None = None) -> None:
    """A task of the service as the engine keeps it."""
    where = (account.id, "us-east-1", "demo", f"{number:032d}")
    definition = (account.id, "us-east-1", "api", f"{1:010d}")
    task = Task(*where, NOW, definition, "service:api", "FARGATE", "api", deployment, stop=stop)
    states = [TaskState(*where, status=status)] if status is not None else []
    account.write_records(task, *states)


def finish(account: Any, name: str = "api") -> None:
    """Let the service be gone, as the engine does: nothing of it runs, so one step of its plan ends it."""
    world = account.world()
    service = world.get(Service, key(account, name))
    account.write(*service_plan.plan(service, world, NOW, SystemIds()).writes)


def test_a_new_service_has_one_deployment_in_progress(account: Any, create: Any, demo: Any) -> None:
    made = create(desiredCount=3)
    deployment = made["deployments"][0]
    assert (made["status"], made["desiredCount"], made["runningCount"], made["pendingCount"]) == ("ACTIVE", 3, 0, 0)
    assert (deployment["status"], deployment["desiredCount"]) == ("PRIMARY", 3)
    assert deployment["rolloutState"] == "IN_PROGRESS"
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} in progress."
    assert deployment["id"].startswith("ecs-svc/")
    assert len(deployment["id"].removeprefix("ecs-svc/")) == 19
    assert describe(demo) == made
    world = account.world()
    assert world.get(Rollout, (*key(account), deployment["id"])) is not None
    assert world.get(ServiceProgress, key(account)) is not None


def test_counts_are_counted_from_tasks(account: Any, create: Any, demo: Any) -> None:
    deployment = create(desiredCount=3)["deployments"][0]["id"]
    stop = Stop(StopCode.SERVICE_SCHEDULER_INITIATED, "", NOW)
    add_task(account, 1, deployment, Status.RUNNING)
    add_task(account, 2, deployment, None)
    add_task(account, 3, deployment, Status.PENDING)
    add_task(account, 4, deployment, Status.STOPPED, stop)
    add_task(account, 5, deployment, Status.DEACTIVATING, stop)
    found = describe(demo)
    assert (found["desiredCount"], found["runningCount"], found["pendingCount"]) == (3, 1, 2)
    assert found["deployments"][0]["runningCount"] == 1


def test_events_are_shown_in_the_order_they_are_kept(account: Any, create: Any, demo: Any) -> None:
    create()
    events = tuple(ServiceEvent(str(number), NOW, f"message {number}") for number in (2, 1))
    progress = account.world().get(ServiceProgress, key(account))
    account.write_records(replace(progress, events=events))
    assert [each["message"] for each in describe(demo)["events"]] == ["message 2", "message 1"]


def test_a_name_in_use_is_not_idempotent(create: Any, refusal: Any) -> None:
    create()
    expected = ("InvalidParameterException", "Creation of service was not idempotent.")
    assert refusal(create) == expected
    # What is wrong with the request itself is said first, as for any other name.
    wrong = {"maximumPercent": 100, "minimumHealthyPercent": 100}
    assert "cannot be 100" in refusal(create, deploymentConfiguration=wrong)[1]


def test_a_request_that_is_sent_again_finds_its_service(create: Any, refusal: Any) -> None:
    first = create(clientToken="token")
    assert create(clientToken="token") == first
    assert refusal(create, "other", clientToken="token")[1] == "Creation of service was not idempotent."


def test_a_service_is_deleted_when_scaled_down_or_by_force(create: Any, demo: Any, refusal: Any) -> None:
    create()
    text = "The service cannot be stopped while it is scaled above 0."
    assert refusal(demo.delete_service, cluster="demo", service="api") == ("InvalidParameterException", text)
    gone = demo.delete_service(cluster="demo", service="api", force=True)["service"]
    assert (gone["status"], gone["desiredCount"]) == ("DRAINING", 0)
    assert demo.delete_service(cluster="demo", service="api")["service"]["status"] == "DRAINING"


def test_a_service_with_two_deployments_is_not_deleted(create: Any, demo: Any, refusal: Any) -> None:
    create(desiredCount=0)
    demo.update_service(cluster="demo", service="api", forceNewDeployment=True)
    text = "The service cannot be stopped while deployments are active."
    assert refusal(demo.delete_service, cluster="demo", service="api") == ("InvalidParameterException", text)


def test_an_inactive_service_stays_describable_and_gives_its_name_back(
    account: Any, create: Any, demo: Any, exposing: Any, refusal: Any
) -> None:
    create(connect=exposing(), desiredCount=0)
    demo.delete_service(cluster="demo", service="api")
    assert refusal(create)[1] == "Unable to Start a service that is still Draining."
    finish(account)
    demo.get_waiter("services_inactive").wait(cluster="demo", services=["api"])
    assert describe(demo)["status"] == "INACTIVE"
    assert demo.list_services(cluster="demo")["serviceArns"] == []
    assert refusal(demo.delete_service, cluster="demo", service="api")[0] == "ServiceNotFoundException"
    again = create(connect=exposing(), desiredCount=2)
    assert (again["status"], len(again["deployments"])) == ("ACTIVE", 1)
    world = account.world()
    assert len(world.linked(Deployment, "service", key(account))) == 1
    assert len(world.linked(Claim, "owner", (again["serviceArn"],))) == 2


def test_what_is_described_is_at_most_ten(account: Any, create: Any, demo: Any, refusal: Any) -> None:
    create()
    names = [f"s{number}" for number in range(10)]
    answer = demo.describe_services(cluster="demo", services=names)
    assert len(answer["failures"]) == 10
    arn = f"arn:aws:ecs:us-east-1:{account.id}:service/demo/s0"
    assert answer["failures"][0] == {"arn": arn, "reason": "MISSING"}
    assert refusal(demo.describe_services, cluster="demo", services=[*names, "api"])[0] == "InvalidParameterException"


def test_a_service_of_another_cluster_is_refused(create: Any, demo: Any, refusal: Any) -> None:
    arn = create()["serviceArn"]
    demo.create_cluster(clusterName="other")
    text = "Invalid identifier: Identifier is for cluster demo. Your cluster is other"
    assert refusal(demo.describe_services, cluster="other", services=[arn]) == ("InvalidParameterException", text)
    assert refusal(demo.update_service, cluster="other", service=arn, desiredCount=1)[1] == text


def test_a_service_is_found_by_name_and_both_forms_of_arn(account: Any, create: Any, demo: Any) -> None:
    made = create()
    older = f"arn:aws:ecs:us-east-1:{account.id}:service/api"
    for reference in ("api", made["serviceArn"], older):
        assert describe(demo, reference) == made


def test_the_stable_waiter_understands_the_answer(account: Any, create: Any, demo: Any) -> None:
    deployment = create()["deployments"][0]["id"]
    add_task(account, 1, deployment, Status.RUNNING)
    demo.get_waiter("services_stable").wait(cluster="demo", services=["api"])


def test_services_are_listed_in_pages_and_by_launch_type(create: Any, demo: Any) -> None:
    for number in range(12):
        create(f"s{number:02d}", desiredCount=0)
    create("plain", desiredCount=0, launchType="EC2")
    assert len(demo.list_services(cluster="demo")["serviceArns"]) == 10
    pages = demo.get_paginator("list_services")
    found = pages.paginate(cluster="demo", PaginationConfig={"PageSize": 5}).build_full_result()["serviceArns"]
    assert len(found) == 13
    only = demo.list_services(cluster="demo", launchType="EC2")["serviceArns"]
    assert [arn.rsplit("/")[-1] for arn in only] == ["plain"]


def test_services_of_a_namespace_are_listed(create: Any, demo: Any, refusal: Any, exposing: Any) -> None:
    member = create("member", connect=exposing())
    client = create("client", connect={"enabled": True})
    create("outsider")
    found = demo.list_services_by_namespace(namespace="demo.local")["serviceArns"]
    assert found == sorted([member["serviceArn"], client["serviceArn"]])
    assert refusal(demo.list_services_by_namespace, namespace="nope")[0] == "NamespaceNotFoundException"


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"schedulingStrategy": "DAEMON"}, "does not support a desired count"),
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, "deploymentController.type=CODE_DEPLOY"),
        ({"loadBalancers": [{"containerName": "app", "containerPort": 80}]}, "loadBalancers"),
        ({"serviceRegistries": [{"registryArn": "arn"}]}, "service registry ARN is invalid: arn."),
        ({"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}, "strategy=BLUE_GREEN"),
        ({"launchType": "EXTERNAL"}, "EXTERNAL"),
        ({"platformVersion": "1.3.0"}, "1.3.0"),
        ({"desiredCount": -1}, "desiredCount"),
        (
            {
                "availabilityZoneRebalancing": "ENABLED",
                "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 0},
            },
            "AvailabilityZoneRebalancing does not support maximumPercent <= 100.",
        ),
        (
            {"availabilityZoneRebalancing": "ENABLED", "deploymentController": {"type": "EXTERNAL"}},
            "must be blank",
        ),
        ({"deploymentConfiguration": {"maximumPercent": 100}}, "cannot be 100"),
        ({"deploymentConfiguration": {"minimumHealthyPercent": 101}}, "must be between 0 and 100"),
        ({"taskDefinition": "nope"}, "TaskDefinition not found."),
        ({"cluster": "nope"}, "Cluster not found."),
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}, "subnets"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name_and_nothing_is_made(
    create: Any, demo: Any, refusal: Any, members: Any, named: str
) -> None:
    assert named in refusal(create, **members)[1]
    assert demo.list_services(cluster="demo")["serviceArns"] == []


def test_the_host_network_mode_is_refused_by_name(demo: Any, definition: Any, refusal: Any) -> None:
    demo.register_task_definition(**definition("old", networkMode="host", requiresCompatibilities=None))
    code, message = refusal(
        demo.create_service, cluster="demo", serviceName="old", taskDefinition="old", desiredCount=1
    )
    assert code == "UnsupportedFeatureException"
    assert "networkMode host" in message


def test_what_the_cdk_sends_is_accepted(create: Any) -> None:
    alarms = {"alarmNames": [], "enable": False, "rollback": False}
    breaker = {"enable": True, "rollback": True}
    made = create(
        deploymentConfiguration={
            "alarms": alarms,
            "deploymentCircuitBreaker": breaker,
            "maximumPercent": 200,
            "minimumHealthyPercent": 50,
        },
        deploymentController={"type": "ECS"},
        enableECSManagedTags=False,
    )
    configuration = made["deploymentConfiguration"]
    assert configuration["alarms"] == alarms
    assert configuration["deploymentCircuitBreaker"] == breaker
    assert configuration["minimumHealthyPercent"] == 50


def test_a_service_joins_the_default_strategy_of_its_cluster(demo: Any, network: Any) -> None:
    strategy = [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    put = demo.put_cluster_capacity_providers
    put(cluster="demo", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=strategy)
    made = demo.create_service(
        cluster="demo", serviceName="api", taskDefinition="api", desiredCount=1, networkConfiguration=network
    )["service"]
    assert made["capacityProviderStrategy"] == strategy
    assert made["platformVersion"] == "1.4.0"
    assert "launchType" not in made
