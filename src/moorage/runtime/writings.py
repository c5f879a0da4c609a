"""Tells who follows a file when it was written, by inotify: nobody has to look for it.

A directory is watched for one telling at a time, so that a program that writes much costs its follower one waking for
each time that it looks. Who gets no watch from the kernel looks for itself.
"""

import asyncio
import os
import struct
from contextlib import suppress
from pathlib import Path

from moorage.runtime import syscalls

_HEAD = struct.Struct("iIII")
"""An event of inotify(7): the watch, what happened, a cookie, the length of the name that follows."""

_ROOM = 64 * 1024


class Writings:
    """The directories that are watched; opened with the first of them."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._told: dict[int, set[asyncio.Event]] = {}

    def tell(self, directories: list[Path], news: asyncio.Event) -> bool:
        """Set `news` once something is written in the first directory that there is; False: nobody will say so."""
        for directory in directories:
            with suppress(OSError):
                self._told.setdefault(syscalls.watch_once(self._opened(), str(directory)), set()).add(news)
                return True
        return False

    def forget(self, news: asyncio.Event) -> None:
        """Nobody waits for `news` any more."""
        for watch in [watch for watch, waiting in self._told.items() if news in waiting]:
            self._told[watch].discard(news)
            if not self._told[watch]:
                del self._told[watch]
                with suppress(OSError):  # it may have told just now
                    syscalls.unwatch(self._opened(), watch)

    def close(self) -> None:
        """Let go of all watches."""
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
        self._told.clear()

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = syscalls.inotify()
            asyncio.get_running_loop().add_reader(self._descriptor, self._arrived, self._descriptor)
        return self._descriptor

    def _arrived(self, descriptor: int) -> None:
        with suppress(BlockingIOError):
            data = os.read(descriptor, _ROOM)
            place = 0
            while place < len(data):
                watch, _, _, length = _HEAD.unpack_from(data, place)
                place += _HEAD.size + length
                # Too much at once (watch -1) is told to all; a watch that tells is gone.
                for told in [watch] if watch >= 0 else list(self._told):
                    for news in self._told.pop(told, ()):
                        news.set()
