import pytest

from moorage.wire import models, query_form
from moorage.wire.faults import Fault, Rejected
from moorage.wire.message import Request
from moorage.wire.query import QueryCodec

CODEC = QueryCodec()
CREATE = models.operation("cloudformation", "CreateStack")
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def post(body: str) -> Request:
    return Request("POST", "/", headers=FORM, body=body.encode())


def test_lists_are_read_in_the_order_of_their_numbers_not_of_the_fields() -> None:
    parsed = CODEC.parse(CREATE, post("Capabilities.member.10=J&Capabilities.member.2=B&Capabilities.member.1=A"))
    assert parsed == {"Capabilities": ["A", "B", "J"]}


def test_an_empty_list_stays_a_list() -> None:
    assert CODEC.parse(CREATE, post("Tags=&StackName=s")) == {"Tags": [], "StackName": "s"}


def test_action_and_version_are_not_parameters() -> None:
    assert CODEC.parse(CREATE, post("Action=CreateStack&Version=2010-05-15&StackName=s")) == {"StackName": "s"}


def test_a_get_is_read_from_the_query_string() -> None:
    assert query_form.form(Request("GET", "/", "Action=GetCallerIdentity&Version=2011-06-15")) == {
        "Action": "GetCallerIdentity",
        "Version": "2011-06-15",
    }


def test_unknown_fields_are_kept_for_validation_to_name() -> None:
    assert CODEC.parse(CREATE, post("Colour=red&Tags.member.1.Shade=dark")) == {
        "Colour": "red",
        "Tags": [{"Shade": "dark"}],
    }


@pytest.mark.parametrize(
    "body",
    [
        "StackName=a&StackName=b",
        "Tags=x&Tags.member.1.Key=k",
        "Tags.member.1.Key=k&Tags.member.1=x",
        "Tags.member.one.Key=k",
        "StackName.x=1",
        "StackName=%ff",
        "Tags=text",
    ],
)
def test_a_malformed_form_is_refused(body: str) -> None:
    with pytest.raises(Rejected) as caught:
        CODEC.parse(CREATE, post(body))
    assert caught.value.fault.code == "MalformedQueryString"


def test_names_deeper_than_64_are_refused() -> None:
    with pytest.raises(Rejected, match="deeper than 64"):
        CODEC.parse(CREATE, post("a" + ".a" * 64 + "=1"))


def test_too_many_fields_are_refused() -> None:
    with pytest.raises(Rejected):
        CODEC.parse(CREATE, post("&".join(f"a{number}=" for number in range(10_001))))


def test_numbers_and_booleans_that_are_none_stay_text_for_validation_to_refuse() -> None:
    parsed = CODEC.parse(CREATE, post("TimeoutInMinutes=soon&DisableRollback=perhaps"))
    assert parsed == {"TimeoutInMinutes": "soon", "DisableRollback": "perhaps"}


def test_an_error_says_who_has_to_mend_it() -> None:
    mine = CODEC.refuse(Fault("ValidationError", "bad < worse"), "r", "sts").body.decode()
    assert "<Type>Sender</Type><Code>ValidationError</Code><Message>bad &lt; worse</Message>" in mine
    assert 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"' in mine
    assert "<Type>Receiver</Type>" in CODEC.refuse(Fault("InternalFailure", "oh", 500), "r", "").body.decode()


def test_what_xml_cannot_hold_is_left_out() -> None:
    body = CODEC.refuse(Fault("X", "a\x00\x0bb\tc"), "r", "").body
    assert b"<Message>ab\tc</Message>" in body
