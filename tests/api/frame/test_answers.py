"""A read is answered from memory for as long as nothing has changed, and never a moment longer."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.api.answers import KEPT, LARGEST, Answers, question
from moorage.api.ecs import support
from moorage.api.reading import MOST_NOTED, Read
from moorage.domain.changes import Put
from moorage.domain.cluster import ACTIVE, Cluster
from moorage.domain.world import World
from moorage.wire.message import Request, Response

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def asked(body: bytes = b"{}", account: str = "1" * 12) -> tuple[Any, ...]:
    return question(account, "eu-west-1", "ecs", "ListClusters", Request("POST", "/", body=body))


def world(sequence: int = 7) -> World:
    return World.empty().restore([], sequence, None)


def read() -> Read:
    """All of the World 7."""
    everything = Read(7)
    everything.everything = True
    return everything


def answer(body: bytes = b"[]") -> Response:
    return Response(200, (("x-amzn-requestid", "first"),), body)


def test_an_answer_is_given_again_under_a_request_id_of_its_own():
    answers = Answers()
    answers.keep(asked(), read(), answer())
    found = answers.find(asked(), world(), "second")
    assert found == Response(200, (("x-amzn-requestid", "second"),), b"[]")


@pytest.mark.parametrize(
    "other", [(asked(b'{"maxResults":1}'), world()), (asked(account="2" * 12), world()), (asked(), world(8))]
)
def test_another_question_or_another_world_has_no_kept_answer(other):
    answers = Answers()
    answers.keep(asked(), read(), answer())
    assert answers.find(*other, "second") is None


def test_long_answers_and_those_from_much_and_those_that_tell_their_request_id_are_not_kept():
    answers = Answers()
    answers.keep(asked(), read(), answer(b"x" * (LARGEST + 1)))
    long = read()
    long.records["task"] = {(str(number),): None for number in range(MOST_NOTED + 1)}
    answers.keep(asked(b"{{}}"), long, answer())
    answers.keep(asked(b"[]"), read(), answer(b"<RequestId>first</RequestId>"))
    assert answers.find(asked(), world(), "second") is None
    assert answers.find(asked(b"[]"), world(), "second") is None
    assert answers.find(asked(b"{{}}"), world(), "second") is None


def test_what_was_not_asked_for_lately_goes_first():
    answers = Answers()
    for number in range(KEPT + 1):
        answers.keep(asked(str(number).encode()), read(), answer())
        answers.find(asked(b"0"), world(), "again")
    assert answers.find(asked(b"0"), world(), "again") is not None
    assert answers.find(asked(b"1"), world(), "again") is None


def test_a_list_shows_what_was_made_after_it_was_last_asked_for(serve: Callable[..., Any]):
    served = serve()
    ecs = served.client("ecs")
    assert ecs.list_clusters()["clusterArns"] == []
    ids = {ecs.list_clusters()["ResponseMetadata"]["RequestId"] for _ in range(2)}
    assert len(ids) == 2
    served.write(Put(Cluster("000000000000", "eu-west-1", "late", ACTIVE, NOW)))
    assert served.world().sequence > 0
    arns = served.client("ecs", account="000000000000").list_clusters()["clusterArns"]
    assert [arn.rsplit("/", 1)[1] for arn in arns] == ["late"]


def test_only_reads_are_repeatable():
    rows = support.OPERATIONS.items()
    repeatable = {name for name, row in rows if row.repeatable}
    assert repeatable
    assert all(name.startswith(("Describe", "List")) for name in repeatable)
