"""Daemons to measure: the harness of the end-to-end tests, in a scratch directory of its own."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import bed  # noqa: E402  (the path is set above)
from place import IMAGES, Place, free_port, place  # noqa: E402  (the path is set above)

__all__ = ["IMAGES", "ROOT", "Place", "bed", "free_port", "fresh", "place", "scratch"]


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as directory:
        yield Path(directory)


@contextmanager
def fresh() -> Iterator[Place]:
    """A new daemon without any data."""
    with scratch() as directory, place(directory) as made:
        yield made
