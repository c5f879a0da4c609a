"""The folder on disk in which the supervisor keeps what it saw: one directory per task, in it one per container.

A supervisor that starts finds what a former one left: containers that ran then ended with it, and their records say
so. What removed tasks wrote stays for a while, the oldest goes first.
"""

import json
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from moorage.runtime.supervisor import clock
from moorage.runtime.supervisor.containers import RECORD, birth, write_record
from moorage.runtime.supervisor.output import LIVE, REMOVED
from moorage.runtime.supervisor.protocol import Refused

LOST = "The supervisor of the task ended, and the container with it"
_KEPT = 200
_LAST = "last-offset"


def checked(name: str) -> str:
    """`name` when it can be a folder's name; task ids and container names always can."""
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise Refused("CannotStart", f"{name!r} cannot be the name of a task or container")
    return name


def directory(state: Path, task_id: str, container: str) -> Path:
    """The folder of a container."""
    return state / LIVE / task_id / container


def begin(state: Path, task_id: str, offset: int) -> None:
    """Make the task's folder and remember the address given last."""
    (state / LIVE / task_id).mkdir(parents=True, exist_ok=True)
    (state / _LAST).write_text(str(offset))


def last_offset(state: Path) -> int:
    """The address given last, as its offset; 0 when none was."""
    with suppress(FileNotFoundError, ValueError):
        return int((state / _LAST).read_text())
    return 0


def retire(state: Path, task_id: str) -> None:
    """Keep what a removed task wrote; of all removed tasks the latest."""
    removed = state / REMOVED
    removed.mkdir(parents=True, exist_ok=True)
    source, target = state / LIVE / task_id, removed / task_id
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        source.rename(target)
        os.utime(target)
    kept = sorted(removed.iterdir(), key=lambda folder: folder.stat().st_mtime)
    for folder in kept[:-_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def former(state: Path) -> dict[str, list[dict[str, Any]]]:
    """The tasks that a former supervisor left, with what is true of their containers now: none of them runs."""
    found: dict[str, list[dict[str, Any]]] = {}
    for folder in sorted((state / LIVE).glob("*")):
        found[folder.name] = [_settle(file) for file in sorted(folder.glob(f"*/{RECORD}"))]
    return found


def _settle(file: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(file.read_text())
    if record["phase"] == "RUNNING":
        _end(record["pid"], record["born"])
        record.update(phase="EXITED", stopped_at=clock.now(), reason=LOST, health="UNKNOWN")
        write_record(file.parent, record)
    return record


def _end(pid: int, born: int) -> None:
    """Kill a process that outlived its supervisor (it undid PDEATHSIG), if the pid still means it."""
    if born and birth(pid) == born:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
