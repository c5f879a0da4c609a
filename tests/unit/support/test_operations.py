"""What is passed on to Moto is there, both at AWS and in Moto, and refusals can be read by clients."""

import botocore.loaders
import pytest
from botocore import xform_name
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st
from moto.ec2.responses import EC2Response

from moorage.support import faults, operations
from moorage.wire.faults import Fault
from moorage.wire.message import Request

EC2 = botocore.loaders.Loader().load_service_model("ec2", "service-2")["operations"]


@pytest.mark.parametrize("operation", sorted(operations.PASSED_ON["ec2"] or ()))
def test_every_ec2_operation_that_is_passed_on_exists(operation: str) -> None:
    assert operation in EC2
    assert callable(getattr(EC2Response, xform_name(operation)))


@pytest.mark.parametrize("operation", ["RunInstances", "CreateVolume", "CreateVpnConnection", "", "Nonsense"])
def test_what_would_be_pretended_is_not_passed_on(operation: str) -> None:
    assert not operations.passed_on("ec2", operation)


def test_a_service_that_is_not_there_has_no_operation() -> None:
    assert not operations.passed_on("rds", "DescribeDBInstances")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_without_an_operation_the_method_tells(method: str) -> None:
    assert operations.only_reads("", method)
    assert not operations.only_reads("", "PUT")


@given(message=st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1))
@pytest.mark.parametrize(("service", "protocol"), [("ec2", "ec2"), ("iam", "query")])
def test_a_refusal_is_read_as_it_was_meant(service: str, protocol: str, message: str) -> None:
    request = Request("POST", "/", headers={"content-type": "application/x-www-form-urlencoded"})
    response = faults.refusal(service, request, Fault("SomeCode", message, 400), "an-id")
    answer = {"headers": dict(response.headers), "body": response.body, "status_code": response.status}
    parsed = create_parser(protocol).parse(answer, None)
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("SomeCode", message)
    assert parsed["ResponseMetadata"]["RequestId"] == "an-id"
