"""`moorage demo`: the article's story end to end, in a scratch Moorage that is gone afterwards.

The figures are those of this run. What each act does is in `moorage.cli.story`.
"""

import asyncio
import time
from pathlib import Path

import moorage
from moorage.cli import render
from moorage.cli.failure import Failure

EXAMPLE = "examples/hello-world"


def demo() -> None:
    """Run the article's story end to end, then clean up."""
    from moorage.cli import assembly, scratch, story
    from moorage.cli.commands import up

    _check_machine()
    found = assembly.read(_example())
    began = time.perf_counter()
    _act("Start a Moorage of its own, in a scratch directory")
    with scratch.daemon() as where:
        render.note(f"It answers at {where.url} after {time.perf_counter() - began:.1f} s.")
        _act("Deploy what the CDK made of the article's app: a cluster with its namespace, the server, the client")
        deploying = time.perf_counter()
        up.register(where, found.images)
        up.deployed(where, found)
        told = story.Story(where, time.perf_counter() - deploying)
        asyncio.run(told.tell(_act))
        _act("Take everything down")
        for stack in reversed(found.stacks):
            up.delete(where, stack.name)
    render.note("The daemon has stopped; its directory is gone.")
    _summary(told.figures, time.perf_counter() - began)


def _check_machine() -> None:
    """Before anything is started: what this machine lacks, each with what to do."""
    from moorage.runtime.supervisor.prerequisites import prerequisites

    lacking = [(name, sentence) for name, status, sentence in prerequisites() if status == "failure"]
    if lacking:
        listed = "; ".join(f"{name}: {sentence}" for name, sentence in lacking)
        raise Failure("this machine cannot run tasks yet", listed, "`moorage check` looks again.")


def _example() -> Path:
    """The example inside the installed package, or in the repository that this is run from."""
    package = Path(moorage.__file__).parent
    for folder in (package / EXAMPLE, package.parents[1] / EXAMPLE):
        if folder.is_dir():
            return folder
    raise Failure("the example is missing", f"{EXAMPLE} is neither in the package nor in the repository")


def _act(title: str) -> None:
    import sys

    render.note(f"\n{render.paint('▸ ' + title, render.BOLD, sys.stderr)}")


def _summary(figures: list[tuple[str, str]], seconds: float) -> None:
    rows = [[what, measured] for what, measured in figures]
    render.data("")
    render.table(["MEASURED IN THIS RUN", ""], [*rows, ["whole demo", f"{seconds:.1f} s"]])
