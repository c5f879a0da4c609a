"""`moorage check`: what this machine and the running daemon lack, each line with what to do about it."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from moorage.cli import address, render
from moorage.cli.failure import Failure

PATIENCE = 5.0
"""Seconds that a proxy may owe an answer before it is called stuck."""

OK, WARNING, FAILURE = "ok", "warning", "failure"
MARKS = {OK: ("√", render.GREEN), WARNING: ("‼", render.YELLOW), FAILURE: ("×", render.RED)}


@dataclass(frozen=True)
class Line:
    """One thing that was looked at."""

    group: str
    name: str
    status: str
    detail: str


def check(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> int:
    """Look at this machine and at the running daemon, and say what to do."""
    lines = list(_lines())
    if as_json:
        render.document([line.__dict__ for line in lines])
    else:
        _show(lines)
    return 1 if any(line.status == FAILURE for line in lines) else 0


def _lines() -> Iterator[Line]:
    from moorage.cli import aws_cli

    where = address.find()
    with ThreadPoolExecutor(1) as beside:
        # A program of its own, which takes its second while the daemon asks its proxies.
        installed = beside.submit(aws_cli.verdict)
        daemon = _daemon(where)
        answers = daemon.status == OK
        remote = _from_daemon(where) if answers else {}
        findings = remote.get("checks") or (_machine() if where.is_loopback else [])
    yield from (Line("machine", item["name"], item["status"], item["detail"]) for item in findings)
    yield Line("tools", "AWS CLI", *installed.result())
    yield _variable(where)
    yield daemon
    if answers:
        yield from _proxies(remote.get("proxies", []))
        yield from _services(where)


def _machine() -> list[dict[str, str]]:
    """Without a daemon the runtime is asked here: it needs none to look around."""
    from moorage.runtime.supervisor.prerequisites import prerequisites

    return [{"name": name, "status": status, "detail": detail} for name, status, detail in prerequisites()]


def _variable(where: address.Address) -> Line:
    if "AWS_ENDPOINT_URL" in os.environ:
        return Line("tools", "AWS_ENDPOINT_URL", OK, where.url)
    return Line("tools", "AWS_ENDPOINT_URL", WARNING, 'it is not set in this shell: eval "$(moorage env)"')


def _daemon(where: address.Address) -> Line:
    try:
        version = address.health(where)
    except Failure as error:
        return Line("daemon", "daemon", FAILURE, f"{error}. {error.next_step}")
    if version is None:
        absent = address.not_there(where)
        return Line("daemon", "daemon", WARNING, f"{absent.what}. {absent.next_step}")
    return Line("daemon", "daemon", OK, f"Moorage {version} answers at {where.url}")


def _from_daemon(where: address.Address) -> dict[str, Any]:
    from moorage.cli.control import Control

    return Control(where).get("checks")


def _proxies(proxies: list[dict[str, Any]]) -> Iterator[Line]:
    """Every proxy that refused a part of its configuration, hangs, or lost its connection."""
    wrong = [line for proxy in proxies for line in (*_refusals(proxy), *_absence(proxy))]
    yield from wrong
    if not wrong:
        yield Line("mesh", "proxies", OK, f"all of them answer and hold what they were told ({len(proxies)})")


def _refusals(proxy: dict[str, Any]) -> Iterator[Line]:
    task = _short(proxy)
    advice = f"moorage logs {task} --proxy, and GET /_moorage/mesh/{task}, say more"
    for kind, books in proxy.get("types", {}).items():
        for name, refusal in books.get("refused", {}).items():
            detail = f"refused {kind} {name}: {refusal['reason']}; {advice}"
            yield Line("mesh", f"proxy of {task}", FAILURE, detail)


def _absence(proxy: dict[str, Any]) -> Iterator[Line]:
    """How it keeps the daemon waiting; a proxy that owes nothing is known to hang only by not answering a question."""
    task = _short(proxy)
    advice = f"moorage logs {task} --proxy says more"
    silent = proxy.get("silentSeconds", 0)
    if silent >= PATIENCE:
        detail = f"it has not answered the daemon for {silent:.0f} s; nobody waits for it longer than 5: {advice}"
        yield Line("mesh", f"proxy of {task}", WARNING, detail)
    elif not proxy.get("answers"):
        detail = f"it does not answer; requests through it may hang until they time out: {advice}"
        yield Line("mesh", f"proxy of {task}", WARNING, detail)
    if not proxy.get("connected"):
        detail = "it is not connected to the daemon; it serves on what it knows and should come back within seconds"
        yield Line("mesh", f"proxy of {task}", WARNING, detail)


def _short(proxy: dict[str, Any]) -> str:
    return str(proxy["taskId"])[:8]


def _services(where: address.Address) -> Iterator[Line]:
    from moorage.cli.commands import endpoints

    answer = endpoints.fetch(where)
    warnings = endpoints.warnings(answer)
    yield from (Line("mesh", "names", WARNING, text) for text in warnings)
    empty = [endpoint for endpoint in answer["endpoints"] if endpoint["desired"] and not endpoint["healthy"]]
    for endpoint in empty:
        detail = f"no healthy task of {endpoint['owner']} is behind it: `moorage ps` shows its last event"
        yield Line("mesh", f"{endpoint['alias']}:{endpoint['port']}", FAILURE, detail)
    if not warnings and not empty:
        count = len(answer["endpoints"])
        yield Line("mesh", "names", OK, f"{render.counted(count, 'endpoint')}, seen by every service of its namespace")


def _show(lines: list[Line]) -> None:
    width = max(len(line.name) for line in lines)
    group = ""
    for line in lines:
        if line.group != group:
            render.data(("\n" if group else "") + render.paint(line.group, render.BOLD))
            group = line.group
        mark, colour = MARKS[line.status]
        render.data(f"  {render.paint(mark, colour)} {line.name:{width}}  {line.detail}")
    worst = [sum(line.status == status for line in lines) for status in (FAILURE, WARNING)]
    render.data("")
    render.data(f"{render.counted(worst[0], 'failure')}, {render.counted(worst[1], 'warning')}")
