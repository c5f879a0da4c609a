"""Who asks and where: the credential scope of Signature Version 4, as header or as presigned query.

Reads only. Whether the signature is right is `sigv4`'s question, and asked only when the endpoint is not on loopback.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs

from moorage.wire.faults import reject
from moorage.wire.message import Request

ALGORITHM = "AWS4-HMAC-SHA256"
DEFAULT_ACCOUNT = "000000000000"

_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_CREDENTIAL = re.compile(r"Credential=([^,\s]+)")
_REGION = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a request's credential says: `<access key>/<date>/<region>/<service>/aws4_request`."""

    access_key: str
    date: str
    region: str
    service: str

    @property
    def account(self) -> str:
        """The account that the access key names."""
        return account_of(self.access_key)


def account_of(access_key: str) -> str:
    """A 12-digit access key is the account id."""
    return access_key if _ACCOUNT.fullmatch(access_key) else DEFAULT_ACCOUNT


def scope(request: Request) -> Scope | None:
    """The credential scope of a request; None if it carries none. Rejected if it makes no sense."""
    header = request.header("authorization")
    if header:
        _check_algorithm(header)
        found = _CREDENTIAL.search(header)
        return _parse(found[1] if found else "")
    if "X-Amz-Credential" in request.query:
        return _parse(parse_qs(request.query).get("X-Amz-Credential", [""])[0])
    return None


def in_name_of(request: Request, known: Scope, account: str) -> Request:
    """The request as if the account itself had made it: for those who know accounts by access keys only."""
    header, place = request.header("authorization"), f"/{known.date}/{known.region}/"
    changed = header.replace(f"Credential={known.access_key}{place}", f"Credential={account}{place}", 1)
    named, other = f"X-Amz-Credential={known.access_key}", f"X-Amz-Credential={account}"
    headers = {**request.headers, "authorization": changed} if header else request.headers
    return request._replace(headers=headers, query=request.query.replace(named, other, 1))


def authorization_fields(header: str) -> dict[str, str]:
    """Credential, SignedHeaders and Signature of an Authorization header."""
    _check_algorithm(header)
    pairs = (part.strip().partition("=") for part in header.removeprefix(ALGORITHM).split(","))
    return {name: value for name, _, value in pairs}


def _check_algorithm(header: str) -> None:
    if not header.startswith(ALGORITHM + " "):
        found = header.partition(" ")[0]
        raise reject("IncompleteSignature", f"Authorization must be {ALGORITHM}, not '{found[:40]}'.")


@lru_cache(maxsize=256)
def _parse(credential: str) -> Scope:
    # An access key may contain slashes in theory; the other four parts cannot.
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not _REGION.fullmatch(parts[2]):
        raise reject("IncompleteSignature", f"'{credential[:200]}' is not a valid credential scope.")
    return Scope(parts[0], parts[1], parts[2], parts[3])
