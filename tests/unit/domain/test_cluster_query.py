"""Cluster queries: what an expression says of an instance, and what cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain import cluster_query
from moorage.domain.cluster_query import InvalidQuery

FACTS = {
    "attribute:color": frozenset({"green"}),
    "attribute:ecs.instance-type": frozenset({"t2.micro"}),
    "attribute:ssd": frozenset({""}),
    "task:group": frozenset({"service:web", "family:job"}),
    "runningTasksCount": frozenset({"12"}),
    "agentConnected": frozenset({"true"}),
}


@pytest.mark.parametrize(
    "expression",
    [
        "attribute:color == green",
        "attribute:color equals 'green'",
        "attribute:color != red",
        "attribute:color in [red, green]",
        "attribute:color not_in [red, blue]",
        "attribute:ssd exists",
        "attribute:hdd !exists",
        "attribute:ecs.instance-type =~ t2.*",
        "attribute:ecs.instance-type !~ g2.*",
        "task:group == service:web",
        "not(task:group == service:database)",
        "runningTasksCount > 9",
        "runningTasksCount <= 12 and agentConnected == true",
        "(attribute:color == red or attribute:ssd exists) && !(attribute:color == blue)",
        "attribute:color == red and attribute:color == blue or agentConnected == true",
    ],
)
def test_what_holds_of_the_instance(expression: str) -> None:
    assert cluster_query.read(expression)(FACTS)
    assert not cluster_query.read(f"not ({expression})")(FACTS)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "attribute:color",
        "attribute:color == ",
        "color == green",
        "attribute:color is green",
        "attribute:color in green",
        "attribute:color == green attribute:ssd exists",
        "(attribute:color == green",
        "attribute:color =~ (a+)+b",
        "attribute:color =~ '['",
        "!" * 2000,
        "(" * 2000,
        "attribute:color == '" + "a" * 2000 + "'",
    ],
)
def test_what_cannot_be_read_is_refused(expression: str) -> None:
    with pytest.raises(InvalidQuery):
        cluster_query.read(expression)


@given(st.text(max_size=60) | st.lists(st.sampled_from(["attribute:a", "==", "(", ")", "not", "and", "in", "[", "b"])))
def test_any_text_is_read_or_refused(text: str | list[str]) -> None:
    expression = text if isinstance(text, str) else " ".join(text)
    try:
        cluster_query.read(expression)(FACTS)
    except InvalidQuery as error:
        assert str(error)
