import time
from collections.abc import Callable
from typing import Any

import pytest

Finish = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def served(serve: Any) -> Any:
    return serve()


@pytest.fixture
def sd(served: Any) -> Any:
    return served.client("servicediscovery")


@pytest.fixture
def finish(sd: Any) -> Finish:
    """Wait until an operation that was submitted has ended, and show it."""

    def wait(submitted: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            operation: dict[str, Any] = sd.get_operation(OperationId=submitted["OperationId"])["Operation"]
            assert operation["Status"] in ("SUBMITTED", "PENDING", "SUCCESS", "FAIL")
            if operation["Status"] in ("SUCCESS", "FAIL"):
                return operation
        raise AssertionError(f"operation {submitted['OperationId']} did not end")

    return wait


@pytest.fixture
def namespace(sd: Any, finish: Finish) -> str:
    """The id of an HTTP namespace `shop`."""
    operation = finish(sd.create_http_namespace(Name="shop", Description="the shop"))
    assert operation["Status"] == "SUCCESS"
    found: str = operation["Targets"]["NAMESPACE"]
    return found


@pytest.fixture
def service(sd: Any, namespace: str) -> str:
    """The id of a service `cart` with a custom health check in `shop`."""
    made = sd.create_service(Name="cart", NamespaceId=namespace, HealthCheckCustomConfig={"FailureThreshold": 1})
    found: str = made["Service"]["Id"]
    return found


@pytest.fixture
def register(sd: Any, service: str, finish: Finish) -> Callable[..., dict[str, Any]]:
    def make(instance: str, service_id: str = service, **attributes: str) -> dict[str, Any]:
        return finish(sd.register_instance(ServiceId=service_id, InstanceId=instance, Attributes=attributes))

    return make
