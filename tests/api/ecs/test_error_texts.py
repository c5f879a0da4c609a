"""The table of exact error texts in docs/reference/service-connect.md, section 3: each row is provoked and compared."""

import re
from collections.abc import Callable
from dataclasses import dataclass
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


PORT = {"name": "http", "containerPort": 8080}
TWICE = {"portMappings": [PORT, {**PORT, "containerPort": 8081}]}
SAME = {"clientAliases": [{"port": 80, "dnsName": "http.demo.local"}]}
OTHER = {"clientAliases": [{"port": 80, "dnsName": "other"}]}


@dataclass
class Provoke:
    """What to do for each row's condition: a method, or a line of `by_condition`."""

    create: Any
    demo: Any
    definition: Any
    exposing: Any
    network: Any

    def register(self, family: str, container: Any = None, **members: Any) -> Any:
        return self.demo.register_task_definition(**self.definition(family, container, **members))

    def on_ec2(self, **members: Any) -> Any:
        return self.demo.create_service(cluster="demo", serviceName="x", taskDefinition="other", **members)

    def without_default(self) -> Any:
        self.demo.update_cluster(cluster="demo", serviceConnectDefaults={"namespace": ""})
        return self.create(connect={"enabled": True})

    def taken(self, **members: Any) -> Any:
        self.create("first", connect=self.exposing())
        return self.create("second", connect=self.exposing(**members))

    def changed(self) -> Any:
        self.register("api", {"portMappings": [PORT]})
        self.create(connect=self.exposing())
        self.register("api", {"portMappings": [{**PORT, "appProtocol": "http2"}]})
        return self.demo.update_service(cluster="demo", service="api", taskDefinition="api")

    def unlike(self, mode: str | None) -> Any:
        self.register("other", networkMode=mode, requiresCompatibilities=None)
        return self.on_ec2(desiredCount=1, serviceConnectConfiguration=self.exposing())

    def delete(self) -> Any:
        self.create()
        return self.demo.delete_service(cluster="demo", service="api")

    def no_memory(self) -> Any:
        return self.register("m", memory=None, cpu=None, requiresCompatibilities=None)

    def no_network(self) -> Any:
        return self.demo.create_service(cluster="demo", serviceName="x", taskDefinition="api", desiredCount=1)

    def daemon(self) -> Any:
        self.register("other", requiresCompatibilities=None)
        return self.on_ec2(desiredCount=1, schedulingStrategy="DAEMON", networkConfiguration=self.network)

    def connecting(self, **members: Any) -> Any:
        return self.create(connect=self.exposing(**members))

    def by_condition(self) -> dict[str, Callable[[], Any]]:
        return {
            "enabled, no namespace, no cluster default": self.without_default,
            "namespace not found": lambda: self.create(connect={"enabled": True, "namespace": "nope"}),
            "portName unknown": lambda: self.connecting(portName="web"),
            "no alias": lambda: self.connecting(clientAliases=[]),
            "two aliases": lambda: self.connecting(clientAliases=[{"port": 1}, {"port": 2}]),
            "bad dnsName": lambda: self.connecting(clientAliases=[{"port": 1, "dnsName": "-Bad"}]),
            "alias taken": lambda: self.taken(discoveryName="another", **SAME),
            "discovery name taken": lambda: self.taken(**OTHER),
            "appProtocol/protocol changed": self.changed,
            "duplicate port names": lambda: self.register("d", TWICE),
            "no memory": self.no_memory,
            "missing network config (awsvpc)": self.no_network,
            "service still active on delete": self.delete,
            "DAEMON + desiredCount": self.daemon,
            'networkMode unset on EC2 ("default")': lambda: self.unlike(None),
            "host / none mode, Windows, EXTERNAL launch": lambda: self.unlike("host"),
        }


@pytest.fixture
def provoke(create: Any, demo: Any, definition: Any, exposing: Any, network: Any) -> dict[str, Callable[[], Any]]:
    return Provoke(create, demo, definition, exposing, network).by_condition()


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
