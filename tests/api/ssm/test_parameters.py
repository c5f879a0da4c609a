from collections.abc import Callable
from typing import Any

import pytest

Refused = Callable[..., tuple[str, str, int]]


@pytest.fixture
def ssm(serve: Any) -> Any:
    return serve().client("ssm")


def put(ssm: Any, name: str, value: str = "v", **more: Any) -> int:
    version: int = ssm.put_parameter(Name=name, Value=value, **{"Type": "String", **more})["Version"]
    return version


def test_a_parameter_is_put_and_got_with_its_arn_and_version(ssm: Any) -> None:
    assert put(ssm, "/app/port", "5000", Description="the port") == 1
    found = ssm.get_parameter(Name="/app/port")["Parameter"]
    modified = found.pop("LastModifiedDate")
    assert modified.tzinfo is not None
    assert found == {
        "Name": "/app/port",
        "Type": "String",
        "Value": "5000",
        "Version": 1,
        "ARN": "arn:aws:ssm:eu-west-1:123456789012:parameter/app/port",
        "DataType": "text",
    }
    assert ssm.get_parameter(Name=found["ARN"])["Parameter"]["Value"] == "5000"


def test_a_parameter_is_got_by_its_arn_whether_its_name_begins_with_a_slash_or_not(ssm: Any, refused: Refused) -> None:
    for name in ("/top", "plain"):
        put(ssm, name, f"of {name}")
        arn = ssm.get_parameter(Name=name)["Parameter"]["ARN"]
        assert ssm.get_parameter(Name=arn)["Parameter"]["Name"] == name
        assert ssm.get_parameter(Name=f"{arn}:1")["Parameter"]["Value"] == f"of {name}"
    assert refused(ssm.get_parameter, Name="top")[0] == "ParameterNotFound"


def test_a_parameter_is_overwritten_only_when_asked_to(ssm: Any, refused: Refused) -> None:
    put(ssm, "port", "1")
    code, message, _ = refused(ssm.put_parameter, Name="port", Value="2", Type="String")
    assert code == "ParameterAlreadyExists"
    assert "overwrite" in message
    assert ssm.get_parameter(Name="port")["Parameter"]["Value"] == "1"
    assert ssm.put_parameter(Name="port", Value="2", Overwrite=True)["Version"] == 2
    assert ssm.get_parameter(Name="port")["Parameter"]["Value"] == "2"


def test_old_versions_are_found_by_selector_and_listed_in_order(ssm: Any, refused: Refused) -> None:
    put(ssm, "port", "one")
    for number in range(2, 13):
        put(ssm, "port", f"value {number}", Overwrite=True)
    old = ssm.get_parameter(Name="port:2")["Parameter"]
    assert (old["Value"], old["Selector"], old["Name"], old["Version"]) == ("value 2", ":2", "port", 2)
    assert refused(ssm.get_parameter, Name="port:99")[0] == "ParameterVersionNotFound"
    pages = ssm.get_paginator("get_parameter_history").paginate(Name="port", PaginationConfig={"PageSize": 5})
    assert [entry["Version"] for page in pages for entry in page["Parameters"]] == list(range(1, 13))


def test_only_a_hundred_versions_are_kept(ssm: Any, refused: Refused) -> None:
    put(ssm, "p")
    for _ in range(100):
        put(ssm, "p", Overwrite=True)
    assert refused(ssm.get_parameter, Name="p:1")[0] == "ParameterVersionNotFound"
    assert ssm.get_parameter(Name="p:2")["Parameter"]["Version"] == 2
    assert ssm.get_parameter(Name="p")["Parameter"]["Version"] == 101


def test_several_are_got_and_the_missing_ones_named(ssm: Any) -> None:
    put(ssm, "a")
    put(ssm, "b", "x,y", Type="StringList")
    answer = ssm.get_parameters(Names=["a", "b", "c", "a:7"])
    assert [found["Name"] for found in answer["Parameters"]] == ["a", "b"]
    assert answer["InvalidParameters"] == ["c", "a:7"]


def test_a_path_gives_its_own_level_or_all_below_it(ssm: Any, refused: Refused) -> None:
    for name in ("/app/a", "/app/b", "/app/deep/c", "/apple/d", "top"):
        put(ssm, name)

    def below(path: str, **more: Any) -> list[str]:
        pages = ssm.get_paginator("get_parameters_by_path").paginate(
            Path=path, PaginationConfig={"PageSize": 1}, **more
        )
        return [found["Name"] for page in pages for found in page["Parameters"]]

    assert below("/app") == ["/app/a", "/app/b"]
    assert below("/app/", Recursive=True) == ["/app/a", "/app/b", "/app/deep/c"]
    assert below("/") == ["top"]
    assert len(below("/", Recursive=True)) == 5
    assert refused(ssm.get_parameters_by_path, Path="app")[0] == "ValidationException"
    assert refused(ssm.get_parameters_by_path, Path="/app", NextToken="***")[0] == "InvalidNextToken"


