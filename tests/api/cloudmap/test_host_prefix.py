"""DiscoverInstances goes to `data-` before the endpoint's name: the ways in which clients reach it nevertheless."""

import socket
from collections.abc import Callable
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from moorage.api.app import Endpoint

NAME = "moorage.test"


@pytest.fixture
def served(serve: Any) -> Any:
    return serve(endpoint=Endpoint("test", dns_name=NAME))


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a hosts file would say on the client's side, and which names were asked for."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **named: Any) -> Any:
        asked.append(host)
        known = "127.0.0.1" if host in (NAME, f"data-{NAME}") else host
        if str(host).startswith("data-1"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(known, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.fixture
def reach(served: Any, looked_up: list[str]) -> Callable[..., Any]:
    def client(host: str, **settings: Any) -> Any:
        return boto3.Session().client(
            "servicediscovery",
            region_name="eu-west-1",
            endpoint_url=f"http://{host}:{served.port}",
            aws_access_key_id="123456789012",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, **settings),
        )

    return client


@pytest.fixture
def cart(sd: Any, service: str, register: Callable[..., Any]) -> dict[str, str]:
    register("i-1")
    return {"NamespaceName": "shop", "ServiceName": "cart"}


def found(client: Any, cart: dict[str, str]) -> list[str]:
    return [instance["InstanceId"] for instance in client.discover_instances(**cart)["Instances"]]


def test_a_name_of_the_user_s_needs_no_switch(reach: Any, cart: dict[str, str], looked_up: list[str]) -> None:
    assert found(reach(NAME), cart) == ["i-1"]
    assert looked_up[-1] == f"data-{NAME}"


def test_an_address_alone_is_not_found_with_the_prefix(reach: Any, cart: dict[str, str]) -> None:
    with pytest.raises(EndpointConnectionError, match=r"data-127\.0\.0\.1"):
        found(reach("127.0.0.1"), cart)


def test_botocore_s_option_leaves_the_prefix_out(reach: Any, cart: dict[str, str], looked_up: list[str]) -> None:
    assert found(reach("127.0.0.1", inject_host_prefix=False), cart) == ["i-1"]
    assert looked_up[-1] == "127.0.0.1"


def test_the_variable_that_env_prints_leaves_the_prefix_out(
    reach: Any, cart: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    assert found(reach("127.0.0.1"), cart) == ["i-1"]


@pytest.mark.parametrize(
    ("host", "status"),
    [(NAME, 200), (f"data-{NAME}", 200), ("other.test", 403), (f"x.{NAME}", 403), (f"data-data-{NAME}", 403)],
)
def test_pages_are_answered_under_the_user_s_name_and_no_other(served: Any, host: str, status: int) -> None:
    host = f"{host}:{served.port}"
    answer = httpx.get(
        served.url + "/_moorage/health",
        headers={"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"},
    )
    assert answer.status_code == status
