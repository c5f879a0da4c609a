"""Requests to the daemon's own routes under /_moorage/, signed where the endpoint may ask for it."""

import json
from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from moorage.cli import address as addresses
from moorage.cli.address import Address
from moorage.cli.failure import Failure

FORBIDDEN = 403
TIMEOUT = httpx.Timeout(30.0, connect=3.0)
LONG = httpx.Timeout(900.0, connect=3.0)
"""For what may take minutes: a large image is unpacked before the answer comes."""


class Control:
    """The daemon, as the commands speak to it. Raises Failure for whatever goes wrong.

    `about` is what the requests are about, as an error names it; the route itself without it.
    """

    def __init__(self, address: Address, about: str = "") -> None:
        self.address = address
        self._about = about
        self._client = httpx.Client(base_url=address.url, timeout=TIMEOUT, trust_env=False, auth=Signature(address))

    def get(self, path: str, **query: str) -> dict[str, Any]:
        return self._request("GET", path, query)

    def post(self, path: str, **query: str) -> dict[str, Any]:
        return self._request("POST", path, query)

    def delete(self, path: str) -> dict[str, Any]:
        return self._request("DELETE", path, {})

    def put(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        return self._request("PUT", path, {}, json.dumps(document).encode(), LONG)

    def _request(
        self, method: str, path: str, query: Mapping[str, str], body: bytes = b"", timeout: httpx.Timeout = TIMEOUT
    ) -> dict[str, Any]:
        url = f"/_moorage/{path}" + (f"?{urlencode(query)}" if query else "")
        what = self._about or f"{method} {url}"
        try:
            response = self._client.request(method, url, content=body, timeout=timeout)
        except httpx.ConnectError as error:
            raise addresses.not_there(self.address) from error
        except httpx.TimeoutException as error:
            raise Failure(what, "the daemon did not answer in time") from error
        except httpx.HTTPError as error:
            raise Failure(what, str(error) or type(error).__name__) from error
        if response.is_error:
            raise refused(what, response.status_code, response.content)
        answer: dict[str, Any] = response.json()
        return answer


def refused(what: str, status: int, body: bytes) -> Failure:
    """The Failure that an error answer of the daemon means, with the sentence it carries."""
    if status == FORBIDDEN:
        return Failure(what, "this daemon wants signed requests", 'Where it runs: eval "$(moorage env)"')
    try:
        document = json.loads(body)
        return Failure(what, str(document["message"]))
    except (ValueError, KeyError, TypeError):
        return Failure(what, f"the daemon answered {status}", "Is it an older Moorage? Restart it.")


class Signature(httpx.Auth):
    """Signature Version 4 with the caller's key."""

    requires_request_body = True

    def __init__(self, address: Address) -> None:
        self._address = address

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        headers = signature(self._address, request.method, str(request.url), request.content)
        request.headers.update(headers)
        yield request


def signature(address: Address, method: str, url: str, body: bytes = b"") -> dict[str, str]:
    """The headers that sign a request; none on loopback with the keys that mean nobody in particular."""
    if address.is_loopback and address.access_key == "test":
        return {}
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method=method, url=url, data=body)
    SigV4Auth(Credentials(address.access_key, address.secret_key), "moorage", address.region).add_auth(request)
    return {name: value for name, value in request.headers.items() if name.lower() != "host"}
