"""`moorage logs`: what the containers of a service or a task wrote, merged by time."""

import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from moorage.cli import address
from moorage.cli.failure import Failure
from moorage.system import SystemClock


def logs(
    name: Annotated[str, typer.Argument(metavar="SERVICE|TASK")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    proxy: Annotated[bool, typer.Option("--proxy", help="The Service Connect proxy's output instead.")] = False,
    since: Annotated[str | None, typer.Option(metavar="WHEN", help="30s, 5m, 2h, 1d, or an ISO 8601 time.")] = None,
) -> None:
    """Show what containers wrote."""
    import asyncio

    from moorage.cli import log_streams, lookup
    from moorage.cli.aws import Aws

    where = address.find()
    aws = Aws(where)
    found = lookup.meant(aws, name, ended=not follow)
    whole_service = found.service and not found.one_task
    wanted = log_streams.Wanted(where, _instant(since) if since else None, follow)
    sources = [log_streams.Source(task.id, container) for task in found.tasks for container in task.containers(proxy)]
    if not sources and not follow:
        raise Failure(name, "it has no proxy" if proxy else "it has no container", "`moorage ps` shows its tasks.")

    def more() -> list[log_streams.Source]:
        now = lookup.tasks(aws, found.cluster, found.service) if whole_service else []
        return [log_streams.Source(task.id, container) for task in now for container in task.containers(proxy)]

    asyncio.run(log_streams.show(wanted, sources, more))


def _instant(text: str) -> datetime:
    """The time that --since means."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if found is not None:
        units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
        return SystemClock().now() - timedelta(**{units[found[2]]: int(found[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"--since {text}", "it is neither 30s, 5m, 2h or 1d nor an ISO 8601 time", code=2) from None
    return moment if moment.tzinfo is not None else moment.astimezone()
