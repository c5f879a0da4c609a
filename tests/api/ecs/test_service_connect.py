"""Service Connect by a real client: endpoints, claims, Cloud Map services, the freeze, and ECS's refusals."""

from typing import Any

import pytest

from moorage.domain.changes import Key
from moorage.domain.claim import Claim
from moorage.domain.connect import ConnectEndpoint
from moorage.domain.registry import Instance, RegistryService
from moorage.domain.service import Deployment


def deployment(account: Any, made: Any) -> Deployment:
    where: Key = (account.id, "us-east-1", "demo", made["serviceName"], made["deployments"][0]["id"])
    found = account.world().get(Deployment, where)
    assert found is not None
    return found


def endpoints(account: Any) -> list[ConnectEndpoint]:
    return account.world().within(ConnectEndpoint, account.id, "us-east-1")


def known(account: Any, made: Any) -> list[str]:
    return [f"{name.endpoint.alias}:{name.endpoint.alias_port}" for name in deployment(account, made).known]


def claims(account: Any) -> set[str]:
    """The names that ECS services hold."""
    held = account.world().within(Claim, account.id, "us-east-1")
    return {claim.name[-1] for claim in held if ":service/demo/" in claim.owner}


def test_the_configuration_is_on_the_deployment_and_not_on_the_service(
    account: Any, create: Any, exposing: Any
) -> None:
    made = create(connect=exposing())
    assert "serviceConnectConfiguration" not in made
    shown = made["deployments"][0]
    assert shown["serviceConnectConfiguration"]["services"] == exposing()["services"]
    registry = account.world().within(RegistryService, account.id, "us-east-1")[0]
    assert shown["serviceConnectResources"] == [{"discoveryName": "http", "discoveryArn": registry.arn}]


def test_one_commit_makes_endpoint_claims_and_cloud_map_service(account: Any, create: Any, exposing: Any) -> None:
    made = create(connect=exposing(8080, dns="api"))
    endpoint = endpoints(account)[0]
    assert (endpoint.alias, endpoint.alias_port, endpoint.port, endpoint.protocol) == ("api", 8080, 8080, "http")
    assert (endpoint.idle_timeout, endpoint.per_request_timeout) == (300, 15)
    assert claims(account) == {"http", "api:8080"}
    cloud_map = account.client("servicediscovery")
    service = cloud_map.get_service(Id=endpoint.registry_service_id)["Service"]
    assert service["Name"] == "http"
    assert service["Description"] == f"Managed by {made['serviceArn']}"
    tags = cloud_map.list_tags_for_resource(ResourceARN=service["Arn"])["Tags"]
    assert tags == [{"Key": "AmazonECSManaged", "Value": "true"}]


def test_without_a_dns_name_the_alias_is_discovery_name_and_namespace(account: Any, create: Any, exposing: Any) -> None:
    create(connect=exposing(discoveryName="web"))
    assert endpoints(account)[0].alias == "web.demo.local"


def test_a_deployment_knows_what_there_was_when_it_began_itself_included(
    account: Any, create: Any, demo: Any, exposing: Any
) -> None:
    early = create("early", connect={"enabled": True})
    server = create("server", connect=exposing(dns="server"))
    late = create("late", connect={"enabled": True})
    assert known(account, early) == []
    assert known(account, server) == ["server:80"]
    assert known(account, late) == ["server:80"]
    assert deployment(account, late).known[0].vip == "127.255.0.1"
    again = demo.update_service(cluster="demo", service="early", forceNewDeployment=True)["service"]
    assert known(account, again) == ["server:80"]
    assert known(account, early) == []


def test_a_client_only_service_has_a_hidden_cloud_map_service(account: Any, create: Any) -> None:
    create("client", connect={"enabled": True})
    hidden = account.world().within(RegistryService, account.id, "us-east-1")
    assert [each.hidden for each in hidden] == [True]
    assert hidden[0].name.startswith("aws-ecs-sc.client.")
    assert hidden[0].name.endswith(".client")


