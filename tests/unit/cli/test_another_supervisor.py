"""A daemon that meets a supervisor of another version: its tasks are not this one's to run, so it does not begin."""

import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.cli.main import main
from moorage.runtime.supervisor import protocol


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A run directory in which a supervisor answers whose protocol is one behind."""
    with tempfile.TemporaryDirectory(prefix="older-") as directory, socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.setenv("MOORAGE_RUN_DIR", directory)
        listening.bind(str(Path(directory) / protocol.SOCKET))
        listening.listen()
        thread = threading.Thread(target=_greet, args=(listening,))
        thread.start()
        yield
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def _greet(listening: socket.socket) -> None:
    kept = []
    try:
        while True:
            connection, _ = listening.accept()
            connection.sendall(protocol.encode(protocol.hello(1, {}) | {"version": protocol.VERSION - 1}))
            kept.append(connection)
    except OSError:
        for each in kept:
            each.close()


def test_a_daemon_does_not_begin_beside_a_supervisor_of_another_version(
    older: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert main(["start", "--port", str(port), "--data-dir", str(tmp_path / "data")]) == 1
    said = capsys.readouterr().err
    assert "the daemon cannot start: a supervisor of another version runs here" in said
    assert "`moorage stop` of that version" in said
