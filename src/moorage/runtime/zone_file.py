"""The zones on disk: told by the daemon, read by the name server, which so goes on answering without a daemon.

A whole file takes the place of the former: whoever reads sees one or the other. No file: there are no zones.
"""

import json
from pathlib import Path
from typing import Final

from moorage.domain.zones import Zones

NAME: Final = "zones.json"
"""The file's name in the run directory."""


class ZoneFile:
    """The writing end. Only the daemon writes."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / NAME

    def tell(self, told: Zones) -> None:
        """Put the file, or take it away where there is nothing to tell."""
        if not told.zones:
            self._path.unlink(missing_ok=True)
            return
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(told.document()))
        fresh.chmod(0o600)
        fresh.replace(self._path)