def test_parameters_are_described_by_filter(ssm: Any, refused: Refused) -> None:
    put(ssm, "/x/one", Tags=[{"Key": "team", "Value": "a"}])
    put(ssm, "/x/two", "1,2", Type="StringList")

    def described(*filters: dict[str, Any]) -> list[str]:
        return [found["Name"] for found in ssm.describe_parameters(ParameterFilters=list(filters))["Parameters"]]

    assert described({"Key": "Name", "Option": "Contains", "Values": ["wo"]}) == ["/x/two"]
    assert described({"Key": "Type", "Values": ["String"]}) == ["/x/one"]
    assert described({"Key": "Path", "Option": "Recursive", "Values": ["/x"]}) == ["/x/one", "/x/two"]
    assert described({"Key": "tag:team", "Values": ["a"]}) == ["/x/one"]
    assert described({"Key": "KeyId", "Values": ["k"]}) == []
    key = refused(ssm.describe_parameters, ParameterFilters=[{"Key": "Label", "Values": ["k"]}])
    assert key[0] == "InvalidFilterKey"
    option = {"Key": "Type", "Option": "Contains", "Values": ["S"]}
    assert refused(ssm.describe_parameters, ParameterFilters=[option])[0] == "InvalidFilterOption"


def test_a_deleted_parameter_is_gone_with_its_versions(ssm: Any, refused: Refused) -> None:
    put(ssm, "a")
    put(ssm, "a", Overwrite=True)
    ssm.delete_parameter(Name="a")
    assert refused(ssm.get_parameter, Name="a") == ("ParameterNotFound", "Parameter a not found.", 400)
    assert refused(ssm.delete_parameter, Name="a")[0] == "ParameterNotFound"
    assert put(ssm, "a") == 1
    assert refused(ssm.get_parameter, Name="a:2")[0] == "ParameterVersionNotFound"
    answer = ssm.delete_parameters(Names=["a", "b"])
    assert (answer["DeletedParameters"], answer["InvalidParameters"]) == (["a"], ["b"])


