import pytest
from botocore.model import OperationModel

from moorage.wire import models, validate
from moorage.wire.faults import Fault, Rejected

INVALID = "InvalidInput"


def fault_of(operation: OperationModel, value: object, invalid: str = INVALID) -> Fault:
    with pytest.raises(Rejected) as caught:
        validate.read(operation, value, invalid)
    return caught.value.fault


@pytest.fixture
def create_namespace() -> OperationModel:
    return models.operation("servicediscovery", "CreateHttpNamespace")


@pytest.fixture
def create_service() -> OperationModel:
    return models.operation("ecs", "CreateService")


def test_a_missing_required_member_is_named_as_aws_names_it(create_namespace: OperationModel) -> None:
    fault = fault_of(create_namespace, {})
    assert fault.code == INVALID
    assert fault.message == (
        "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"
    )


def test_all_broken_constraints_are_told_at_once(create_namespace: OperationModel) -> None:
    fault = fault_of(create_namespace, {"Name": "has blanks", "Tags": [{"Key": "", "Value": "v"}]})
    assert fault.message == (
        "2 validation errors detected: Value 'has blanks' at 'name' failed to satisfy constraint: Member must satisfy "
        "regular expression pattern: ^(?!arn:)[!-~]{1,1024}$; Value '' at 'tags.1.member.key' failed to satisfy "
        "constraint: Member must have length greater than or equal to 1"
    )


def test_an_enum_lists_what_is_allowed(create_service: OperationModel) -> None:
    fault = fault_of(create_service, {"serviceName": "s", "launchType": "MOON"})
    assert "Value 'MOON' at 'launchType' failed to satisfy constraint: Member must satisfy enum value set: [" in (
        fault.message
    )


@pytest.mark.parametrize(("number", "rule"), [(0, "greater than or equal to 1"), (101, "less than or equal to 100")])
def test_a_number_out_of_range_is_refused(number: int, rule: str) -> None:
    fault = fault_of(models.operation("servicediscovery", "ListNamespaces"), {"MaxResults": number})
    assert f"Value '{number}' at 'maxResults' failed to satisfy constraint: Member must have value {rule}" in (
        fault.message
    )


def test_unknown_members_are_refused_by_name_at_any_depth(create_service: OperationModel) -> None:
    fault = fault_of(
        create_service,
        {
            "serviceName": "s",
            "colour": "red",
            "serviceConnectConfiguration": {"enabled": True, "services": [{"portName": "p", "speed": 9}]},
        },
    )
    assert "'colour'" in fault.message
    assert "'serviceConnectConfiguration.services.1.member.speed'" in fault.message


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"serviceName": 5}, "NUMBER_VALUE can not be converted to a String at 'serviceName'"),
        ({"desiredCount": "two"}, "STRING_VALUE can not be converted to a number at 'desiredCount'"),
        ({"desiredCount": 1.5}, "NUMBER_VALUE can not be converted to an Integer at 'desiredCount'"),
        ({"desiredCount": True}, "TRUE_VALUE can not be converted to a number at 'desiredCount'"),
        ({"desiredCount": 2**31}, "NUMBER_VALUE can not be converted to an Integer at 'desiredCount'"),
        ({"loadBalancers": {}}, "START_OBJECT can not be converted to a list at 'loadBalancers'"),
        ({"networkConfiguration": []}, "START_ARRAY can not be converted to a structure at 'networkConfiguration'"),
        ({"enableECSManagedTags": "yes"}, "STRING_VALUE can not be converted to a Boolean at 'enableECSManagedTags'"),
        ([], "START_ARRAY can not be converted to a structure"),
        (None, "NULL_VALUE can not be converted to a structure"),
    ],
)
def test_a_wrong_type_is_a_serialization_error(create_service: OperationModel, value: object, kind: str) -> None:
    fault = fault_of(create_service, value)
    assert (fault.code, fault.message) == ("SerializationException", kind)


def test_null_members_are_absent_and_null_items_are_not_allowed(create_namespace: OperationModel) -> None:
    assert validate.read(create_namespace, {"Name": "n", "Description": None}, INVALID) == {"Name": "n"}
    assert "Value null at 'tags.1.member'" in fault_of(create_namespace, {"Name": "n", "Tags": [None]}).message


def test_a_union_has_exactly_one_member() -> None:
    operation = models.operation("ecs", "CreateService")
    value = {
        "serviceName": "s",
        "serviceConnectConfiguration": {"enabled": True, "containerConfigurations": [{}]},
    }
    assert "have exactly one of the members [logLevel]" in fault_of(operation, value).message


def test_a_sensitive_value_is_not_repeated() -> None:
    model = models.operation("sts", "AssumeRoleWithWebIdentity")
    fault = fault_of(model, {"RoleArn": "r" * 20, "RoleSessionName": "session", "WebIdentityToken": ""})
    assert "Value at 'webIdentityToken'" in fault.message


def test_an_operation_without_input_takes_none() -> None:
    model = models.operation("sts", "GetCallerIdentity")
    assert validate.read(model, {}, INVALID) == {}
    assert "Who" in fault_of(model, {"Who": "me"}).message


def test_an_infinite_or_huge_number_is_refused_and_breaks_nothing(create_service: OperationModel) -> None:
    fault = fault_of(create_service, {"desiredCount": float("inf")})
    assert fault.code == "SerializationException"
