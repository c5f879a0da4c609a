"""Reads the zones that the daemon told of, when a question comes and another file is there than before."""

import json
import os
from pathlib import Path

from moorage.domain import zones
from moorage.domain.zones import Zones
from moorage.runtime.resolver.answers import Book, Sample


class Reader:
    """The reading end of a `runtime.zone_file.ZoneFile`."""

    def __init__(self, path: Path, sample: Sample) -> None:
        self._path = path
        self._sample = sample
        self._known: tuple[int, int] | None = None
        self._book = Book(Zones(), sample)

    def book(self) -> Book:
        """The zones as they are now."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                stamp = (status.st_ino, status.st_mtime_ns)
                if stamp != self._known:
                    self._book = Book(zones.read(json.load(file)), self._sample)
                    self._known = stamp
        except FileNotFoundError:
            self._book, self._known = Book(Zones(), self._sample), None
        return self._book
