"""Whatever arrives, the readers give a value or refuse: they never fail in another way."""

from typing import Any
from urllib.parse import quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.wire import models, validate
from moorage.wire.faults import Rejected
from moorage.wire.json11 import JsonCodec
from moorage.wire.message import Request
from moorage.wire.query import QueryCodec

CREATE_SERVICE = models.operation("ecs", "CreateService")
CREATE_STACK = models.operation("cloudformation", "CreateStack")
REGISTER = models.operation("servicediscovery", "RegisterInstance")
FORM = {"content-type": "application/x-www-form-urlencoded"}

MEMBERS = sorted({*CREATE_SERVICE.input_shape.members, *REGISTER.input_shape.members, "portName", "services", "name"})
SCALARS = st.none() | st.booleans() | st.floats() | st.text() | st.integers(-(2**70), 2**70)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(), inner, max_size=3)
    ),
)
FIELDS = st.lists(
    st.sampled_from(
        [*CREATE_STACK.input_shape.members, "member", "Key", "Value", "1", "2", "007", "9" * 5000, "-1", "", "x"]
    ),
    min_size=1,
    max_size=4,
).map(".".join)
TEXTS = st.text() | st.sampled_from(["", "--5", "1" * 5000, "1e999", "nan", "1_0", "true", "TRUE", "²"])


def written(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return repr(value).encode()


@given(st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=4))
@pytest.mark.parametrize("operation", [CREATE_SERVICE, REGISTER], ids=lambda operation: operation.name)
def test_any_json_is_read_or_refused(operation: Any, value: dict[str, Any]) -> None:
    request = Request("POST", "/", body=written(value))
    try:
        result = validate.read(operation, JsonCodec().parse(operation, request), "InvalidParameterException")
    except Rejected as error:
        assert error.fault.status == 400
        assert error.fault.message
    else:
        assert set(result) <= set(operation.input_shape.members)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for codec, operation in ((JsonCodec(), CREATE_SERVICE), (QueryCodec(), CREATE_STACK)):
        try:
            validate.read(operation, codec.parse(operation, Request("POST", "/", headers=FORM, body=body)), "X")
        except Rejected as error:
            assert error.fault.message


@given(st.dictionaries(FIELDS, TEXTS, max_size=6))
def test_any_form_is_read_or_refused(fields: dict[str, str]) -> None:
    pairs = (f"{quote_plus(name)}={quote_plus(value, errors='replace')}" for name, value in fields.items())
    request = Request("POST", "/", headers=FORM, body="&".join(pairs).encode())
    try:
        validate.read(CREATE_STACK, QueryCodec().parse(CREATE_STACK, request), "ValidationError")
    except Rejected as error:
        assert error.fault.status == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [("TimeoutInMinutes", "--5"), ("TimeoutInMinutes", "9" * 5000), ("Capabilities.member." + "9" * 5000, "x")],
)
def test_numbers_that_python_cannot_read_are_refused(field: str, value: str) -> None:
    request = Request("POST", "/", headers=FORM, body=f"StackName=s&{field}={value}".encode())
    with pytest.raises(Rejected):
        validate.read(CREATE_STACK, QueryCodec().parse(CREATE_STACK, request), "ValidationError")
