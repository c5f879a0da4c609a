"""Every kind of record survives JSON, and no kind is forgotten."""

import dataclasses
import importlib
import pkgutil
import types
import typing
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import moorage.domain
from moorage.domain.records import KINDS
from moorage.store.records import Codec, decode_key, encode_key

TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
INSTANTS = st.integers(0, 10**12).map(lambda ms: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    datetime: INSTANTS,
    Any: JSON,
    type(None): st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values that fit a type hint of a record."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values(argument) for argument in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*(values(argument) for argument in arguments))
    if origin is not None and issubclass(origin, typing.get_origin(typing.Mapping[str, str])):
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=2)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    hints = typing.get_type_hints(hint)
    return st.builds(
        hint, **{field.name: values(hints[field.name]) for field in dataclasses.fields(hint) if field.init}
    )


def test_every_kind_of_record_in_the_domain_is_known_to_the_stores() -> None:
    found = set()
    for module in pkgutil.iter_modules(moorage.domain.__path__, "moorage.domain."):
        for value in vars(importlib.import_module(module.name)).values():
            if (
                isinstance(value, type)
                and dataclasses.is_dataclass(value)
                and isinstance(vars(value).get("table"), str)
            ):
                found.add(value)
    assert found == set(KINDS)
    assert len({kind.table for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table)
def test_every_kind_of_record_comes_back_as_it_was(kind: type[Any]) -> None:
    codec = Codec()

    @settings(max_examples=25, deadline=None)
    @given(values(kind))
    def comes_back(record: Any) -> None:
        assert codec.decode(kind.table, codec.encode(record)) == record

    comes_back()


@given(st.lists(TEXT).map(tuple), st.lists(TEXT).map(tuple))
def test_keys_are_text_that_no_other_key_has(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert decode_key(encode_key(one)) == one
    assert (encode_key(one) == encode_key(other)) == (one == other)