def test_a_service_without_service_connect_is_in_no_namespace(account: Any, create: Any) -> None:
    assert deployment(account, create()).namespace_id is None
    off = create("off", connect={"enabled": False})
    assert deployment(account, off).namespace_id is None
    assert off["deployments"][0]["serviceConnectConfiguration"] == {"enabled": False}


def test_a_taken_alias_is_refused_in_ecs_words(account: Any, create: Any, exposing: Any, refusal: Any) -> None:
    create("one", connect=exposing(dns="api", discoveryName="one"))
    code, message = refusal(create, "two", connect=exposing(dns="api", discoveryName="two"))
    assert code == "InvalidParameterException"
    assert message == ("ClientAlias api:80 is already used by service with discovery name one in namespace demo.local")
    assert len(endpoints(account)) == 1
    assert create("three", connect=exposing(81, dns="api", discoveryName="three"))["status"] == "ACTIVE"


def test_one_service_cannot_have_one_alias_twice(
    demo: Any, create: Any, definition: Any, exposing: Any, refusal: Any
) -> None:
    ports = [{"name": "http", "containerPort": 8080}, {"name": "other", "containerPort": 8081}]
    demo.register_task_definition(**definition("api", {"portMappings": ports}))
    twice = exposing(dns="api")
    twice["services"] += exposing(dns="api", portName="other")["services"]
    assert refusal(create, connect=twice)[1].startswith("ClientAlias api:80 is already used")


def test_a_taken_discovery_name_is_refused_in_ecs_words(create: Any, exposing: Any, refusal: Any) -> None:
    first = create("one", connect=exposing(dns="one"))
    expected = ("InvalidParameterException", f"SC service is already used by {first['serviceArn']}")
    assert refusal(create, "two", connect=exposing(dns="two")) == expected


def test_a_name_that_cloud_map_has_already_is_refused(account: Any, create: Any, exposing: Any, refusal: Any) -> None:
    cloud_map = account.client("servicediscovery")
    create("unrelated", connect={"enabled": True})
    namespace = cloud_map.list_namespaces()["Namespaces"][0]["Id"]
    by_hand = cloud_map.create_service(Name="http", NamespaceId=namespace)["Service"]
    assert refusal(create, connect=exposing())[1] == f"SC service is already used by {by_hand['Arn']}"


def test_a_namespace_must_be_named_somewhere(demo: Any, create: Any, refusal: Any) -> None:
    demo.update_cluster(cluster="demo", serviceConnectDefaults={"namespace": ""})
    expected = ("InvalidParameterException", "Namespace is missing")
    assert refusal(create, connect={"enabled": True}) == expected
    code, message = refusal(create, connect={"enabled": True, "namespace": "nope"})
    assert (code, message) == ("NamespaceNotFoundException", "Namespace nope was not found.")
    assert create(connect={"enabled": True, "namespace": "demo.local"})["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"portName": "web"}, "portName(web) does not refer to any named PortMapping in the container definitions"),
        ({"portName": "web", "clientAliases": []}, "clientAliases must have 1 element."),
        ({"clientAliases": [{"port": 1}, {"port": 2}]}, "2 clientAliases exceeds the max limit of 1"),
        ({"tls": {"issuerCertificateAuthority": {"awsPcaAuthorityArn": "arn"}}}, "tls"),
    ],
)
def test_a_bad_configuration_is_refused_and_nothing_is_made(
    account: Any, create: Any, demo: Any, exposing: Any, refusal: Any, members: Any, text: str
) -> None:
    assert text in refusal(create, connect=exposing(**members))[1]
    assert demo.list_services(cluster="demo")["serviceArns"] == []
    assert endpoints(account) == []
    assert claims(account) == set()


