"""`moorage start`, `stop` and `status`: the daemon's life as a person sees it."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from moorage.cli import address, endpoint_name, render
from moorage.cli.commands.planned import not_yet
from moorage.cli.failure import Failure
from moorage.mesh.policies import Policies
from moorage.settings import Settings

RUNTIMES = ("auto", "netns", "docker")
NAMES = ("frozen", "live")


def start(  # noqa: PLR0913, PLR0917 - each parameter is an option of the command
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it answers.")] = False,
    port: Annotated[int | None, typer.Option(min=1, max=65535, metavar="PORT", help="[default: 4566]")] = None,
    host: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Beyond loopback requests must be signed. [default: 127.0.0.1]"),
    ] = None,
    dns_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="A DNS name of yours for the endpoint, for SDKs that prefix it.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where state, images and output are kept.")
    ] = None,
    runtime: Annotated[
        str | None, typer.Option(metavar="NAME", help="What runs tasks: auto, netns or docker. [default: auto]")
    ] = None,
    names: Annotated[
        str | None, typer.Option(metavar="WHICH", help="Names a task knows: frozen or live. [default: frozen]")
    ] = None,
) -> None:
    """Start the daemon."""
    from moorage.cli import process

    settings = configured(port=port, host=host, dns_name=dns_name, data_dir=data_dir, runtime=runtime, names=names)
    process.check_unused(settings)
    for line in endpoint_name.advice(settings):
        render.note(line)
    if not detach:
        listening = process.listen(settings)
        render.note(f"Moorage listens at {process.url(settings)}; its data is in {settings.data_dir}. Ctrl-C stops it.")
        raise typer.Exit(process.run(settings, listening))
    where = process.detach(settings)
    render.note(f"Moorage runs; its log is {settings.data_dir / process.LOG}.")
    render.data(where.url)


def configured(**given: Any) -> Settings:
    """The settings for a daemon started here. What is not there yet is refused by name."""
    try:
        settings = Settings.from_environment(os.environ, **given)
        Policies.of(settings)
    except ValueError as error:
        raise Failure("settings", str(error)) from error
    _check_word("--runtime", settings.runtime, RUNTIMES)
    _check_word("--names", settings.names, NAMES)
    endpoint_name.check(settings)
    if settings.runtime == "docker":
        raise not_yet("--runtime docker", "The netns runtime needs no container engine: --runtime netns")
    return settings


def _check_word(option: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise Failure(option, f"{word!r} is none of {', '.join(known)}", code=2)


def stop(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, metavar="PORT", help="The port of the daemon to stop.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The data directory of the daemon to stop.")
    ] = None,
) -> None:
    """Stop every task, then the daemon."""
    from moorage.cli import process
    from moorage.cli.control import Control

    where = _meant(port, data_dir)
    if address.health(where) is None:
        _explain_absence(where, data_dir)
        return
    control = Control(where)
    before = control.get("status")
    render.note(f"Stopping {render.counted(before['tasks'], 'task')} and the daemon at {where.url}.")
    control.post("stop")
    process.await_end(where, before.get("pid") if where.is_loopback else None)
    render.note("Stopped.")


def _meant(port: int | None, data_dir: Path | None) -> address.Address:
    from moorage.cli import process

    if data_dir is None or port is not None:
        return address.find(port)
    found = process.noted(data_dir.expanduser().absolute())
    if found is None:
        raise Failure(str(data_dir), "no daemon runs with this data directory", "`moorage status` says what runs.")
    return address.Address(found["url"])


def _explain_absence(where: address.Address, data_dir: Path | None) -> None:
    """Nothing to stop, unless a daemon died here and left its tasks running."""
    from moorage.cli import process

    settings = configured(data_dir=data_dir)
    if process.left_behind(settings):
        raise Failure(
            f"no Moorage answers at {where.url}",
            f"but tasks of the daemon of {settings.data_dir} run on",
            "Start it again and stop it, so that nothing is left: moorage start --detach && moorage stop",
        )
    render.note(f"No Moorage answers at {where.url}: there is nothing to stop.")


def status(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Say what runs."""
    from moorage.cli.control import Control

    where = address.find()
    facts = {"endpoint": where.url, **Control(where).get("status")}
    if as_json:
        render.document(facts)
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        render.data(f"{name.replace('_', ' '):{width}}  {value}")
