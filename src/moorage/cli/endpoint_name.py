"""The DNS name that a user gives the endpoint: whether it can be one, and what is missing so that clients find it.

Cloud Map's DiscoverInstances is sent to `data-` before the endpoint's name; before an address that is no host. A name
of the user's, with its `data-` sibling, serves SDKs that cannot leave the prefix out.
"""

import re
import socket
from typing import Final

from moorage.cli.failure import Failure
from moorage.settings import Settings

PREFIX: Final = "data-"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,56}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,248}}\Z){_LABEL}(\.{_LABEL})*", re.ASCII)
_LAST_IS_NUMBER = re.compile(r"(.*\.)?\d+")


def check(settings: Settings) -> None:
    """Failure unless the name is empty or one of the domain name system."""
    name = settings.dns_name
    if name and (not _NAME.fullmatch(name) or _LAST_IS_NUMBER.fullmatch(name)):
        raise Failure("--dns-name", f"{name!r} is not a DNS name in lower case, such as moorage.test", code=2)


def advice(settings: Settings) -> list[str]:
    """What to do, if the name or its sibling does not resolve here."""
    if not settings.dns_name:
        return []
    names = (settings.dns_name, PREFIX + settings.dns_name)
    missing = [name for name in names if not _resolves(name, settings.port)]
    if not missing:
        return []
    address = "127.0.0.1" if settings.host in ("0.0.0.0", "localhost") else settings.host
    return [
        f"{' and '.join(missing)} cannot be resolved here. Add this line to the hosts file of each client:",
        f"{address} {' '.join(names)}",
    ]


def _resolves(name: str, port: int) -> bool:
    try:
        return bool(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
    except OSError:
        return False