def test_host_mode_with_service_connect_is_refused(demo: Any, definition: Any, exposing: Any, refusal: Any) -> None:
    demo.register_task_definition(**definition("host", networkMode="host", requiresCompatibilities=None))
    connect = exposing()
    code, message = refusal(
        demo.create_service,
        cluster="demo",
        serviceName="x",
        taskDefinition="host",
        desiredCount=1,
        serviceConnectConfiguration=connect,
    )
    assert code == "InvalidParameterException"
    assert "Service Connect does not support networkMode 'host'" in message


def update(ecs: Any, **members: Any) -> Any:
    return ecs.update_service(cluster="demo", service="api", **members)["service"]


def test_names_follow_an_update(account: Any, create: Any, demo: Any, exposing: Any) -> None:
    create(connect=exposing(dns="old"))
    update(demo, serviceConnectConfiguration=exposing(dns="new"))
    assert [each.alias for each in endpoints(account)] == ["new"]
    assert claims(account) == {"http", "new:80"}
    assert create("other", connect=exposing(dns="old", discoveryName="other"))["status"] == "ACTIVE"


def test_renaming_a_discovery_name_under_the_same_alias_clashes_as_on_ecs(
    create: Any, demo: Any, exposing: Any, refusal: Any
) -> None:
    create(connect=exposing(dns="api"))
    renamed = exposing(dns="api", discoveryName="renamed")
    code, message = refusal(demo.update_service, cluster="demo", service="api", serviceConnectConfiguration=renamed)
    assert code == "InvalidParameterException"
    assert message.startswith("ClientAlias api:80 is already used by service with discovery name http")


def test_switching_service_connect_off_gives_everything_back(
    account: Any, create: Any, demo: Any, exposing: Any
) -> None:
    create(connect=exposing())
    updated = update(demo, serviceConnectConfiguration={"enabled": False})
    assert len(updated["deployments"]) == 2
    assert endpoints(account) == []
    assert claims(account) == set()
    assert account.world().within(RegistryService, account.id, "us-east-1") == []


def test_a_cloud_map_service_stays_while_old_tasks_are_in_it(
    account: Any, create: Any, demo: Any, exposing: Any
) -> None:
    made = create(connect=exposing())
    registry = account.world().within(RegistryService, account.id, "us-east-1")[0]
    instance = Instance(account.id, "us-east-1", registry.id, "t", {}, registry.created_at, task_id="t")
    account.write_records(instance)
    update(demo, serviceConnectConfiguration={"enabled": False})
    assert endpoints(account) == []
    assert account.world().within(RegistryService, account.id, "us-east-1") == [registry]
    update(demo, serviceConnectConfiguration=exposing())
    assert endpoints(account)[0].registry_service_id == registry.id
    assert made["deployments"][0]["serviceConnectResources"][0]["discoveryArn"] == registry.arn


def test_the_protocol_of_an_exposed_port_cannot_change(
    create: Any, demo: Any, definition: Any, exposing: Any, refusal: Any
) -> None:
    create(connect=exposing())
    tcp = [{"name": "http", "containerPort": 8080}]
    demo.register_task_definition(**definition("api", {"portMappings": tcp}))
    code, message = refusal(demo.update_service, cluster="demo", service="api", taskDefinition="api")
    assert code == "InvalidParameterException"
    assert message.startswith(
        "The following config cannot be changed for a SC service. "
        "Previous config: ScServiceStableConfig(applicationProtocol=http, transportProtocol=tcp"
    )
    assert "current config: ScServiceStableConfig(applicationProtocol=null" in message


def test_a_new_task_definition_without_the_port_is_refused(
    create: Any, demo: Any, definition: Any, exposing: Any, refusal: Any
) -> None:
    create(connect=exposing())
    demo.register_task_definition(**definition("api", {"portMappings": []}))
    text = "portName(http) does not refer to any named PortMapping in the container definitions"
    assert refusal(demo.update_service, cluster="demo", service="api", taskDefinition="api")[1] == text
