"""Checks a request's Signature Version 4 against the one key pair that this endpoint knows.

Used when the endpoint listens beyond loopback. Presigned URLs and unsigned payloads are refused: no tool of this
endpoint's services needs them. The algorithm: AWS's documentation "Signature Version 4 signing process".
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

from moorage.wire import credentials
from moorage.wire.credentials import Scope
from moorage.wire.faults import Rejected, reject
from moorage.wire.message import Request

MAX_SKEW = timedelta(minutes=15)
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class KeyPair:
    """The access key and secret key that requests must be signed with."""

    access_key: str
    secret_key: str = field(repr=False)


def check(request: Request, keys: KeyPair, now: datetime) -> None:
    """Rejected unless the request was signed with `keys`, recently, and arrived unchanged."""
    header = request.header("authorization")
    if not header:
        raise reject("MissingAuthenticationToken", "Request is missing Authentication Token", 403)
    fields = credentials.authorization_fields(header)
    scope = credentials.scope(request)
    missing = [name for name in ("Credential", "SignedHeaders", "Signature") if not fields.get(name)]
    if missing or scope is None:
        raise reject("IncompleteSignature", f"Authorization header requires {', '.join(missing)}.")
    if not hmac.compare_digest(scope.access_key.encode(), keys.access_key.encode()):
        raise _unknown_key()
    moment = _moment(request, scope, now)
    wanted = _signature(request, fields["SignedHeaders"].split(";"), scope, moment, keys)
    if not hmac.compare_digest(wanted.encode(), fields["Signature"].encode()):
        raise _mismatch()


def _unknown_key() -> Rejected:
    return reject("UnrecognizedClientException", "The security token included in the request is invalid.", 403)


def _mismatch() -> Rejected:
    return reject(
        "InvalidSignatureException",
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method.",
        403,
    )


def _moment(request: Request, scope: Scope, now: datetime) -> str:
    """The signing time as the request has it, if it is near enough and of the scope's day."""
    text = request.header("x-amz-date")
    try:
        moment = datetime.strptime(text, _DATE_FORMAT).replace(tzinfo=UTC)
    except ValueError as error:
        raise reject("IncompleteSignature", "The header X-Amz-Date is missing or malformed.") from error
    if abs(moment - now) > MAX_SKEW or text[:8] != scope.date:
        raise reject("InvalidSignatureException", f"Signature expired: {text} is not within 15 minutes of now.", 403)
    return text


def _signature(request: Request, signed: list[str], scope: Scope, moment: str, keys: KeyPair) -> str:
    canonical = "\n".join(
        (
            request.method,
            _canonical_path(request, scope),
            _canonical_query(request.query),
            "".join(f"{name}:{' '.join(request.header(name).split())}\n" for name in signed),
            ";".join(signed),
            _payload_hash(request, signed),
        )
    )
    place = f"{scope.date}/{scope.region}/{scope.service}/aws4_request"
    to_sign = "\n".join((credentials.ALGORITHM, moment, place, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{keys.secret_key}".encode()
    for part in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def _canonical_path(request: Request, scope: Scope) -> str:
    """S3 signs the path as sent; all other services sign it encoded once more."""
    raw = request.raw_path or quote(request.path)
    return raw if scope.service == "s3" else quote(raw, safe="/-_.~")


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _payload_hash(request: Request, signed: list[str]) -> str:
    """The hash of the body that arrived. A signer that hashed another body has another signature."""
    if "host" not in signed:
        raise reject("IncompleteSignature", "The header Host must be signed.")
    return hashlib.sha256(request.body).hexdigest()
