"""Reads the lines that a container wrote, from the files that the supervisor keeps, while it goes on writing them.

How the files are written and rotated is in `output`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from moorage.runtime.supervisor.output import CURRENT, FORMER, LIVE, REMOVED

Line = tuple[float, str, str]
"""Seconds since 1970, "stdout" or "stderr", the text."""


class Lines:
    """A place in the output of one container; `fresh` gives what came since the last time.

    `folders` are where the files may be: in the first of them that there is.
    """

    def __init__(self, state: Path, task_id: str, container: str) -> None:
        self.folders = [state / kept / task_id / container for kept in (LIVE, REMOVED)]
        self._file: BinaryIO | None = None
        self._rest = b""

    @property
    def known(self) -> bool:
        """Whether there is anything to read, now or later."""
        return any(folder.is_dir() for folder in self.folders)

    def fresh(self) -> Iterator[Line]:
        """The whole lines that were written since."""
        if self._file is None:
            self._open_first()
        while self._file is not None:
            yield from self._drain(self._file)
            following = self._following(self._file)
            if following is None:
                return
            # What was written between the last look and the rotation comes first.
            yield from self._drain(self._file)
            self._file.close()
            self._file = following

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open_first(self) -> None:
        for name in (FORMER, CURRENT):
            found = self._open(name)
            if found is not None:
                self._file = found
                return

    def _following(self, present: BinaryIO) -> BinaryIO | None:
        """The current file, when `present` is an older one."""
        current = self._open(CURRENT)
        if current is None:
            return None
        if _same(current, present):
            current.close()
            return None
        return current

    def _open(self, name: str) -> BinaryIO | None:
        for folder in self.folders:
            try:
                return (folder / name).open("rb")
            except FileNotFoundError:
                continue
        return None

    def _drain(self, file: BinaryIO) -> Iterator[Line]:
        while data := file.read(1 << 18):
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                at, stream, text = line.split(b" ", 2)
                yield float(at), stream.decode(), text.decode(errors="replace")


def _same(one: BinaryIO, other: BinaryIO) -> bool:
    return os.path.sameopenfile(one.fileno(), other.fileno())
