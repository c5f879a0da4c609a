"""What containers write: read from their pipes, split into lines, stamped, and kept in two files of bounded size.

A line of a file is `<seconds since 1970> <stdout|stderr> <text>`. The daemon reads the files itself; a log router gets
the lines by `forward`.
"""

import asyncio
import codecs
import os
from contextlib import suppress
from pathlib import Path

from moorage.runtime.supervisor import clock
from moorage.runtime.supervisor.forward import Forwarder, Way, connect

LIVE, REMOVED = "tasks", "removed"
"""The folders of the state directory that hold live tasks, and what removed ones wrote."""
CURRENT = "output.log"
FORMER = "output.log.1"
MAX_FILE = 4 * 1024 * 1024
MAX_TEXT = 256 * 1024 - 26
"""Bytes of one line as UTF-8, what is no text counted as the mark that stands for it: an event of CloudWatch Logs with
what is counted for each. A longer line is cut into several, as Docker's driver awslogs does."""
MAX_RECORD = 16 * 1024
"""Bytes of one record for a log router: there Docker cuts earlier."""
_MARK = 3

_CHUNK = 64 * 1024


class Output:
    """The output of one container; `closed` is done when every process that could write has ended."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._file = (directory / CURRENT).open("ab", buffering=0)
        self._written = self._file.tell()
        self._rest: dict[str, bytes] = {}
        self._forwarder: Forwarder | None = None
        self._ended = False
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def send_to(self, way: Way) -> None:
        """Let a log router have every line, too."""
        self._forwarder = Forwarder(way.route, lambda: connect(way.directory), self._say)

    async def abandon(self) -> None:
        """Nothing will be written."""
        if self._forwarder is not None:
            await self._forwarder.finish(0)
        self._file.close()

    async def end(self, within: float) -> None:
        """The program has ended: give its log router a moment to read the rest."""
        self._ended = True
        forwarder, self._forwarder = self._forwarder, None
        if forwarder is not None:
            await forwarder.finish(within)
        if self.closed.done():
            self._file.close()

    def read(self, stream: str, descriptor: int) -> None:
        """Keep what arrives on `descriptor`, which is closed at its end."""
        os.set_blocking(descriptor, False)
        self._rest[stream] = b""
        self._loop.add_reader(descriptor, self._arrived, stream, descriptor)

    def _arrived(self, stream: str, descriptor: int) -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError:  # a terminal that nobody has open any more
            data = b""
        if data:
            self._keep(stream, data.replace(b"\r\n", b"\n") if os.isatty(descriptor) else data)
            return
        self._loop.remove_reader(descriptor)
        os.close(descriptor)
        rest = self._rest.pop(stream)
        if rest:
            self._write(stream, [rest])
        if not self._rest:
            if self._ended:
                self._file.close()
            if not self.closed.done():
                self.closed.set_result(None)

    def _keep(self, stream: str, data: bytes) -> None:
        *lines, rest = (self._rest[stream] + data).split(b"\n")
        *further, rest = _cut(rest)
        self._rest[stream] = rest
        self._write(stream, [*(part for line in lines for part in _cut(line)), *further])

    def _write(self, stream: str, lines: list[bytes]) -> None:
        now = clock.now()
        self._store(now, stream, lines)
        if self._forwarder is not None:
            for line in lines:
                for start in range(0, max(len(line), 1), MAX_RECORD):
                    self._forwarder.offer(now, stream, line[start : start + MAX_RECORD])

    def _say(self, sentence: str) -> None:
        """A word of ours among the container's lines, for who reads them here."""
        self._store(clock.now(), "stderr", [f"moorage: {sentence}".encode()])

    def _store(self, now: float, stream: str, lines: list[bytes]) -> None:
        prefix = f"{now:.6f} {stream} ".encode()
        data = b"".join(prefix + line + b"\n" for line in lines)
        with suppress(OSError):  # a full disk must not stop the container
            self._file.write(data)
        self._written += len(data)
        if self._written > MAX_FILE:
            self._rotate()

    def _rotate(self) -> None:
        self._file.close()
        (self._directory / CURRENT).replace(self._directory / FORMER)
        self._file = (self._directory / CURRENT).open("ab", buffering=0)
        self._written = 0


def _cut(line: bytes) -> list[bytes]:
    """The line in pieces that are short enough, and between characters where it is text."""
    if len(line) <= MAX_TEXT // _MARK:
        return [line]
    text = _is_text(line)
    most = MAX_TEXT if text else MAX_TEXT // _MARK
    pieces, start = [], 0
    while len(line) - start > most:
        end = start + most
        while text and line[end] & 0xC0 == 0x80:
            end -= 1
        pieces.append(line[start:end])
        start = end
    return [*pieces, line[start:]]


def _is_text(line: bytes) -> bool:
    """Whether it is UTF-8; at its end a character may be cut off, the rest of which is still to come."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(line)
    except UnicodeDecodeError:
        return False
    return True
