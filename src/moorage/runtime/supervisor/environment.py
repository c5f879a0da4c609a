"""The environment in which another interpreter finds this package, for the supervisor and its trials."""

import os
from pathlib import Path


def child_environment() -> dict[str, str]:
    """This process's own, with this package on the path, wherever it was imported from."""
    source = str(Path(__file__).resolve().parents[3])
    paths = [source, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
