"""Which parameters a filter of DescribeParameters or GetParametersByPath picks.

The keys, options and what each compares follow the API reference of ParameterStringFilter.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from moorage.domain import errors, parameter_errors
from moorage.domain.parameter import Parameter

Test = Callable[[Parameter], bool]

_EQUAL = "Equals"
_BEGINS = "BeginsWith"
_CONTAINS = "Contains"
_RECURSIVE = "Recursive"
_ONE_LEVEL = "OneLevel"

_TEXT_FIELDS: dict[str, Callable[[Parameter], str]] = {
    "Name": lambda parameter: parameter.name,
    "Type": lambda parameter: parameter.type,
    "Tier": lambda parameter: parameter.tier,
    "DataType": lambda parameter: parameter.data_type,
    "KeyId": lambda parameter: parameter.key_id,
}

BY_PATH_KEYS = frozenset({"Type", "KeyId"})
DESCRIBE_KEYS = frozenset({*_TEXT_FIELDS, "Path"})


def either(filters: Sequence[dict[str, Any]], old: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The filters of a request, those of the old form in the new one: their values are the beginnings of names."""
    if filters and old:
        raise errors.InvalidParameter("You can use either Filters or ParameterFilters in a single request.")
    return [*filters, *({**each, "Option": _BEGINS if each["Key"] == "Name" else _EQUAL} for each in old)]


def without_labels(filters: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str] | None]:
    """The filters but those of labels, and the labels; None if none is asked for."""
    asked = [each for each in filters if each["Key"] == "Label"]
    for each in asked:
        if each.get("Option", _EQUAL) != _EQUAL:
            raise parameter_errors.FilterOptionInvalid(each["Option"], "Label")
        if not each.get("Values"):
            raise parameter_errors.FilterValueInvalid("Label")
    labels = [label for each in asked for label in each["Values"]]
    return [each for each in filters if each["Key"] != "Label"], labels if asked else None


def under_path(path: str, recursive: bool) -> Test:
    """Parameters below a path: its own level only, or all."""
    if not path.startswith("/"):
        raise errors.InvalidParameter(
            f'The parameter path: {path} is invalid. It must begin with a forward slash "/" and name whole levels.'
        )
    prefix = path.rstrip("/") + "/"
    if path == "/":
        # A name without slashes lies at the root.
        return lambda parameter: recursive or "/" not in parameter.name.removeprefix("/")

    def below(parameter: Parameter) -> bool:
        rest = parameter.name.removeprefix(prefix)
        return rest != parameter.name and (recursive or "/" not in rest)

    return below


def chosen(
    parameters: Iterable[Parameter], filters: Sequence[dict[str, Any]], keys: frozenset[str], operation: str
) -> list[Parameter]:
    """The parameters that pass all filters."""
    tests = [_test(entry, keys, operation) for entry in filters]
    return [parameter for parameter in parameters if all(test(parameter) for test in tests)]


def _test(entry: dict[str, Any], keys: frozenset[str], operation: str) -> Test:
    key, values = entry["Key"], entry.get("Values", [])
    if key.startswith("tag:") and keys is DESCRIBE_KEYS:
        return _tag_test(key.removeprefix("tag:"), entry.get("Option", _EQUAL), values)
    if key not in keys:
        raise parameter_errors.FilterKeyInvalid(key, operation)
    if not values:
        raise parameter_errors.FilterValueInvalid(key)
    if key == "Path":
        return _path_test(entry.get("Option", _ONE_LEVEL), values)
    return _text_test(key, entry.get("Option", _EQUAL), values)


def _tag_test(tag: str, option: str, values: list[str]) -> Test:
    if option != _EQUAL:
        raise parameter_errors.FilterOptionInvalid(option, f"tag:{tag}")
    return lambda parameter: tag in parameter.tags and (not values or parameter.tags[tag] in values)


def _path_test(option: str, values: list[str]) -> Test:
    if option not in (_RECURSIVE, _ONE_LEVEL):
        raise parameter_errors.FilterOptionInvalid(option, "Path")
    tests = [under_path(value, option == _RECURSIVE) for value in values]
    return lambda parameter: any(test(parameter) for test in tests)


def _text_test(key: str, option: str, values: list[str]) -> Test:
    text = _TEXT_FIELDS[key]
    compare: dict[str, Callable[[str, str], bool]] = {_EQUAL: str.__eq__, _BEGINS: str.startswith}
    if key == "Name":
        compare[_CONTAINS] = str.__contains__
    if option not in compare:
        raise parameter_errors.FilterOptionInvalid(option, key)
    same = compare[option]
    return lambda parameter: any(same(text(parameter), value) for value in values)
