"""The words between the daemon and its supervisor: one JSON object per line over a Unix socket.

A request is {"id", "op", …arguments}; an answer {"id", "ok"} or {"id", "error": {"kind", "reason"}}, with "fds" when
descriptors come along (SCM_RIGHTS); {"event": "task", "task_id"} comes unasked. The first line names the version.
"""

import json
from typing import Any

NAME = "moorage-supervisor"
VERSION = 9
SOCKET = "supervisor.sock"
"""The socket's name in the run directory."""

MAX_LINE = 8 * 1024 * 1024
"""A longer line is not one of ours."""

Message = dict[str, Any]


class Refused(Exception):
    """The supervisor could not do what it was asked: `kind` is the name of the error that the client raises."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


def hello(pid: int, facts: Message) -> Message:
    """The first line of a connection."""
    return {"hello": NAME, "version": VERSION, "pid": pid, "facts": facts}


def encode(message: Message) -> bytes:
    """One message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line; ValueError for anything else."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    return message


def split(buffer: bytes) -> tuple[list[Message], bytes]:
    """The whole messages of `buffer`, and what is left over."""
    *lines, rest = buffer.split(b"\n")
    if len(rest) > MAX_LINE:
        raise ValueError("a line is too long")
    return [decode(line) for line in lines if line], rest
