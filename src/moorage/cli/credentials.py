"""The key pair of a daemon that listens beyond loopback: made at its first start, kept in its data directory."""

import json
import os
from dataclasses import replace
from pathlib import Path

from moorage.cli.address import Address
from moorage.cli.failure import Failure
from moorage.settings import Settings

FILE = "credentials.json"


def applied(where: Address, data_dir: Path | None) -> Address:
    """The address with the keys that its requests must be signed with.

    On loopback any keys do, so those of real AWS are not repeated: they would be printed.
    """
    if where.is_loopback:
        return where if where.account == where.access_key else replace(where, access_key="test", secret_key="test")
    settings = Settings.from_environment(os.environ, data_dir=data_dir)
    file = settings.data_dir / FILE
    try:
        pair = json.loads(file.read_text())
        return replace(where, access_key=pair["access_key"], secret_key=pair["secret_key"])
    except FileNotFoundError:
        raise Failure(
            str(file),
            "the daemon's key pair is not here",
            "Run this where the daemon runs, with its --data-dir; it makes the pair when it starts with --host.",
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise Failure(str(file), f"the key pair cannot be read: {error}") from error
