"""The key pair of an endpoint beyond loopback: made at its first start, kept in the data directory for its user alone.

`moorage env` prints it from the same file. What is done with it is `wire.sigv4`'s.
"""

import json
import os
from pathlib import Path
from typing import Final

from moorage.engine.ports import Ids
from moorage.wire.sigv4 import KeyPair

FILE: Final = "credentials.json"


def key_pair(data_dir: Path, ids: Ids) -> KeyPair:
    """The pair of this data directory, made now if there is none yet."""
    file = data_dir / FILE
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return _made(file, ids)
    return KeyPair(found["access_key"], found["secret_key"])


def _made(file: Path, ids: Ids) -> KeyPair:
    pair = KeyPair("MOOR" + ids.letters(16).upper(), ids.hex32())
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump({"access_key": pair.access_key, "secret_key": pair.secret_key}, out)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    return pair