def test_tags_are_added_listed_and_removed(ssm: Any, refused: Refused) -> None:
    put(ssm, "a", Tags=[{"Key": "one", "Value": "1"}])
    of_a = {"ResourceType": "Parameter", "ResourceId": "a"}
    ssm.add_tags_to_resource(**of_a, Tags=[{"Key": "two", "Value": "2"}])
    ssm.remove_tags_from_resource(**of_a, TagKeys=["one"])
    assert ssm.list_tags_for_resource(**of_a)["TagList"] == [{"Key": "two", "Value": "2"}]
    missing = refused(ssm.list_tags_for_resource, ResourceType="Parameter", ResourceId="b")
    assert missing[0] == "InvalidResourceId"
    assert refused(ssm.list_tags_for_resource, ResourceType="Document", ResourceId="a")[0] == "InvalidResourceType"


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        ({"KeyId": "alias/k"}, "ValidationException", "SecureString"),
        ({"Type": "Odd"}, "ValidationException", "enum value set"),
        ({"Name": "aws-thing"}, "ValidationException", "aws"),
        ({"Name": "not/rooted"}, "ValidationException", "fully qualified"),
        ({"Name": "with space"}, "ValidationException", "symbols"),
        ({"Name": "/" + "/".join("abcdefghijklmnop")}, "HierarchyLevelLimitExceededException", "15 levels"),
        ({"Value": ""}, "ValidationException", "at least one"),
        ({"Value": "{{other}}"}, "ValidationException", "nest"),
        ({"Value": "x" * 4097}, "ValidationException", "4096"),
        ({"AllowedPattern": r"\d+"}, "ParameterPatternMismatchException", r"\d+"),
        ({"AllowedPattern": "("}, "InvalidAllowedPatternException", "("),
        ({"DataType": "aws:ec2:image"}, "ValidationException", "DataType"),
        ({"Policies": "[]"}, "ValidationException", "Policies"),
        ({"KeyId": "alias/k"}, "ValidationException", "KeyId"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_stored(
    serve: Any, refused: Refused, arguments: dict[str, Any], code: str, part: str
) -> None:
    served = serve()
    given = {"Name": "name", "Value": "value", "Type": "String", **arguments}
    found, message, status = refused(served.client("ssm").put_parameter, **given)
    assert (found, status) == (code, 400)
    assert part in message
    assert served.world().sequence == 0


def test_a_larger_value_needs_the_advanced_tier_and_stays_there(ssm: Any, refused: Refused) -> None:
    assert ssm.put_parameter(Name="a", Value="x" * 5000, Type="String", Tier="Advanced")["Tier"] == "Advanced"
    assert ssm.put_parameter(Name="b", Value="x" * 5000, Type="String", Tier="Intelligent-Tiering")["Tier"] == (
        "Advanced"
    )
    assert ssm.put_parameter(Name="a", Value="x", Overwrite=True)["Tier"] == "Advanced"
    down = refused(ssm.put_parameter, Name="a", Value="x", Overwrite=True, Tier="Standard")
    assert "downgrade" in down[1]


def test_a_parameter_keeps_its_type(ssm: Any, refused: Refused) -> None:
    put(ssm, "a")
    code, _, _ = refused(ssm.put_parameter, Name="a", Value="x", Type="StringList", Overwrite=True)
    assert code == "HierarchyTypeMismatchException"
    assert refused(ssm.put_parameter, Name="b", Value="x")[0] == "ValidationException"


def test_each_region_and_account_has_parameters_of_its_own(serve: Any, refused: Refused) -> None:
    served = serve()
    put(served.client("ssm"), "a", "here")
    for other in (served.client("ssm", region="us-west-2"), served.client("ssm", account="999999999999")):
        assert refused(other.get_parameter, Name="a")[0] == "ParameterNotFound"


def test_a_label_names_a_version_and_moves_to_another(ssm: Any, refused: Refused) -> None:
    for value in ("one", "two", "three"):
        put(ssm, "/db/url", value, Overwrite=True)
    answer = ssm.label_parameter_version(
        Name="/db/url", ParameterVersion=1, Labels=["live", "aws-x", "2nd", "a b", "a.B-c_1"]
    )
    assert (answer["ParameterVersion"], answer["InvalidLabels"]) == (1, ["aws-x", "2nd", "a b"])
    found = ssm.get_parameter(Name="/db/url:live")["Parameter"]
    assert (found["Value"], found["Version"], found["Selector"]) == ("one", 1, ":live")
    assert ssm.label_parameter_version(Name="/db/url", Labels=["live"])["ParameterVersion"] == 3
    assert ssm.get_parameter(Name="/db/url:live")["Parameter"]["Value"] == "three"
    history = ssm.get_parameter_history(Name="/db/url")["Parameters"]
    assert [entry["Labels"] for entry in history] == [["a.B-c_1"], [], ["live"]]
    by_label = [{"Key": "Label", "Option": "Equals", "Values": ["a.B-c_1"]}]
    assert [
        one["Value"] for one in ssm.get_parameters_by_path(Path="/db", ParameterFilters=by_label)["Parameters"]
    ] == ["one"]
    removed = ssm.unlabel_parameter_version(Name="/db/url", ParameterVersion=3, Labels=["live", "none"])
    assert (removed["RemovedLabels"], removed["InvalidLabels"]) == (["live"], ["none"])
    assert refused(ssm.get_parameter, Name="/db/url:live")[0] == "ParameterVersionNotFound"
    assert refused(ssm.label_parameter_version, Name="/db/url", ParameterVersion=9, Labels=["x"])[0] == (
        "ParameterVersionNotFound"
    )
    ssm.label_parameter_version(Name="/db/url", Labels=[f"l{number}" for number in range(10)])
    assert refused(ssm.label_parameter_version, Name="/db/url", Labels=["l10"])[0] == (
        "ParameterVersionLabelLimitExceeded"
    )


def test_a_labelled_version_is_not_pushed_out_by_the_hundred_after_it(ssm: Any, refused: Refused) -> None:
    put(ssm, "kept")
    ssm.label_parameter_version(Name="kept", Labels=["first"])
    for _ in range(99):
        put(ssm, "kept", Overwrite=True)
    code, message, _ = refused(ssm.put_parameter, Name="kept", Value="x", Overwrite=True)
    assert (code, "Version 1" in message) == ("ParameterMaxVersionLimitExceeded", True)
    ssm.unlabel_parameter_version(Name="kept", ParameterVersion=1, Labels=["first"])
    assert ssm.put_parameter(Name="kept", Value="x", Overwrite=True)["Version"] == 101


def test_filters_of_the_old_form_pick_by_the_beginning_of_names(ssm: Any, refused: Refused) -> None:
    for name, kind in (("/old/a", "String"), ("/old/b", "StringList"), ("/older", "String")):
        put(ssm, name, Type=kind)
    old = [{"Key": "Name", "Values": ["/old/"]}]
    assert [one["Name"] for one in ssm.describe_parameters(Filters=old)["Parameters"]] == ["/old/a", "/old/b"]
    both = [*old, {"Key": "Type", "Values": ["StringList"]}]
    assert [one["Name"] for one in ssm.describe_parameters(Filters=both)["Parameters"]] == ["/old/b"]
    new = [{"Key": "Name", "Values": ["/older"]}]
    assert (
        "either Filters or ParameterFilters" in refused(ssm.describe_parameters, Filters=old, ParameterFilters=new)[1]
    )


def test_policies_and_other_types_of_data_are_refused_by_name(ssm: Any, refused: Refused) -> None:
    for given in ({"Policies": "[]"}, {"DataType": "aws:ec2:image"}):
        message = refused(ssm.put_parameter, Name="p", Value="v", Type="String", **given)[1]
        assert f"'{next(iter(given))}" in message
