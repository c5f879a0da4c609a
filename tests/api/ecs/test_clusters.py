"""Clusters and their Service Connect default namespace, by a real client."""

from typing import Any

import pytest

from moorage.domain.registry import Namespace
from moorage.domain.task import Status, Task, TaskState


def describe(ecs: Any, name: str = "demo", *include: str) -> Any:
    return ecs.describe_clusters(clusters=[name], include=list(include))["clusters"][0]


def namespaces(account: Any) -> list[Namespace]:
    return account.world().within(Namespace, account.id, "us-east-1")


def settled(ecs: Any) -> Any:
    """The cluster demo, as soon as it is not PROVISIONING any more, as tools ask until then."""
    for _ in range(1000):
        (found,) = ecs.describe_clusters(clusters=["demo"], include=["ATTACHMENTS"])["clusters"]
        if found["status"] != "PROVISIONING":
            break
    assert found["status"] == "ACTIVE"
    return found


def test_a_new_name_as_default_makes_an_http_namespace(account: Any, ecs: Any) -> None:
    made = ecs.create_cluster(clusterName="demo", serviceConnectDefaults={"namespace": "hello-world.com"})["cluster"]
    assert (made["status"], made["attachments"][0]["status"]) == ("PROVISIONING", "ATTACHING")
    assert made["attachmentsStatus"] == "UPDATE_IN_PROGRESS"
    found = settled(ecs)
    assert (found["attachments"][0]["status"], found["attachmentsStatus"]) == ("ATTACHED", "UPDATE_COMPLETE")
    namespace = namespaces(account)[0]
    assert made["serviceConnectDefaults"] == {"namespace": namespace.arn}
    assert (namespace.name, namespace.type) == ("hello-world.com", "HTTP")
    found = account.client("servicediscovery").get_namespace(Id=namespace.id)["Namespace"]
    assert found["Properties"]["HttpProperties"]["HttpName"] == "hello-world.com"


def test_an_existing_namespace_is_used_by_name_and_by_arn(account: Any, ecs: Any) -> None:
    first = ecs.create_cluster(clusterName="one", serviceConnectDefaults={"namespace": "demo"})["cluster"]
    arn = first["serviceConnectDefaults"]["namespace"]
    for name, reference in (("two", "demo"), ("three", arn)):
        made = ecs.create_cluster(clusterName=name, serviceConnectDefaults={"namespace": reference})["cluster"]
        assert made["serviceConnectDefaults"]["namespace"] == arn
    assert len(namespaces(account)) == 1


def test_an_unknown_namespace_arn_is_not_found_and_nothing_is_made(account: Any, ecs: Any, refusal: Any) -> None:
    arn = f"arn:aws:servicediscovery:us-east-1:{account.id}:namespace/ns-none"
    defaults = {"namespace": arn}
    code, _ = refusal(ecs.create_cluster, clusterName="demo", serviceConnectDefaults=defaults)
    assert code == "NamespaceNotFoundException"
    assert ecs.list_clusters()["clusterArns"] == []


def test_a_namespace_name_with_forbidden_letters_is_refused(ecs: Any, refusal: Any) -> None:
    code, _ = refusal(ecs.create_cluster, clusterName="demo", serviceConnectDefaults={"namespace": "a/b"})
    assert code == "InvalidParameterException"


def test_the_empty_name_clears_the_default_and_keeps_the_namespace(account: Any, demo: Any) -> None:
    demo.update_cluster(cluster="demo", serviceConnectDefaults={"namespace": ""})
    assert "serviceConnectDefaults" not in describe(demo)
    assert len(namespaces(account)) == 1


def test_creating_a_cluster_again_gives_the_one_that_there_is(ecs: Any) -> None:
    first = ecs.create_cluster(clusterName="demo", tags=[{"key": "a", "value": "1"}])["cluster"]
    again = ecs.create_cluster(clusterName="demo", tags=[{"key": "a", "value": "2"}])
    assert again["cluster"] == first
    assert "UpdateCluster" in again["ResponseMetadata"]["HTTPHeaders"]["x-moorage-hint"]


