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
    """The address with the keys that its requests are to be signed with.

    Keys of real AWS are not repeated, for they would be printed; a key that is an account id is.
    """
    settings = Settings.from_environment(os.environ, data_dir=data_dir)
    file = settings.data_dir / FILE
    try:
        pair = json.loads(file.read_text())
        return replace(where, access_key=pair["access_key"], secret_key=pair["secret_key"])
    except FileNotFoundError:
        if not where.is_loopback:
            raise _not_here(file) from None
    except PermissionError as error:
        if not where.is_loopback:
            raise _not_here(file) from error
    except (OSError, ValueError, KeyError) as error:
        raise Failure(str(file), f"the key pair cannot be read: {error}") from error
    return where if where.account == where.access_key else replace(where, access_key="test", secret_key="test")


def _not_here(file: Path) -> Failure:
    return Failure(
        str(file),
        "the daemon's key pair is not to be read here",
        "Run this where the daemon runs, as its user and with its --data-dir; it makes the pair at its first start.",
    )
