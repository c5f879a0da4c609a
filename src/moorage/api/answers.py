"""Answers to reads, kept for as long as the World that they were read from is the present one.

What a repeatable operation answers follows from the World, the caller and the input alone (its support row says so).
A World never changes, so asked again of the same World it has the same answer, to the byte: tools that poll get it.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from moorage.wire.message import Request, Response

KEPT: Final = 256
LARGEST: Final = 256 * 1024
"""Bytes of the longest answer that is kept."""

_REQUEST_ID: Final = "x-amzn-requestid"

Question = tuple[str, str, str, str, str, bytes]
"""Account, region, service, operation, content type, body."""


@dataclass(frozen=True, slots=True)
class _Kept:
    sequence: int
    response: Response


class Answers:
    """The latest answers by question; the one that was asked for least lately goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()

    def find(self, question: Question, sequence: int, request_id: str) -> Response | None:
        """The answer that was given in the World of `sequence`, under a request id of its own."""
        kept = self._kept.get(question)
        if kept is None or kept.sequence != sequence:
            return None
        self._kept.move_to_end(question)
        response = kept.response
        headers = tuple((n, request_id if n == _REQUEST_ID else value) for n, value in response.headers)
        return Response(response.status, headers, response.body)

    def keep(self, question: Question, sequence: int, response: Response) -> None:
        """Keep an answer, unless it is too long or its body tells the request id."""
        told = next((value for name, value in response.headers if name == _REQUEST_ID), "")
        if len(response.body) > LARGEST or not told or told.encode() in response.body:
            return
        self._kept[question] = _Kept(sequence, response)
        self._kept.move_to_end(question)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def question(account: str, region: str, service: str, operation: str, request: Request) -> Question:
    """What was asked: two requests with the same question differ in their request ids only."""
    return (account, region, service, operation, request.header("content-type"), request.body)