def test_what_was_not_asked_for_is_not_included(ecs: Any) -> None:
    ecs.create_cluster(clusterName="demo", tags=[{"key": "a", "value": "1"}])
    assert describe(ecs)["tags"] == []
    full = describe(ecs, "demo", "TAGS", "SETTINGS", "STATISTICS")
    assert full["tags"] == [{"key": "a", "value": "1"}]
    assert full["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert {"name": "runningFargateTasksCount", "value": "0"} in full["statistics"]


def test_unknown_clusters_are_failures(account: Any, ecs: Any) -> None:
    answer = ecs.describe_clusters(clusters=["nope"])
    arn = f"arn:aws:ecs:us-east-1:{account.id}:cluster/nope"
    assert answer["clusters"] == []
    assert answer["failures"] == [{"arn": arn, "reason": "MISSING"}]


def test_settings_can_be_changed_both_ways(ecs: Any) -> None:
    ecs.create_cluster(clusterName="demo")
    settings = [{"name": "containerInsights", "value": "enabled"}]
    assert ecs.update_cluster_settings(cluster="demo", settings=settings)["cluster"]["settings"] == settings
    off = [{"name": "containerInsights", "value": "disabled"}]
    assert ecs.update_cluster(cluster="demo", settings=off)["cluster"]["settings"] == off


def test_capacity_providers_are_fargates(ecs: Any, refusal: Any) -> None:
    ecs.create_cluster(clusterName="demo")
    strategy = [{"capacityProvider": "FARGATE", "weight": 1}]
    put = ecs.put_cluster_capacity_providers
    found = put(cluster="demo", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=strategy)["cluster"]
    assert found["capacityProviders"] == ["FARGATE"]
    assert found["defaultCapacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}]
    for providers in (["mine"], ["FARGATE_SPOT"]):
        code, _ = refusal(put, cluster="demo", capacityProviders=providers, defaultCapacityProviderStrategy=strategy)
        assert code == "InvalidParameterException"


def test_a_deleted_cluster_is_inactive_and_can_be_made_anew(ecs: Any, refusal: Any) -> None:
    ecs.create_cluster(clusterName="demo")
    assert ecs.delete_cluster(cluster="demo")["cluster"]["status"] == "INACTIVE"
    assert describe(ecs)["status"] == "INACTIVE"
    assert ecs.list_clusters()["clusterArns"] == []
    assert refusal(ecs.update_cluster, cluster="demo") == ("ClientException", "The referenced cluster was inactive.")
    assert ecs.create_cluster(clusterName="demo")["cluster"]["status"] == "ACTIVE"


def test_a_cluster_with_services_or_tasks_stays_active(
    account: Any, create: Any, demo: Any, network: Any, refusal: Any
) -> None:
    create(desiredCount=0)
    assert refusal(demo.delete_cluster, cluster="demo")[0] == "ClusterContainsServicesException"
    demo.create_cluster(clusterName="other")
    task = demo.run_task(cluster="other", taskDefinition="api", launchType="FARGATE", networkConfiguration=network)[
        "tasks"
    ][0]
    assert refusal(demo.delete_cluster, cluster="other")[0] == "ClusterContainsTasksException"
    assert describe(demo, "other")["status"] == "ACTIVE"
    assert describe(demo, "other")["pendingTasksCount"] == 1
    stopped = account.world().get(Task, (account.id, "us-east-1", "other", task["taskArn"].rsplit("/")[-1]))
    state = TaskState(account.id, "us-east-1", "other", stopped.id, status=Status.STOPPED)
    account.write_records(state)
    assert demo.delete_cluster(cluster="other")["cluster"]["status"] == "INACTIVE"


def test_unknown_clusters_are_not_found(ecs: Any, refusal: Any) -> None:
    assert refusal(ecs.delete_cluster, cluster="nope") == ("ClusterNotFoundException", "Cluster not found.")
    foreign = "arn:aws:ecs:eu-west-1:000000000000:cluster/demo"
    ecs.create_cluster(clusterName="demo")
    assert refusal(ecs.delete_cluster, cluster=foreign)[0] == "ClusterNotFoundException"


def test_a_cluster_is_one_of_its_account_and_region(account: Any, ecs: Any) -> None:
    ecs.create_cluster(clusterName="demo")
    assert account.client("ecs", "eu-west-1").list_clusters()["clusterArns"] == []


def test_clusters_are_listed_in_pages(ecs: Any, refusal: Any) -> None:
    names = [f"c{number}" for number in range(5)]
    for name in names:
        ecs.create_cluster(clusterName=name)
    pages = ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 2})
    found = [arn.rsplit("/")[-1] for page in pages for arn in page["clusterArns"]]
    assert found == names
    token = ecs.list_clusters(maxResults=2)["nextToken"]
    changed = ("A" if token[0] != "A" else "B") + token[1:]
    for wrong in (changed, "nonsense", ""):
        if wrong:
            code, message = refusal(ecs.list_clusters, nextToken=wrong)
            assert (code, message) == ("InvalidParameterException", "Invalid token.")


@pytest.mark.parametrize("operation", ["list_daemons", "list_gateways"])
def test_operations_that_are_not_served_are_refused_by_name(ecs: Any, refusal: Any, operation: str) -> None:
    _, message = refusal(getattr(ecs, operation))
    assert operation.replace("_", "") in message.lower()


def test_a_default_namespace_is_an_attachment_of_its_cluster(ecs: Any) -> None:
    ecs.create_cluster(clusterName="joined", serviceConnectDefaults={"namespace": "joined.local"})
    ecs.create_cluster(clusterName="alone")
    joined, alone = ecs.describe_clusters(clusters=["joined", "alone"], include=["ATTACHMENTS"])["clusters"]
    (attachment,) = joined["attachments"]
    assert (attachment["type"], attachment["status"], attachment["details"]) == ("sc", "ATTACHED", [])
    assert joined["attachmentsStatus"] == "UPDATE_COMPLETE"
    assert alone["attachments"] == []
    again = ecs.describe_clusters(clusters=["joined"], include=["ATTACHMENTS"])["clusters"][0]
    assert again["attachments"] == [attachment]
    assert "attachments" not in ecs.describe_clusters(clusters=["joined"])["clusters"][0]
