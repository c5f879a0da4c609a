import contextlib
import time
import tracemalloc

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.wire import limits
from moorage.wire.faults import Rejected


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize("body", [nested(64), b"[" * 64 + b"]" * 64, b'{"a":[' * 32 + b"1" + b"]}" * 32])
def test_64_levels_are_read(body: bytes) -> None:
    limits.check_depth(body)


@pytest.mark.parametrize("body", [nested(65), b"[" * 65 + b"]" * 65, b"[" * 1_000_000, b'{"a":' * 200_000])
def test_65_levels_are_refused(body: bytes) -> None:
    with pytest.raises(Rejected, match="deeper than 64"):
        limits.check_depth(body)


def test_brackets_in_strings_do_not_count() -> None:
    limits.check_depth(orjson.dumps({"text": '\\"[' * 500 + "{" * 500, "more": ["[" * 100] * 50}))


def test_many_shallow_brackets_are_read() -> None:
    limits.check_depth(b"[" + b",".join([b"[[]]"] * 100_000) + b"]")


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(inner) for inner in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(inner) for inner in value), default=0)
    return 0


DOCUMENTS = st.recursive(
    st.text(alphabet='[]{}"\\a,:') | st.booleans(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(DOCUMENTS, st.integers(0, 70))
def test_the_depth_that_is_measured_is_the_document_s_own(document: object, wrapped: int) -> None:
    for _ in range(wrapped):
        document = [document, "]"]
    body = orjson.dumps(document)
    if depth(document) > limits.MAX_DEPTH:
        with pytest.raises(Rejected):
            limits.check_depth(body)
    else:
        limits.check_depth(body)


@pytest.mark.parametrize(
    "body",
    [b"[" * limits.MAX_BODY, b'{"a":' * 209_000, b'\\"' * 500_000 + b"[" * 70, b'"[' * 500_000, b"[]" * 524_288],
    ids=["brackets", "objects", "quotes", "strings", "pairs"],
)
def test_measuring_the_largest_body_costs_little_memory_and_time(body: bytes) -> None:
    tracemalloc.start()
    started = time.process_time()
    with contextlib.suppress(Rejected):
        limits.check_depth(body)
    spent = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    # A scan that is not linear takes minutes for these; the bound leaves room for a busy machine.
    assert spent < 5
