"""Task sets of a service that an external controller deploys: what is kept, what is refused, what the service shows."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.domain.changes import Write
from moorage.domain.service import Service, deployment_key
from moorage.domain.task import Task, TaskState
from moorage.domain.task_set import TaskSet
from moorage.planning import service_plan
from moorage.system import SystemIds
from worlds import running, stopped

WHERE = {"cluster": "demo", "service": "web"}


@pytest.fixture
def external(demo: Any) -> Any:
    """The service `web` with the controller EXTERNAL and four tasks desired."""
    arguments = {"cluster": "demo", "serviceName": "web", "desiredCount": 4}
    return demo.create_service(**arguments, deploymentController={"type": "EXTERNAL"})["service"]


@pytest.fixture
def add(demo: Any, external: Any, network: dict[str, Any]) -> Callable[..., Any]:
    """CreateTaskSet of `web`, on Fargate, with what is given on top."""

    def make(scale: float | None = None, **members: Any) -> Any:
        if scale is not None:
            members["scale"] = {"value": scale, "unit": "PERCENT"}
        common = {"taskDefinition": "api", "launchType": "FARGATE", "networkConfiguration": network}
        return demo.create_task_set(**{**WHERE, **common, **members})["taskSet"]

    return make


@pytest.fixture
def decide(account: Any) -> Callable[[], None]:
    """What the engine decides for `web`, until it decides nothing more; every task it starts becomes healthy."""

    def settle() -> None:
        now = datetime.now(UTC)
        for _ in range(10):
            world = account.world()
            service = next(each for each in world.within(Service, account.id, "us-east-1") if each.name == "web")
            writes: tuple[Write, ...] = service_plan.plan(service, world, now, SystemIds()).writes
            if not writes:
                return
            account.write(*writes)
            for write in writes:
                if write.id[0] == "task":
                    task = write.record
                    account.write_records(running(task, now))

    return settle


def service_of(ecs: Any) -> Any:
    return ecs.describe_services(cluster="demo", services=["web"])["services"][0]


def test_a_service_of_an_external_controller_needs_a_name_only_and_has_no_deployments(external: Any) -> None:
    assert external["deploymentController"] == {"type": "EXTERNAL"}
    assert external["deployments"] == []
    assert external["taskSets"] == []
    assert "taskDefinition" not in external
    assert external["desiredCount"] == 4


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"taskDefinition": "api"}, "TaskDefinition must be blank"),
        ({"launchType": "FARGATE"}, "LaunchType must be blank"),
        (
            {"schedulingStrategy": "DAEMON"},
            "The daemon scheduling strategy does not support the EXTERNAL deployment controller.",
        ),
        (
            {"serviceConnectConfiguration": {"enabled": True, "namespace": "demo.local"}},
            "Service Connect is not supported with the EXTERNAL deployment controller.",
        ),
        (
            {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}},
            "Deployment circuit breaker can only be used with the ECS deployment controller.",
        ),
    ],
)
def test_what_belongs_to_task_sets_or_to_rolling_deployments_is_refused(
    demo: Any, refusal: Any, members: dict[str, Any], message: str
) -> None:
    code, text = refusal(
        demo.create_service, cluster="demo", serviceName="x", deploymentController={"type": "EXTERNAL"}, **members
    )
    assert (code, text) == ("InvalidParameterException", message)


def test_codedeploy_is_refused_by_name(demo: Any, refusal: Any) -> None:
    controller = {"type": "CODE_DEPLOY"}
    _, text = refusal(demo.create_service, cluster="demo", serviceName="x", deploymentController=controller)
    assert "deploymentController.type=CODE_DEPLOY" in text


def test_a_task_set_has_no_tasks_until_it_is_scaled(add: Callable[..., Any]) -> None:
    made = add(externalId="blue", tags=[{"key": "k", "value": "v"}])
    assert made["status"] == "ACTIVE"
    assert made["scale"] == {"value": 0.0, "unit": "PERCENT"}
    assert (made["computedDesiredCount"], made["pendingCount"], made["runningCount"]) == (0, 0, 0)
    assert made["stabilityStatus"] == "STABILIZING"
    assert made["externalId"] == "blue"
    assert made["tags"] == [{"key": "k", "value": "v"}]
    assert made["taskSetArn"].endswith(f":task-set/demo/web/{made['id']}")


def test_its_count_is_its_part_of_the_services_rounded_up(
    demo: Any, add: Callable[..., Any], decide: Callable[[], None]
) -> None:
    made = add(scale=30)
    assert made["computedDesiredCount"] == 2
    decide()
    found = demo.describe_task_sets(**WHERE)["taskSets"][0]
    assert (found["runningCount"], found["stabilityStatus"]) == (2, "STEADY_STATE")
    demo.update_service(cluster="demo", service="web", desiredCount=10)
    decide()
    assert demo.describe_task_sets(**WHERE)["taskSets"][0]["runningCount"] == 3


def test_who_scales_a_task_set_reads_at_once_that_it_is_not_stable(
    demo: Any, add: Callable[..., Any], decide: Callable[[], None]
) -> None:
    made = add(scale=25)
    decide()
    assert demo.describe_task_sets(**WHERE)["taskSets"][0]["stabilityStatus"] == "STEADY_STATE"
    changed = demo.update_task_set(**WHERE, taskSet=made["id"], scale={"value": 75, "unit": "PERCENT"})["taskSet"]
    assert (changed["computedDesiredCount"], changed["stabilityStatus"]) == (3, "STABILIZING")
    decide()
    assert demo.describe_task_sets(**WHERE)["taskSets"][0]["stabilityStatus"] == "STEADY_STATE"


def test_controllers_shift_from_one_task_set_to_another(
    demo: Any, add: Callable[..., Any], decide: Callable[[], None]
) -> None:
    blue = add(scale=100)
    demo.update_service_primary_task_set(**WHERE, primaryTaskSet=blue["taskSetArn"])
    decide()
    green = add(scale=50)
    decide()
    assert service_of(demo)["runningCount"] == 6
    demo.update_task_set(**WHERE, taskSet=green["id"], scale={"value": 100, "unit": "PERCENT"})
    primary = demo.update_service_primary_task_set(**WHERE, primaryTaskSet=green["id"])["taskSet"]
    assert primary["status"] == "PRIMARY"
    demo.update_task_set(**WHERE, taskSet=blue["id"], scale={"value": 0, "unit": "PERCENT"})
    decide()
    sets = {each["id"]: each for each in service_of(demo)["taskSets"]}
    assert (sets[blue["id"]]["status"], sets[green["id"]]["status"]) == ("ACTIVE", "PRIMARY")
    assert sets[green["id"]]["runningCount"] == 4
    assert service_of(demo)["taskDefinition"].endswith(":task-definition/api:1")
    messages = " ".join(event["message"] for event in service_of(demo)["events"])
    assert f"(service web, taskSet {green['id']}) has started 2 tasks" in messages
    assert f"(service web, taskSet {blue['id']}) has stopped 4 running tasks" in messages


def test_tasks_of_a_task_set_are_started_by_it(demo: Any, add: Callable[..., Any], decide: Callable[[], None]) -> None:
    made = add(scale=25)
    decide()
    (arn,) = demo.list_tasks(cluster="demo", serviceName="web")["taskArns"]
    task = demo.describe_tasks(cluster="demo", tasks=[arn])["tasks"][0]
    assert (task["startedBy"], task["group"]) == (made["id"], "service:web")


def test_a_task_set_that_is_scaled_or_primary_is_deleted_by_force_only(
    demo: Any, add: Callable[..., Any], refusal: Any
) -> None:
    scaled, primary = add(scale=10), add()
    demo.update_service_primary_task_set(**WHERE, primaryTaskSet=primary["id"])
    assert refusal(demo.delete_task_set, **WHERE, taskSet=scaled["id"])[0] == "InvalidParameterException"
    assert refusal(demo.delete_task_set, **WHERE, taskSet=primary["id"])[0] == "InvalidParameterException"
    gone = demo.delete_task_set(**WHERE, taskSet=primary["id"], force=True)["taskSet"]
    assert (gone["status"], gone["computedDesiredCount"]) == ("DRAINING", 0)
    assert "taskDefinition" not in service_of(demo)


def test_a_deleted_task_set_is_gone_when_its_tasks_are(
    demo: Any, account: Any, add: Callable[..., Any], decide: Callable[[], None], refusal: Any
) -> None:
    made = add(scale=25)
    decide()
    demo.delete_task_set(**WHERE, taskSet=made["id"], force=True)
    decide()
    assert demo.describe_task_sets(**WHERE, taskSets=[made["id"]])["taskSets"][0]["status"] == "DRAINING"
    stop_everything(account)
    decide()
    answer = demo.describe_task_sets(**WHERE, taskSets=[made["id"]])
    assert answer["taskSets"] == []
    assert answer["failures"] == [{"arn": made["taskSetArn"], "reason": "MISSING"}]
    scale = {"value": 1, "unit": "PERCENT"}
    assert refusal(demo.update_task_set, **WHERE, taskSet=made["id"], scale=scale) == (
        "TaskSetNotFoundException",
        "Task set not found.",
    )


def stop_everything(account: Any) -> None:
    """As the engine's doer of tasks would."""
    world = account.world()
    for task in world.within(Task, account.id, "us-east-1"):
        account.write_records(stopped(task, world.get(TaskState, task.key), datetime.now(UTC)))


