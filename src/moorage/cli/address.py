"""Where the daemon is, who asks and where: AWS_ENDPOINT_URL, else port 4566 of this host; keys and region as AWS tools
have them. Also whether anything answers there. Standard library only, so that `moorage env` starts at once.
"""

import ipaddress
import json
import os
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from moorage.cli.failure import Failure

DEFAULT_PORT = 4566
DEFAULT_REGION = "us-east-1"
DEFAULT_ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Address:
    """An endpoint, and the key, secret and region that requests to it carry."""

    url: str
    access_key: str = "test"
    secret_key: str = "test"
    region: str = DEFAULT_REGION

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def account(self) -> str:
        """A 12-digit access key is the account id."""
        return self.access_key if re.fullmatch(r"\d{12}", self.access_key) else DEFAULT_ACCOUNT

    @property
    def is_loopback(self) -> bool:
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def find(port: int | None = None) -> Address:
    """The daemon that commands mean: a port given, else AWS_ENDPOINT_URL, else port 4566."""
    url = os.environ.get("AWS_ENDPOINT_URL", "") if port is None else ""
    url = url.rstrip("/") or local_url(port or DEFAULT_PORT)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure("AWS_ENDPOINT_URL", f"{url!r} is not an http:// address", "Set it as `moorage env` prints it.")
    return Address(
        url,
        os.environ.get("AWS_ACCESS_KEY_ID") or "test",
        os.environ.get("AWS_SECRET_ACCESS_KEY") or "test",
        os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION,
    )


def local_url(port: int, host: str = "127.0.0.1") -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def health(address: Address, timeout: float = 2.0) -> str | None:
    """The version of the Moorage that answers there; None when nothing does. Failure if something else does."""
    if not _listens(address, timeout):
        return None
    import http.client

    kind = http.client.HTTPSConnection if address.url.startswith("https") else http.client.HTTPConnection
    connection = kind(address.host, address.port, timeout=timeout)
    try:
        connection.request("GET", "/_moorage/health")
        response = connection.getresponse()
        answer = json.loads(response.read(4096))
        return str(answer["version"])
    except ConnectionRefusedError:
        return None
    except TimeoutError as error:
        raise Failure(
            f"cannot reach {address.url}", "it does not answer in time", "Is the daemon overloaded?"
        ) from error
    except OSError as error:
        raise Failure(f"cannot reach {address.url}", error.strerror or str(error)) from error
    except (ValueError, KeyError, TypeError, http.client.HTTPException) as error:
        raise _someone_else(address) from error
    finally:
        connection.close()


def _listens(address: Address, timeout: float) -> bool:
    """Whether anything listens there. Asked first, since nothing else is needed to know that nothing does."""
    try:
        with socket.create_connection((address.host, address.port), timeout):
            return True
    except ConnectionRefusedError:
        return False
    except OSError as error:
        raise _unreachable(address, error) from error


def _unreachable(address: Address, error: OSError) -> Failure:
    if isinstance(error, TimeoutError):
        return Failure(f"cannot reach {address.url}", "it does not answer in time", "Is the daemon overloaded?")
    return Failure(f"cannot reach {address.url}", error.strerror or str(error))


def require(address: Address) -> None:
    """Failure unless a daemon answers."""
    if health(address) is None:
        raise not_there(address)


def not_there(address: Address) -> Failure:
    return Failure(
        f"no Moorage answers at {address.url}",
        "the connection was refused",
        "Start one with `moorage start --detach`, or set AWS_ENDPOINT_URL to where it listens.",
    )


def _someone_else(address: Address) -> Failure:
    return Failure(
        f"what answers at {address.url} is not Moorage",
        "it does not know /_moorage/health",
        "Stop it, or choose another port with `moorage start --port` and set AWS_ENDPOINT_URL.",
    )
