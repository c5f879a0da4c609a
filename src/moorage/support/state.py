"""What Moto holds, kept on disk: one file, replaced as a whole, so that a crash leaves the old state or the new one.

Used inside the support process only. When to save is `server.py`'s decision.
"""

import copyreg
import io
import json
import os
import pickle
import sys
import threading
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from moto import backends
from moto.core.base_backend import BackendDict
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy

_LOCKS: dict[type, Any] = {
    type(lock()): lambda _held, lock=lock: (lock, ()) for lock in (threading.Lock, threading.RLock)
}
"""ECR holds one. One request is answered at a time, so none is ever held while the state is saved."""

FORMAT = 1
Place = tuple[str, str, str]
"""Service, account, region: Moto keeps a backend for each."""


class StateUnreadable(Exception):
    """The file is there and cannot be loaded; going on without it would lose what users created."""


def places() -> frozenset[Place]:
    """Every service, account and region that Moto holds something for. A first look at a region makes its network."""
    return frozenset(place for place, _ in _backends())


def save(path: Path) -> None:
    """Write all of it; when this returns, it is on disk."""
    buffer = io.BytesIO()
    heading = {"format": FORMAT, "moto": _moto_version()}
    buffer.write(json.dumps(heading).encode() + b"\n")
    pickler = pickle.Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table | _LOCKS | _private_keys() | {AWSManagedPolicy: _as_reference}
    pickler.dump(dict(_backends()))
    _replace(path, buffer.getbuffer())


def load(path: Path) -> None:
    """Put back what the file holds; nothing when there is none."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        heading = _heading(path, file.readline())
        try:
            held: dict[Place, Any] = pickle.load(file)
        except (
            pickle.UnpicklingError,
            AttributeError,
            ImportError,
            EOFError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise StateUnreadable(
                f"{path.name} was written with Moto {heading['moto']} and Moto {_moto_version()} "
                f"cannot read it ({error}): install that version again, or remove the file to start empty"
            ) from error
    for (service, account, region), backend in held.items():
        backends.get_backend(service)[account][region] = backend


@cache
def _moto_version() -> str:
    return metadata.version("moto")


def _backends() -> Iterator[tuple[Place, Any]]:
    for service in BackendDict._instances:
        for account, region, backend in service.iter_backends():
            yield (service.service_name, account, region), backend


def _heading(path: Path, line: bytes) -> dict[str, Any]:
    try:
        heading: dict[str, Any] = json.loads(line)
        known = heading["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise StateUnreadable(f"{path.name} is not a state file of the support process: {error}") from error
    if not known:
        raise StateUnreadable(f"{path.name} has format {heading['format']}; this version reads {FORMAT}")
    return heading


def _replace(path: Path, content: memoryview) -> None:
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    # The new name is on disk when the directory is.
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _made_again(name: str, account: str, partition: str, identifier: str, attachments: int) -> Any:
    """One of AWS's own managed policies, from Moto's text of it."""
    policy = AWSManagedPolicy.from_data(name, account, partition, _managed_policies()[name])
    policy.id, policy.attachment_count = identifier, attachments
    return policy


@cache
def _managed_policies() -> dict[str, Any]:
    policies: dict[str, Any] = json.loads(aws_managed_policies_data)
    return policies


def _private_keys() -> dict[type, Any]:
    """How to write KMS's keys of pairs, whose objects are OpenSSL's. Nobody's, as long as KMS was not asked."""
    if "moto.kms.utils" not in sys.modules:
        return {}
    from cryptography.hazmat.bindings._rust import openssl

    return {openssl.rsa.RSAPrivateKey: _as_pem, openssl.ec.ECPrivateKey: _as_pem}


def _as_pem(key: Any) -> tuple[Any, ...]:
    from cryptography.hazmat.primitives import serialization

    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return _from_pem, (pem,)


def _from_pem(pem: bytes) -> Any:
    from cryptography.hazmat.primitives import serialization

    return serialization.load_pem_private_key(pem, password=None)


def _as_reference(policy: Any) -> tuple[Any, ...]:
    """What is kept of AWS's managed policies, whose text is the same in every account and takes 4 MB in each."""
    kept = (policy.name, policy.account_id, policy.partition, policy.id, policy.attachment_count)
    return _made_again, kept