def test_a_service_holds_five_task_sets(add: Callable[..., Any], refusal: Any) -> None:
    for _ in range(5):
        add()
    assert refusal(add) == (
        "InvalidParameterException",
        "5 deployments exist on the service. Unable to create new TaskSet since this exceeds the maximum limit.",
    )


def test_the_same_request_is_answered_with_the_same_task_set(add: Callable[..., Any], demo: Any, refusal: Any) -> None:
    first = add(clientToken="once", externalId="a")
    assert add(clientToken="once", externalId="a")["id"] == first["id"]
    assert len(demo.describe_task_sets(**WHERE)["taskSets"]) == 1
    assert refusal(add, clientToken="once", externalId="b")[1] == "Creation of task set was not idempotent."


def test_task_sets_are_for_services_of_external_controllers(create: Any, demo: Any, refusal: Any) -> None:
    create("api")
    assert refusal(demo.describe_task_sets, cluster="demo", service="api") == (
        "InvalidParameterException",
        "Amazon ECS only supports task set management on services configured to use external deployment controllers.",
    )


def test_what_task_sets_have_cannot_be_updated_on_their_service(demo: Any, external: Any, refusal: Any) -> None:
    code, text = refusal(demo.update_service, cluster="demo", service="web", taskDefinition="api")
    assert code == "InvalidParameterException"
    assert text.startswith("Unable to update task definition on services with an EXTERNAL deployment controller.")
    assert refusal(demo.update_service, cluster="demo", service="web", forceNewDeployment=True)[0] == code


