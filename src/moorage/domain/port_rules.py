"""What port mappings must be for a task definition to be registered, network mode by network mode.

ECS API reference of PortMapping: which ports may be fixed, ranges, names. Whether a host port is free is another
matter, decided where the task is placed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moorage.domain.errors import ClientMistake, DuplicatePortName
from moorage.domain.task_definition import AWSVPC, BRIDGE, HOST, NONE, port_range

Document = Mapping[str, Any]

NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
RANGE = re.compile(r"[0-9]{1,5}-[0-9]{1,5}")
MAX_RANGES = 100
"""Ranges of one container."""


def check(containers: Sequence[Document], mode: str | None) -> None:
    """Raise ClientMistake or DuplicatePortName unless the containers' completed port mappings can be registered."""
    names: set[str] = set()
    held: set[tuple[int, str]] = set()
    for container in containers:
        _check_container(container, mode or BRIDGE)
        for mapping in container["portMappings"]:
            _add_name(mapping.get("name"), names, mode or BRIDGE)
            _add_host_ports(mapping, held, mode or BRIDGE)


def _add_name(name: str | None, names: set[str], mode: str) -> None:
    if name in names:
        raise DuplicatePortName(name or "", mode)
    names |= {name} if name is not None else set()


def _add_host_ports(mapping: Document, held: set[tuple[int, str]], mode: str) -> None:
    for port in _fixed(mapping, mode):
        if (port, mapping["protocol"]) in held:
            raise ClientMistake(f"Host port {port} ({mapping['protocol']}) is used by more than one port mapping.")
        held.add((port, mapping["protocol"]))


def _check_container(container: Document, mode: str) -> None:
    mappings = container["portMappings"]
    if mappings and mode == NONE:
        raise ClientMistake("When networkMode=none, port mappings cannot be specified in container definitions.")
    if sum("containerPortRange" in mapping for mapping in mappings) > MAX_RANGES:
        raise ClientMistake(f"A container can have up to {MAX_RANGES} port ranges: '{container['name']}' has more.")
    for mapping in mappings:
        if "containerPortRange" in mapping:
            _check_range(mapping, mode)
        else:
            _check_single(mapping, mode)
        _check_words(mapping)


def _check_words(mapping: Document) -> None:
    name = mapping.get("name")
    if name is not None and not NAME.fullmatch(name):
        raise ClientMistake(
            f"Port mapping name '{name}' is invalid: up to 64 lowercase letters, numbers, underscores and hyphens, "
            "of which a hyphen can't be the first."
        )
    if mapping["protocol"] == "udp" and "appProtocol" in mapping:
        raise ClientMistake("appProtocol is only valid for port mappings of protocol tcp.")


def _check_single(mapping: Document, mode: str) -> None:
    port = mapping.get("containerPort")
    if port is None or not 1 <= port <= 65535 or not 0 <= mapping["hostPort"] <= 65535:
        raise ClientMistake("A port mapping needs a containerPort from 1 to 65535, and a hostPort up to 65535.")
    if mode in (AWSVPC, HOST) and mapping["hostPort"] not in (0, port):
        raise ClientMistake(f"When networkMode={mode}, the host ports and container ports in port mappings must match.")


def _check_range(mapping: Document, mode: str) -> None:
    text = mapping["containerPortRange"]
    if mode not in (AWSVPC, BRIDGE):
        raise ClientMistake(f"containerPortRange is not valid when networkMode={mode}: use bridge or awsvpc.")
    if "containerPort" in mapping or "hostPort" in mapping:
        raise ClientMistake("containerPortRange cannot be specified together with containerPort or hostPort.")
    first, last = port_range(text) if RANGE.fullmatch(text) else (0, 0)
    if not 1 <= first <= last <= 65535:
        raise ClientMistake(f"containerPortRange '{text[:50]}' must be two ports from 1 to 65535, as in 8000-8010.")
    if "name" in mapping or "appProtocol" in mapping:
        raise ClientMistake("A port mapping with a containerPortRange has neither name nor appProtocol.")


def _fixed(mapping: Document, mode: str) -> Iterator[int]:
    """The host ports that are the same wherever the task runs."""
    if "containerPortRange" not in mapping:
        yield from (mapping["hostPort"],) if mapping["hostPort"] else ()
    elif mode == AWSVPC:
        first, last = port_range(mapping["containerPortRange"])
        yield from range(first, last + 1)
