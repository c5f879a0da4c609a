"""Timestamps and blobs: from their forms on the wire to Python's and back.

Each protocol writes a timestamp its own way by default (JSON: seconds, Query: ISO 8601, CBOR: tagged); any form is
read.
"""

import base64
import binascii
from datetime import UTC, datetime


class NotScalar(ValueError):
    """The wire's form is not one of a timestamp or a blob."""


def read_timestamp(value: object) -> datetime:
    """A timestamp from seconds since 1970 (a number or its digits) or ISO 8601 text. Aware, in UTC.

    One that a codec has read already stays as it is.
    """
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, datetime):
            return value
        if isinstance(value, str):
            return _from_text(value)
    except (ValueError, OverflowError, OSError) as error:
        raise NotScalar(str(error)) from error
    raise NotScalar("neither a number nor text")


def _from_text(text: str) -> datetime:
    if text.replace(".", "", 1).lstrip("-").isdigit():
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def read_blob(value: str) -> bytes:
    """The bytes behind base64 text."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotScalar(str(error)) from error


def write_seconds(moment: datetime) -> int | float:
    """Seconds since 1970, whole when they are, with milliseconds otherwise, as AWS writes them."""
    seconds = moment.timestamp()
    return int(seconds) if not moment.microsecond else round(seconds, 3)


def write_iso8601(moment: datetime) -> str:
    """`2026-11-22T10:00:00.123Z`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def write_blob(value: bytes) -> str:
    """Base64 text."""
    return base64.b64encode(value).decode("ascii")
