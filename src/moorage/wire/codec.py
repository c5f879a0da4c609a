"""The seam of the AWS protocols: what a codec does, so that JSON, Query and CBOR differ in bytes only.

A codec knows shapes, not services: which operation is meant and what it answers is decided above.
"""

from typing import Any, Protocol

from botocore.model import OperationModel

from moorage.wire.faults import Fault
from moorage.wire.message import Request, Response


class Codec(Protocol):
    """One protocol. The input that `parse` returns is not validated yet: `validate.read` does that for every codec."""

    def parse(self, operation: OperationModel, request: Request) -> Any:
        """The operation's input as plain values under the model's member names; Rejected if the bytes make no sense."""

    def answer(self, operation: OperationModel, output: dict[str, Any], request_id: str) -> Response:
        """The response that carries `output`."""

    def refuse(self, fault: Fault, request_id: str, service: str) -> Response:
        """The response that carries `fault`; `service` is empty when the request named none."""
