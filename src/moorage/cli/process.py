"""The daemon as a process: whether its port is free, running it here or detached, and the note that tells where it is.

What the daemon does is `moorage.daemon`'s.
"""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from moorage import system
from moorage.cli import address, port_holder
from moorage.cli.address import Address
from moorage.cli.failure import Failure
from moorage.settings import Settings

NOTE = "daemon.json"
LOG = "daemon.log"
START_SECONDS = 30.0
STOP_SECONDS = 180.0
POLL_SECONDS = 0.05


def url(settings: Settings) -> str:
    """Where a daemon with these settings is reached from this host."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return address.local_url(settings.port, host)


def check_unused(settings: Settings) -> None:
    """Failure if a daemon uses the data directory already."""
    running = noted(settings.data_dir)
    if running is not None and _answers(running["url"]):
        raise Failure(
            str(settings.data_dir),
            f"the daemon at {running['url']} (pid {running['pid']}) uses it",
            "Stop it with `moorage stop`, or give another --data-dir.",
        )


def listen(settings: Settings) -> socket.socket:
    """The socket for a daemon; Failure, with who holds the port, if it is taken."""
    with system.collector_at_rest():
        from moorage import daemon

    try:
        return daemon.bind(settings.host, settings.port)
    except PermissionError as error:
        raise Failure(f"port {settings.port}", "only root may listen on it", "Choose another --port.") from error
    except OSError as error:
        raise _taken(settings, error) from error


def _taken(settings: Settings, error: OSError) -> Failure:
    who = port_holder.holder(settings.port)
    if error.errno != errno.EADDRINUSE:
        return Failure(f"{settings.host}:{settings.port}", error.strerror or str(error), "Choose another --host.")
    by = f"{who} listens on it" if who else "another program listens on it"
    return Failure(
        f"port {settings.port} is taken", by, f"Stop that program, or choose another port: --port {settings.port + 1}"
    )


def run(settings: Settings, listening: socket.socket) -> int:
    """Be the daemon, until it is stopped; its exit code."""
    from moorage import daemon
    from moorage.store.data_directory import StoreRefused

    with _note(settings):
        try:
            return daemon.run(settings, listening)
        except StoreRefused as error:
            raise Failure("the daemon cannot start", error.reason) from error
        except daemon.CannotBegin as error:
            raise Failure("the daemon cannot start", str(error)) from error


def detach(settings: Settings) -> Address:
    """Start a daemon that outlives this command, and wait until it answers."""
    listen(settings).close()
    log = settings.data_dir / LOG
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    command = [sys.executable, "-m", "moorage", "start", *_options(settings)]
    with log.open("ab") as output:
        start = output.tell()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd="/"
        )
    where = Address(url(settings))
    deadline = _elapsed() + START_SECONDS
    while _health(where) is None:
        if child.poll() is not None:
            raise Failure("the daemon ended", _tail(log, start), f"Its log is {log}.")
        if _elapsed() > deadline:
            child.terminate()
            raise Failure("the daemon does not answer", f"after {START_SECONDS:.0f} s", f"Its log is {log}.")
        time.sleep(POLL_SECONDS)
    return where


def noted(data_dir: Path) -> dict[str, Any] | None:
    """What the last daemon of a data directory wrote of itself (`url`, `pid`); None when it ended properly."""
    try:
        found = json.loads((data_dir / NOTE).read_text())
        return {"url": str(found["url"]), "pid": int(found["pid"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def left_behind(settings: Settings) -> bool:
    """Whether tasks of a daemon that is gone run on: their supervisor still listens."""
    for file in settings.run_dir.glob("*.sock"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(OSError):
            probe.connect(str(file))
            return True
    return False


def await_end(where: Address, pid: int | None) -> None:
    """Wait until the daemon answers no more and its process is gone."""
    deadline = _elapsed() + STOP_SECONDS
    while _health(where) is not None or (pid is not None and _alive(pid)):
        if _elapsed() > deadline:
            raise Failure(f"the daemon at {where.url}", f"it still runs after {STOP_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)


@contextmanager
def _note(settings: Settings) -> Iterator[None]:
    """Leave word of where this daemon is while it runs; a daemon that was killed leaves it behind."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = settings.data_dir / NOTE
    draft = file.with_suffix(".new")
    draft.write_text(json.dumps({"url": url(settings), "pid": os.getpid()}))
    draft.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _options(settings: Settings) -> list[str]:
    return [
        f"--port={settings.port}",
        f"--host={settings.host}",
        f"--data-dir={settings.data_dir}",
        f"--runtime={settings.runtime}",
        f"--names={settings.names}",
        *([f"--dns-name={settings.dns_name}"] if settings.dns_name else []),
    ]


def _answers(found: str) -> bool:
    with suppress(Failure):
        return address.health(Address(found)) is not None
    return False


def _health(where: Address) -> str | None:
    with suppress(Failure):
        return address.health(where)
    return None


def _alive(pid: int) -> bool:
    """Whether the process runs; one that waits for its parent to notice its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _tail(log: Path, start: int) -> str:
    """The last line that the daemon wrote, as the reason."""
    with log.open("rb") as text:
        text.seek(start)
        lines = [line.strip() for line in text.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _elapsed() -> float:
    return time.perf_counter()
