"""A Moorage of its own for a demonstration: scratch directory, free port, and nothing left behind whatever happens."""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from moorage.cli import address, process
from moorage.cli.address import Address
from moorage.cli.control import Control
from moorage.cli.failure import Failure
from moorage.settings import Settings


@contextmanager
def daemon() -> Iterator[Address]:
    """A running daemon; afterwards its tasks, the daemon and its directory are gone, also when a signal ends this."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    directory = Path(tempfile.mkdtemp(prefix="moorage-demo-"))
    try:
        settings = Settings.from_environment(
            os.environ, port=_free_port(), host="127.0.0.1", data_dir=directory / "data", runtime="auto", names="frozen"
        )
        try:
            yield process.detach(settings)
        finally:
            _stop(settings)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _leave(number: int, _frame: FrameType | None) -> None:
    """End by way of the context managers; a second signal does not break off what they do."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _stop(settings: Settings) -> None:
    """Ask it to stop its tasks and end; a daemon that does not is ended by its pid."""
    where = Address(process.url(settings))
    noted = process.noted(settings.data_dir)
    pid = noted["pid"] if noted else None
    with suppress(Failure):
        if address.health(where) is not None:
            Control(where).post("stop")
            process.await_end(where, pid)
            return
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        process.await_end(where, pid)
