"""Fluentd's Forward protocol as a log router reads it, written from its specification (v1) and that of MessagePack.

Standard library only: it runs inside containers, too. `events` reads what a client sent, until it ends.
"""

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

EVENT_TIME = 0


def events(source: BinaryIO) -> Iterator[dict[str, Any]]:
    """Every event as tag, time (seconds, nanoseconds) and record, in message mode."""
    while first := source.read(1):
        tag, time, record, *_options = _value(first[0], source)
        yield {"tag": tag, "time": time, "record": record}


def _value(kind: int, source: BinaryIO) -> Any:
    if kind <= 0x7F:
        return kind
    for low, high, read in ((0x80, 0x8F, _map), (0x90, 0x9F, _array), (0xA0, 0xBF, _text)):
        if low <= kind <= high:
            return read(kind - low, source)
    if kind in _SIZED:
        read, form = _SIZED[kind]
        return read(_number(form, source), source)
    if kind in (0xD7, 0xC7):  # an extension of eight bytes, or of a size that is told
        size = 8 if kind == 0xD7 else _exactly(1, source)[0]
        assert _exactly(1, source)[0] == EVENT_TIME and size == 8, "no other extension belongs here"
        return list(struct.unpack(">II", _exactly(8, source)))
    if kind in _NUMBERS:
        return _number(_NUMBERS[kind], source)
    raise ValueError(f"{kind:#x} begins nothing that the protocol has")


def _number(form: str, source: BinaryIO) -> int:
    number: int = struct.unpack(form, _exactly(struct.calcsize(form), source))[0]
    return number


def _map(size: int, source: BinaryIO) -> dict[Any, Any]:
    return {_next(source): _next(source) for _ in range(size)}


def _array(size: int, source: BinaryIO) -> list[Any]:
    return [_next(source) for _ in range(size)]


def _text(size: int, source: BinaryIO) -> str:
    return _exactly(size, source).decode()


def _exactly(size: int, source: BinaryIO) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise EOFError("the client ended in the middle of an event")
    return data


def _next(source: BinaryIO) -> Any:
    return _value(_exactly(1, source)[0], source)


_SIZED = {
    **{0xD9: (_text, ">B"), 0xDA: (_text, ">H"), 0xDB: (_text, ">I")},
    **{0xDC: (_array, ">H"), 0xDD: (_array, ">I"), 0xDE: (_map, ">H"), 0xDF: (_map, ">I")},
}
_NUMBERS = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"}
