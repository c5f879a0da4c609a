"""Cloud Map as an SDK asks that prefers Smithy RPC v2 CBOR: botocore, with the other protocol taken from its model."""

from collections.abc import Callable
from typing import Any

import boto3
import botocore.session
import cbor2
import httpx
import pytest
from botocore.config import Config
from botocore.loaders import Loader


class OnlyCbor(Loader):
    """The models without their other protocols."""

    def load_service_model(self, *arguments: Any, **named: Any) -> Any:
        model = super().load_service_model(*arguments, **named)
        if "protocols" not in model.get("metadata", {}):
            return model
        return {**model, "metadata": {**model["metadata"], "protocols": ["smithy-rpc-v2-cbor"]}}


@pytest.fixture(scope="module")
def served(serve: Any) -> Any:
    return serve()


@pytest.fixture
def sd(served: Any) -> Any:
    session = botocore.session.get_session()
    session.register_component("data_loader", OnlyCbor(Loader().search_paths))
    client = boto3.Session(botocore_session=session).client(
        "servicediscovery",
        region_name="eu-west-1",
        endpoint_url=served.url,
        aws_access_key_id="123456789012",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
    )
    assert client.meta.service_model.resolved_protocol == "smithy-rpc-v2-cbor"
    return client


def test_a_namespace_lives_as_over_json(served: Any, sd: Any, finish: Callable[..., Any]) -> None:
    made = finish(sd.create_http_namespace(Name="cbor", Tags=[{"Key": "a", "Value": "é ✓"}]))
    assert made["Status"] == "SUCCESS"
    shown = sd.get_namespace(Id=made["Targets"]["NAMESPACE"])["Namespace"]
    over_json = served.client("servicediscovery").get_namespace(Id=shown["Id"])["Namespace"]
    assert shown == over_json
    service = sd.create_service(Name="cart", NamespaceId=shown["Id"])["Service"]
    finish(
        sd.register_instance(ServiceId=service["Id"], InstanceId="i-1", Attributes={"AWS_INSTANCE_IPV4": "10.0.0.1"})
    )
    found = sd.discover_instances(NamespaceName="cbor", ServiceName="cart")["Instances"]
    assert [instance["Attributes"] for instance in found] == [{"AWS_INSTANCE_IPV4": "10.0.0.1"}]
    assert sd.untag_resource(ResourceARN=shown["Arn"], TagKeys=["a"])["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_refusal_is_the_exception_of_its_shape(sd: Any, refused: Callable[..., Any]) -> None:
    with pytest.raises(sd.exceptions.NamespaceNotFound) as error:
        sd.get_namespace(Id="ns-nothing")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert refused(sd.list_namespaces, Filters=[{"Name": "TYPE", "Values": []}])[0] == "InvalidInput"


def test_a_refused_body_is_answered_in_the_protocol(served: Any) -> None:
    headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
    path = "/service/Route53AutoNaming_v20170314/operation/ListNamespaces"
    for body, status in ((b"\xa1", 400), (b"\xa0" * (1 << 20) + b"\xa0", 413)):
        answer = httpx.post(served.url + path, headers=headers, content=body)
        assert answer.status_code == status
        assert answer.headers["smithy-protocol"] == "rpc-v2-cbor"
        assert cbor2.loads(answer.content)["__type"] in ("SerializationException", "RequestEntityTooLarge")
