"""How a deployment's events look while it runs: a live view on a terminal, one line for each event elsewhere.

Written to stderr; stdout is for the outputs.
"""

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Protocol

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from moorage.cli import render
from moorage.cli.event import TASK, Event

_STATUS: Final = 28
"""The width of a status and the beginning of its reason, while the view is drawn again and again."""


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
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, refresh_per_second=8, get_renderable=self._draw)

    def __enter__(self) -> "_Live":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._live.transient = not self._resources
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
        for fixed in (True, False, False, not self._ended):
            table.add_column(no_wrap=fixed)
        left_out, shown = self._fitting()
        if left_out:
            table.add_row(Text("√", style="green"), f"{left_out} more", "", "")
        for event in shown:
            table.add_row(self._mark(event), event.name, Text(event.kind, style="dim"), self._status(event))
            for task in self._tasks_of(event):
                table.add_row("", f"  task {task.name[:8]}", "", _coloured(task.status, task.reason))
        return table

    def _fitting(self) -> tuple[int, list[Event]]:
        """All resources in the end; before, as many as the screen has lines for beside the title and the cursor's."""
        everything = list(self._resources.values())
        if self._ended:
            return 0, everything
        tasks = sum(len(self._tasks_of(event)) for event in everything)
        return fold(everything, self._console.size.height - 3 - tasks)

    def _tasks_of(self, event: Event) -> list[Event]:
        tasks = self._tasks.get(event.name, {}).values()
        return [task for task in tasks if event.status.endswith("_IN_PROGRESS") or task.reason]

    def _mark(self, event: Event) -> Text | Spinner:
        if event.status.endswith("_IN_PROGRESS"):
            return Text("…", style="yellow") if self._ended else Spinner("dots", style="yellow")
        return Text("×", style="red") if event.status.endswith("_FAILED") else Text("√", style="green")

    def _status(self, event: Event) -> Text:
        line = _coloured(event.status, event.reason)
        if not self._ended:
            # What is drawn again and again is one line each, so that it can be counted; in the end reasons are whole.
            line.truncate(_STATUS, overflow="ellipsis")
        took = self._took.get(event.name, 0.0)
        return line.append(f"  {took:.1f} s", style="dim") if took >= 0.1 else line


def fold(events: Sequence[Event], room: int) -> tuple[int, list[Event]]:
    """How many events are left out, and those for `room` lines: what goes on or failed, then what was done last."""
    if len(events) <= room:
        return 0, list(events)
    done = [event for event in events if not event.status.endswith(("_IN_PROGRESS", "_FAILED"))]
    kept = max(room - 1 - (len(events) - len(done)), 0)
    left_out = {event.name for event in done[: len(done) - kept]}
    return len(left_out), [event for event in events if event.name not in left_out]


def _coloured(status: str, reason: str) -> Text:
    word = status.split(maxsplit=1)[0]
    style = "red" if word.endswith("_FAILED") or word in render.BAD else ""
    if word.endswith("_COMPLETE") or word in render.GOOD:
        style = "green"
    line = Text(status, style=style or "yellow")
    return line.append(f"  {reason}", style="default") if reason else line
