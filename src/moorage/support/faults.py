"""How the support process's own refusals look in the protocols of the services that it stands for.

Moto writes its own errors; this is for what never reached Moto, or came back as nothing.
"""

from xml.sax.saxutils import escape

from moorage.wire import routing
from moorage.wire.faults import Fault
from moorage.wire.message import Request, Response
from moorage.wire.query import Ec2Codec


def refusal(service: str, request: Request, fault: Fault, request_id: str) -> Response:
    """The response that carries `fault`, as a client of `service` reads it."""
    if service == "ec2":
        response = Ec2Codec().refuse(fault, request_id, service)
    elif service == "s3":
        response = _s3(fault, request_id)
    else:
        response = routing.codec(request).refuse(fault, request_id, service)
    return response.with_headers(("x-moorage-hint", fault.hint)) if fault.hint else response


def _s3(fault: Fault, request_id: str) -> Response:
    """S3's document has no envelope; a client that asked by HEAD has the status alone."""
    error = f"<Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message>"
    body = f"<Error>{error}<RequestId>{escape(request_id)}</RequestId></Error>"
    headers = (("content-type", "application/xml"), ("x-amz-request-id", request_id))
    return Response(fault.status, headers, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode())
