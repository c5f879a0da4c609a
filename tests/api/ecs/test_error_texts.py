"""The table of exact error texts in docs/reference/service-connect.md, section 3: each row is provoked and compared."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "service-connect.md"
CLIENT = "ClientException"
INVALID = "InvalidParameterException"

NOT_ASKED = {
    "LB container port unknown": "load balancers are refused by name",
    "EXTERNAL controller with taskDefinition": "task sets are refused by name",
    "shared-namespace permission": "no namespace is shared between accounts",
    "other exceptions per op": "no text of its own",
}
"""Rows that nobody can come to here, with the reason."""


@cache
def rows() -> dict[str, str]:
    """The conditions of the table with their texts."""
    section = REFERENCE.read_text().split("\n## 3. ")[1].split("\n## 4. ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return {cell[0]: cell[1] for cell in cells[2:]}


def pattern(text: str) -> re.Pattern[str]:
    """A text of the table as an expression; `<...>`, `X` in brackets and the ellipsis stand for what differs."""
    expression = re.sub(r"<[^>]*>|(?<=\()X(?=\))|…", "\x00", text)
    return re.compile(re.escape(expression).replace("\x00", ".+"))


@pytest.fixture
def provoke(create: Any, demo: Any, definition: Any, exposing: Any, network: Any) -> dict[str, Callable[[], Any]]:
    """What to do for each row's condition."""

    def register(family: str, container: Any = None, **members: Any) -> Any:
        return demo.register_task_definition(**definition(family, container, **members))

    def on_ec2(**members: Any) -> Any:
        return demo.create_service(cluster="demo", serviceName="x", taskDefinition="other", **members)

    def without_default() -> Any:
        demo.update_cluster(cluster="demo", serviceConnectDefaults={"namespace": ""})
        return create(connect={"enabled": True})

    def taken(**members: Any) -> Any:
        create("first", connect=exposing())
        return create("second", connect=exposing(**members))

    def changed() -> Any:
        register("api", {"portMappings": [port]})
        create(connect=exposing())
        register("api", {"portMappings": [{**port, "appProtocol": "http2"}]})
        return demo.update_service(cluster="demo", service="api", taskDefinition="api")

    def unlike(mode: str | None) -> Any:
        register("other", networkMode=mode, requiresCompatibilities=None)
        return on_ec2(desiredCount=1, serviceConnectConfiguration=exposing())

    def delete() -> Any:
        create()
        return demo.delete_service(cluster="demo", service="api")

    def no_memory() -> Any:
        return register("m", memory=None, cpu=None, requiresCompatibilities=None)

    def no_network() -> Any:
        return demo.create_service(cluster="demo", serviceName="x", taskDefinition="api", desiredCount=1)

    def daemon() -> Any:
        register("other", requiresCompatibilities=None)
        return on_ec2(desiredCount=1, schedulingStrategy="DAEMON", networkConfiguration=network)

    port = {"name": "http", "containerPort": 8080}
    twice = {"portMappings": [port, {**port, "containerPort": 8081}]}
    same = {"clientAliases": [{"port": 80, "dnsName": "http.demo.local"}]}
    other = {"clientAliases": [{"port": 80, "dnsName": "other"}]}
    return {
        "enabled, no namespace, no cluster default": without_default,
        "namespace not found": lambda: create(connect={"enabled": True, "namespace": "nope"}),
        "portName unknown": lambda: create(connect=exposing(portName="web")),
        "no alias": lambda: create(connect=exposing(clientAliases=[])),
        "two aliases": lambda: create(connect=exposing(clientAliases=[{"port": 1}, {"port": 2}])),
        "bad dnsName": lambda: create(connect=exposing(clientAliases=[{"port": 1, "dnsName": "-Bad"}])),
        "alias taken": lambda: taken(discoveryName="another", **same),
        "discovery name taken": lambda: taken(**other),
        "appProtocol/protocol changed": changed,
        "duplicate port names": lambda: register("d", twice),
        "no memory": no_memory,
        "missing network config (awsvpc)": no_network,
        "service still active on delete": delete,
        "DAEMON + desiredCount": daemon,
        'networkMode unset on EC2 ("default")': lambda: unlike(None),
        "host / none mode, Windows, EXTERNAL launch": lambda: unlike("host"),
    }


def test_every_row_is_provoked_or_said_to_be_out_of_reach(provoke: dict[str, Any]) -> None:
    assert set(rows()) == set(provoke) | set(NOT_ASKED)


@pytest.mark.parametrize("condition", [row for row in rows() if row not in NOT_ASKED])
def test_a_row_s_text_is_what_ecs_says(provoke: dict[str, Any], refusal: Any, condition: str) -> None:
    said = rows()[condition]
    code, message = refusal(provoke[condition])
    texts = re.findall(r"`([^`]+)`", said)
    if "text unknown" in said:
        assert code == texts[0]
    elif "text not captured" in said:
        assert code in (INVALID, CLIENT)
        assert "networkMode" in message
    else:
        assert code == (CLIENT if CLIENT in said or condition == "no memory" else INVALID)
        assert pattern(texts[0]).search(message), (texts[0], message)
