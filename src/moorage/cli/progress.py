"""How a deployment's events look while it runs: a live view on a terminal, one line for each event elsewhere.

Written to stderr; stdout is for the outputs.
"""

import sys
import time
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from moorage.cli import render
from moorage.cli.event import TASK, Event


class Progress(Protocol):
    """Entered for one stack; shows its events."""

    def __enter__(self) -> "Progress": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, event: Event) -> None: ...


def of(title: str) -> Progress:
    """The progress that suits where stderr goes."""
    return _Live(title) if render.colours(sys.stderr) else _Lines(title)


class _Lines:
    """`12.3s  CREATE_COMPLETE  AWS::ECS::Cluster  Cluster`."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._started = time.perf_counter()

    def __enter__(self) -> "_Lines":
        render.note(self._title)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            render.note(f"{self._title}: done in {time.perf_counter() - self._started:.1f} s")

    def show(self, event: Event) -> None:
        elapsed = time.perf_counter() - self._started
        name = f"{event.parent} {event.name[:8]}" if event.kind == TASK else event.name
        reason = f"  {event.reason}" if event.reason else ""
        render.note(f"{elapsed:6.1f}s  {event.status:<20}  {event.kind}  {name}{reason}")


class _Live:
    """A table of resources, tasks below their services, drawn again with each event."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._started = time.perf_counter()
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._resources: dict[str, Event] = {}
        self._tasks: dict[str, dict[str, Event]] = {}
        self._ended = False
        self._live = Live(console=Console(stderr=True), refresh_per_second=8, get_renderable=self._draw)

    def __enter__(self) -> "_Live":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._live.refresh()
        self._live.stop()

    def show(self, event: Event) -> None:
        now = time.perf_counter()
        if event.kind == TASK:
            self._tasks.setdefault(event.parent, {})[event.name] = event
            return
        self._resources[event.name] = event
        if event.status.endswith("_IN_PROGRESS"):
            self._began.setdefault(event.name, now)
        else:
            self._took[event.name] = now - self._began.get(event.name, now)

    def _draw(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False, title_justify="left")
        table.title = Text(f"{self._title}  {time.perf_counter() - self._started:.1f} s", style="bold")
        for name, event in self._resources.items():
            table.add_row(self._mark(event), name, Text(event.kind, style="dim"), self._status(event))
            for task in self._tasks.get(name, {}).values():
                if event.status.endswith("_IN_PROGRESS") or task.reason:
                    table.add_row("", f"  task {task.name[:8]}", "", _coloured(task.status, task.reason))
        return table

    def _mark(self, event: Event) -> Text | Spinner:
        if event.status.endswith("_IN_PROGRESS"):
            return Text("…", style="yellow") if self._ended else Spinner("dots", style="yellow")
        return Text("×", style="red") if event.status.endswith("_FAILED") else Text("√", style="green")

    def _status(self, event: Event) -> Text:
        line = _coloured(event.status, event.reason)
        took = self._took.get(event.name, 0.0)
        return line.append(f"  {took:.1f} s", style="dim") if took >= 0.1 else line


def _coloured(status: str, reason: str) -> Text:
    word = status.split(maxsplit=1)[0]
    style = "red" if word.endswith("_FAILED") or word in render.BAD else ""
    if word.endswith("_COMPLETE") or word in render.GOOD:
        style = "green"
    line = Text(status, style=style or "yellow")
    return line.append(f"  {reason}", style="default") if reason else line
