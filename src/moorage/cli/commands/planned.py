"""What the command line names and does not do yet: refused by name, never accepted and dropped."""

import typer

from moorage.cli.failure import Failure


def exec_(context: typer.Context) -> None:
    """Run a command in a container (not there yet)."""
    raise not_yet("moorage exec", "Meanwhile `moorage curl` and `moorage logs` look into a running task.")


def not_yet(what: str, instead: str) -> Failure:
    return Failure(what, "this is not there yet", instead)
