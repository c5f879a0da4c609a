"""Zone-aware routing through the whole system: tasks in the zones of their subnets, requests that stay in theirs."""

from typing import Any

import inside
import pytest
from place import Place

pytestmark = pytest.mark.namespaces


def zones(moorage: Place, service: str) -> dict[str, str]:
    """The zone of each task of a service, by the name that its container answers with."""
    return {task["taskArn"].rsplit("/", 1)[1][:12]: task["availabilityZone"] for task in moorage.tasks(service)}


def in_two_zones(moorage: Place, service: str, count: int, connect: dict[str, Any]) -> None:
    found = moorage.client("ec2").describe_subnets()["Subnets"]
    by_zone = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in found}
    subnets = [by_zone[zone] for zone in sorted(by_zone)[:2]]
    moorage.ecs.create_service(
        cluster="demo",
        serviceName=service,
        taskDefinition=service,
        desiredCount=count,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
        serviceConnectConfiguration=connect,
    )


def test_requests_stay_in_the_callers_zone_while_it_has_its_share(moorage: Place):
    moorage.define("zoned", {"name": "zoned", "containerPort": 5000, "appProtocol": "http"})
    moorage.define("caller")
    service = {"portName": "zoned", "clientAliases": [{"port": 80, "dnsName": "zoned"}]}
    in_two_zones(moorage, "zoned", 4, {"enabled": True, "services": [service]})
    in_two_zones(moorage, "caller", 2, {"enabled": True})
    moorage.stable("zoned", "caller")
    servers = zones(moorage, "zoned")
    callers = {task["taskArn"].rsplit("/", 1)[1]: task["availabilityZone"] for task in moorage.tasks("caller")}
    assert sorted(callers.values()) == sorted(set(servers.values()))
    for caller, zone in callers.items():

        def heard(caller: str = caller) -> set[str]:
            return {inside.get(moorage.url, caller, "http://zoned/", 10).body for _ in range(8)}

        near = {name for name, where in servers.items() if where == zone}
        # The proxy hears of its siblings a moment after the deployment is complete.
        moorage.until(lambda heard=heard, near=near: heard() <= near, "all requests stay in the zone")
        assert heard() == near
