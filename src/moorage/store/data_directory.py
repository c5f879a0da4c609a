"""The directory that a store lives in: one process holds it at a time, and only its owner may read it."""

import fcntl
import os
from pathlib import Path
from typing import Final

LOCK: Final = "lock"


class StoreRefused(Exception):
    """A data directory cannot be used; `reason` is a sentence for the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DirectoryInUse(StoreRefused):
    """Another process holds the directory. `holder` is its process id, 0 when it did not say."""

    def __init__(self, directory: Path, holder: int) -> None:
        who = f"process {holder}" if holder else "another process"
        super().__init__(
            f"the data directory {directory} is in use by {who}; stop it, or choose another with --data-dir"
        )
        self.directory = directory
        self.holder = holder


class DirectoryLock:
    """Held from its making until `release`, or until the process ends in whatever way."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 20, 0).strip()
            os.close(self._descriptor)
            raise DirectoryInUse(directory, int(holder) if holder.isdigit() else 0) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go; the file stays, for removing it would let two processes hold two files of one name."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
