"""Answers to reads, kept for as long as what they were read from is as it was.

What a repeatable operation answers follows from the World, the caller and the input alone (its support row says so).
Records never change, so asked again while those that it was read from (`reading`) are still the present ones, it has
the same answer, to the byte: tools that poll get it, whatever else is written meanwhile.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from moorage.api.reading import Read
from moorage.domain.world import World
from moorage.wire.message import Request, Response

KEPT: Final = 256
LARGEST: Final = 256 * 1024
"""Bytes of the longest answer that is kept."""

_REQUEST_ID: Final = "x-amzn-requestid"

Question = tuple[str, str, str, str, str, bytes]
"""Account, region, service, operation, content type, body."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer without its request id."""

    read: Read
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Answers:
    """The latest answers by question; the one that was asked for least lately goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()

    def find(self, question: Question, world: World, request_id: str) -> Response | None:
        """The answer that was given before if it holds in this World, under a request id of its own."""
        kept = self._kept.get(question)
        if kept is None or not kept.read.holds(world):
            return None
        self._kept.move_to_end(question)
        return Response(kept.status, (*kept.headers, (_REQUEST_ID, request_id)), kept.body)

    def keep(self, question: Question, read: Read, response: Response) -> None:
        """Keep an answer, unless it is too long, rests on too much, or its body tells the request id."""
        told = next((value for name, value in response.headers if name == _REQUEST_ID), "")
        if len(response.body) > LARGEST or not read.is_short or not told or told.encode() in response.body:
            return
        headers = tuple(header for header in response.headers if header[0] != _REQUEST_ID)
        self._kept[question] = _Kept(read, response.status, headers, response.body)
        self._kept.move_to_end(question)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def question(account: str, region: str, service: str, operation: str, request: Request) -> Question:
    """What was asked: two requests with the same question differ in their request ids only."""
    return (account, region, service, operation, request.header("content-type"), request.body)
