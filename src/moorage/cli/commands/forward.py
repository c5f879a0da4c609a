"""`moorage forward`: a port of this host that leads to a port of a task."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from moorage.cli import address, render
from moorage.cli.failure import Failure

if TYPE_CHECKING:
    from moorage.cli.tunnel import Relay


def forward(
    name: Annotated[str, typer.Argument(metavar="SERVICE|TASK")],
    ports: Annotated[str, typer.Argument(metavar="[LOCAL:]PORT", help="The port here and the port of the task.")],
) -> None:
    """Lead a port of this host to a port of a task, until Ctrl-C."""
    from moorage.cli import lookup
    from moorage.cli.aws import Aws
    from moorage.cli.tunnel import Relay, Way

    local, remote = _ports(ports)
    where = address.find()
    task = lookup.runner(lookup.meant(Aws(where), name))
    relay = Relay(Way(where, task.id, remote), local, told=_warn)
    asyncio.run(_serve(relay, f"http://127.0.0.1:{local} leads to port {remote} of task {task.id[:8]}"))


def _warn(error: Failure) -> None:
    render.note(f"{render.paint('‼', render.YELLOW)} {error}")


async def _serve(relay: "Relay", sentence: str) -> None:
    try:
        async with relay:
            render.note(f"{sentence}. Ctrl-C ends it.")
            await asyncio.Event().wait()
    except OSError as error:
        raise _cannot_listen(relay.listen_port or 0, error) from error


def _cannot_listen(port: int, error: OSError) -> Failure:
    from moorage.cli import port_holder

    who = port_holder.holder(port)
    why = f"{who} listens on it" if who else (error.strerror or str(error))
    return Failure(f"port {port} of this host", why, "Choose another: moorage forward SERVICE LOCAL:PORT")


def _ports(text: str) -> tuple[int, int]:
    local, colon, remote = text.rpartition(":")
    words = [local if colon else remote, remote]
    if not all(word.isdigit() and 1 <= int(word) <= 65535 for word in words):
        raise Failure(text, "this is not [LOCAL:]PORT", "For example 8080:5000.", 2)
    return int(words[0]), int(words[1])
