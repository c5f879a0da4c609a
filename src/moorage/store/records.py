"""Records as JSON and back. What would not come back from disk as it went in is refused before it is committed.

A record may hold free JSON (`Any`); a tuple or an instant in there would change its kind by a restart.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from moorage.domain.changes import Key
from moorage.domain.records import KINDS


class Unstorable(Exception):
    """A record is of a kind that no store knows, or holds something that JSON does not bring back as it was."""

    def __init__(self, record: Any, why: str) -> None:
        super().__init__(f"{type(record).__name__} {'/'.join(record.key)} cannot be stored: {why}")


class Codec:
    """Encodes the given kinds of record."""

    def __init__(self, kinds: Iterable[type[Any]] = KINDS) -> None:
        self._decoders = {kind.table: msgspec.json.Decoder(kind) for kind in kinds}
        self._encoder = msgspec.json.Encoder()

    def encode(self, record: Any) -> bytes:
        """The record's body; Unstorable unless decoding it gives an equal record."""
        decoder = self._decoders.get(record.table)
        if decoder is None:
            raise Unstorable(record, f"no kind of record is known for the table {record.table}")
        try:
            body = self._encoder.encode(record)
            again = decoder.decode(body)
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            raise Unstorable(record, str(error)) from error
        if again != record:
            raise Unstorable(record, f"it would come back as {again}")
        return body

    def decode(self, table: str, body: bytes) -> Any:
        """The record; KeyError for an unknown table, msgspec.MsgspecError for a body that is none."""
        return self._decoders[table].decode(body)


def encode_key(key: Key) -> str:
    """A key as text that no other key has."""
    return msgspec.json.encode(key).decode()


def decode_key(text: str) -> Key:
    return msgspec.json.decode(text, type=tuple[str, ...])