def test_tags_of_a_task_set_are_those_of_its_arn(demo: Any, add: Callable[..., Any]) -> None:
    made = add()
    demo.tag_resource(resourceArn=made["taskSetArn"], tags=[{"key": "a", "value": "b"}])
    assert demo.list_tags_for_resource(resourceArn=made["taskSetArn"])["tags"] == [{"key": "a", "value": "b"}]
    assert demo.describe_task_sets(**WHERE)["taskSets"][0]["tags"] == []
    shown = demo.describe_task_sets(**WHERE, include=["TAGS"])["taskSets"][0]
    assert shown["tags"] == [{"key": "a", "value": "b"}]


def test_a_service_with_task_sets_is_deleted_by_force_and_leaves_none(
    demo: Any, account: Any, add: Callable[..., Any], decide: Callable[[], None], refusal: Any
) -> None:
    made = add(scale=25)
    decide()
    demo.update_service(cluster="demo", service="web", desiredCount=0)
    assert refusal(demo.delete_service, cluster="demo", service="web") == (
        "InvalidParameterException",
        "The service cannot be stopped while deployments are active.",
    )
    demo.delete_service(cluster="demo", service="web", force=True)
    decide()
    stop_everything(account)
    decide()
    assert service_of(demo)["status"] == "INACTIVE"
    key = deployment_key((account.id, "us-east-1", "demo", "web"), made["id"])
    assert account.world().get(TaskSet, key) is None


def test_a_scale_beyond_the_whole_is_refused(add: Callable[..., Any], refusal: Any) -> None:
    assert refusal(add, scale=100.5)[0] == "InvalidParameterException"
    assert refusal(add, scale=-1)[0] == "InvalidParameterException"


def test_commands_in_tasks_of_a_set_need_a_role_of_its_definition(demo: Any, network: Any, refusal: Any) -> None:
    controller = {"type": "EXTERNAL"}
    where = {"cluster": "demo", "service": "shell"}
    demo.create_service(cluster="demo", serviceName="shell", deploymentController=controller, enableExecuteCommand=True)
    code, text = refusal(
        demo.create_task_set, **where, taskDefinition="api", launchType="FARGATE", networkConfiguration=network
    )
    assert code == "InvalidParameterException"
    assert text.startswith("The task set couldn't be created")
