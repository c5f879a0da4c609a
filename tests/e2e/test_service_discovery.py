"""ECS service discovery with real tasks: registered in Cloud Map, found by DNS, gone before they end."""

from collections.abc import Iterator
from typing import Any

import inside
import pytest
from exposing import CLIENT, SERVER_PORT, exposed, exposing
from place import Place

pytestmark = pytest.mark.namespaces

SETTINGS = {"MOORAGE_DRAIN_SECONDS": "1", "MOORAGE_STOP_SECONDS": "2"}
HEALTH = {"command": ["CMD-SHELL", "test -e /tmp/healthy"], "interval": 5, "timeout": 2, "retries": 10}


@pytest.fixture(scope="module")
def shop(moorage: Place) -> Iterator[Place]:
    """A private DNS namespace `sd.local` in the default VPC, and a service `asker` whose task asks for names."""
    vpc = moorage.client("ec2").describe_subnets(SubnetIds=[moorage.subnet])["Subnets"][0]["VpcId"]
    cloud_map = moorage.client("servicediscovery")
    made = cloud_map.create_private_dns_namespace(Name="sd.local", Vpc=vpc)["OperationId"]
    moorage.until(lambda: cloud_map.get_operation(OperationId=made)["Operation"]["Status"] == "SUCCESS", "it is there")
    moorage.define("asker")
    moorage.serve("asker", connect=CLIENT)
    moorage.stable("asker")
    yield moorage


def cloud_map_service(shop: Place, name: str, *records: str) -> str:
    """A Cloud Map service with a custom health check; its ARN."""
    cloud_map = shop.client("servicediscovery")
    (namespace,) = (each["Id"] for each in cloud_map.list_namespaces()["Namespaces"] if each["Name"] == "sd.local")
    made = cloud_map.create_service(
        Name=name,
        NamespaceId=namespace,
        DnsConfig={"DnsRecords": [{"Type": each, "TTL": 10} for each in records]},
        HealthCheckCustomConfig={"FailureThreshold": 1},
    )
    arn: str = made["Service"]["Arn"]
    return arn


def discovered(shop: Place, name: str, health: str = "ALL") -> list[dict[str, Any]]:
    cloud_map = shop.client("servicediscovery")
    found = cloud_map.discover_instances(NamespaceName="sd.local", ServiceName=name, HealthStatus=health)
    instances: list[dict[str, Any]] = found["Instances"]
    return instances


def addresses(shop: Place, name: str) -> list[str]:
    found: list[str] = shop.ask("asker", "/resolve", name=name).get("addresses", [])
    return found


def of_tasks(shop: Place, service: str) -> list[str]:
    found = [task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"] for task in shop.tasks(service)]
    return sorted(found)


def test_a_service_is_found_by_service_connect_and_by_dns_and_leaves_both_when_it_goes(shop: Place) -> None:
    arn = cloud_map_service(shop, "web", "A")
    shop.define("web", SERVER_PORT)
    registries = [{"registryArn": arn}]
    shop.serve("web", 2, exposing(exposed("server", "web.mesh", 80)), serviceRegistries=registries)
    shop.stable("web")
    shop.until(lambda: addresses(shop, "web.sd.local") == of_tasks(shop, "web"), "both tasks are found by DNS")
    assert shop.through("asker", "http://web.sd.local:5000/").body in shop.ids("web")
    (one, two) = discovered(shop, "web", "HEALTHY")
    assert {one["InstanceId"][:12], two["InstanceId"][:12]} == shop.ids("web")
    told = {name: value for name, value in one["Attributes"].items() if not name.startswith("AWS_INSTANCE")}
    assert told == {
        "AVAILABILITY_ZONE": "us-east-1a",
        "AWS_INIT_HEALTH_STATUS": "HEALTHY",
        "ECS_CLUSTER_NAME": "demo",
        "ECS_SERVICE_NAME": "web",
        "ECS_TASK_DEFINITION_FAMILY": "web",
        "REGION": "us-east-1",
    }
    shop.ecs.update_service(cluster="demo", service="asker", forceNewDeployment=True)
    shop.stable("asker")
    assert shop.through("asker", "http://web.mesh/").body in shop.ids("web"), "and by Service Connect beside it"

    shop.ecs.update_service(cluster="demo", service="web", desiredCount=1)
    shop.stable("web")
    assert len(discovered(shop, "web")) == 1
    shop.until(lambda: addresses(shop, "web.sd.local") == of_tasks(shop, "web"), "one task is left to find")
    shop.ecs.delete_service(cluster="demo", service="web", force=True)
    shop.until(lambda: shop.service("web")["status"] == "INACTIVE", "the service is gone")
    shop.client("servicediscovery").delete_service(Id=arn.rpartition("/")[2])
    shop.until(lambda: not addresses(shop, "web.sd.local"), "its name is gone")


def test_a_checked_task_becomes_healthy_in_cloud_map_when_its_container_does(shop: Place) -> None:
    registries = [{"registryArn": cloud_map_service(shop, "checked", "A")}]
    shop.define("checked", SERVER_PORT, healthCheck=HEALTH)
    shop.serve("checked", serviceRegistries=registries)
    shop.until(lambda: discovered(shop, "checked", "UNHEALTHY"), "it is registered before it is healthy")
    assert discovered(shop, "checked", "HEALTHY") == []
    assert addresses(shop, "checked.sd.local") == of_tasks(shop, "checked"), "where none is healthy, all are told"
    (task,) = (task["taskArn"].rpartition("/")[2] for task in shop.tasks("checked"))
    shop.until(lambda: inside.get(shop.url, task, "http://127.0.0.1:5000/healthy", 10).status == 200, "it is told so")
    shop.until(lambda: discovered(shop, "checked", "HEALTHY"), "it is healthy")


def test_a_bridge_task_is_found_by_srv_and_a_killed_daemons_successor_lets_go_of_it(shop: Place) -> None:
    arn = cloud_map_service(shop, "bridged", "SRV")
    body = {"name": "app", "image": "probe", "portMappings": [{"containerPort": 5000}]}
    shop.ecs.register_task_definition(
        family="bridged", networkMode="bridge", cpu="256", memory="512", containerDefinitions=[body]
    )
    registry = {"registryArn": arn, "containerName": "app", "containerPort": 5000}
    made = {"taskDefinition": "bridged", "desiredCount": 1, "launchType": "EC2", "serviceRegistries": [registry]}
    shop.ecs.create_service(cluster="demo", serviceName="bridged", **made)
    shop.stable("bridged")
    (instance,) = discovered(shop, "bridged")
    address, port = (instance["Attributes"][f"AWS_INSTANCE_{name}"] for name in ("IPV4", "PORT"))
    host = f"{instance['InstanceId']}.bridged.sd.local"
    shop.until(lambda: addresses(shop, host) == [address], "the host of the SRV record is found")
    shop.until(lambda: shop.through("asker", f"http://{host}:{port}/").status == 200, "it answers at its host port")
    shop.kill()
    shop.start()
    assert addresses(shop, host) == [address]
    assert [each["InstanceId"] for each in discovered(shop, "bridged")] == [instance["InstanceId"]]
    shop.ecs.stop_task(cluster="demo", task=shop.tasks("bridged")[0]["taskArn"])
    shop.until(lambda: not addresses(shop, host), "the stopped task's name is gone")
