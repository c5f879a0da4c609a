"""The `moorage` program: its commands, and what becomes of their failures.

Command modules import what is heavy (botocore, httpx, rich) inside their functions, so that `moorage --help` and
`moorage env` start at once.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

import moorage
from moorage.cli import render
from moorage.cli.commands import (
    check,
    curl,
    daemon,
    demo,
    endpoints,
    env,
    exec,
    forward,
    image,
    logs,
    proxy,
    ps,
    up,
)
from moorage.cli.failure import Failure

app = typer.Typer(
    help="Amazon ECS Service Connect on your own machines.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PASS_THROUGH = {"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False}

app.command()(demo.demo)
app.command()(daemon.start)
app.command()(daemon.stop)
app.command()(daemon.status)
app.command()(env.env)
app.command()(up.up)
app.command()(up.down)
app.command()(ps.ps)
app.command()(endpoints.endpoints)
app.command(context_settings=PASS_THROUGH)(curl.curl)
app.command()(forward.forward)
app.command("exec")(exec.exec_)
app.command()(logs.logs)
app.add_typer(image.app, name="image")
app.add_typer(proxy.app, name="proxy")
app.command()(check.check)


@app.callback(invoke_without_command=True)
def _program(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        render.data(f"moorage {moorage.__version__}")
        raise typer.Exit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. What is expected to fail fails with a sentence."""
    try:
        result = app(args=arguments, prog_name="moorage", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except Failure as error:
        render.failure(error)
        return error.code
    except (typer.Abort, KeyboardInterrupt):
        render.note("interrupted")
        return 130
    except TyperException as error:
        return _usage(error)


def _usage(error: TyperException) -> int:
    """A wrong command line, or none: typer's own words, to stderr."""
    show = getattr(error, "show", None)
    if show is None:
        render.note(f"error: {error}")
    else:
        show(file=sys.stderr)
    return int(getattr(error, "exit_code", 2))
