"""What is passed on to Moto is there, both at AWS and in Moto, and refusals can be read by clients."""

import pytest
from botocore import xform_name
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st
from moto.ec2.responses import EC2Response

from moorage.api.operations import SUPPORTING
from moorage.support import faults, operations
from moorage.wire import models
from moorage.wire.faults import Fault
from moorage.wire.message import Request

LISTED = [(service, name) for service, names in operations.PASSED_ON.items() for name in sorted(names or ())]


@pytest.mark.parametrize(("service", "operation"), LISTED)
def test_every_operation_that_is_passed_on_exists(service: str, operation: str) -> None:
    assert operation in models.service_operations(service)
    if service == "ec2":
        assert callable(getattr(EC2Response, xform_name(operation)))


def test_the_endpoint_sends_here_what_is_passed_on() -> None:
    assert SUPPORTING == operations.SERVICES


def test_hints_are_given_with_operations_that_are_passed_on() -> None:
    assert set(operations.HINTS) <= {operation for _, operation in LISTED}


@pytest.mark.parametrize("operation", ["RunInstances", "CreateVolume", "CreateVpnConnection", "", "Nonsense"])
def test_what_would_be_pretended_is_not_passed_on(operation: str) -> None:
    assert not operations.passed_on("ec2", operation)


def test_a_service_that_is_not_there_has_no_operation() -> None:
    assert not operations.passed_on("rds", "DescribeDBInstances")


@pytest.mark.parametrize("service", sorted(operations.SERVICES))
def test_what_names_no_operation_is_not_passed_on(service: str) -> None:
    assert not operations.passed_on(service, "")
    assert not operations.only_reads(service, "")
    assert not operations.repeatable(service, "")


def test_looking_at_a_key_may_make_it() -> None:
    assert operations.only_reads("s3", "HeadObject")
    assert not operations.only_reads("kms", "DescribeKey")


def test_only_what_may_happen_twice_is_asked_twice() -> None:
    assert operations.repeatable("kms", "Decrypt")
    assert operations.repeatable("kms", "DescribeKey")
    assert not operations.repeatable("kms", "CreateKey")
    assert not operations.repeatable("s3", "PutObject")


@given(message=st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1))
@pytest.mark.parametrize(("service", "protocol"), [("ec2", "ec2"), ("iam", "query"), ("s3", "rest-xml")])
def test_a_refusal_is_read_as_it_was_meant(service: str, protocol: str, message: str) -> None:
    request = Request("POST", "/", headers={"content-type": "application/x-www-form-urlencoded"})
    response = faults.refusal(service, request, Fault("SomeCode", message, 400), "an-id")
    answer = {"headers": dict(response.headers), "body": response.body, "status_code": response.status}
    parsed = create_parser(protocol).parse(answer, None)
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("SomeCode", message)
    assert parsed["ResponseMetadata"]["RequestId"] == "an-id"
