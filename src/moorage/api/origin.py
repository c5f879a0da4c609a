"""Refuses requests that a web page of another origin makes through its reader's browser.

A page could otherwise drive the endpoint: cross-origin forms need no permission, and a rebound name looks same-origin.
Tools send neither Origin nor Sec-Fetch-Site.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from moorage.wire.faults import Rejected, reject

_OWN_SITES = frozenset({"same-origin", "none"})


def check(headers: Mapping[str, str], own_name: str = "") -> None:
    """Rejected if a browser sent the request and not from a page of this endpoint, whose name the user may have set."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is None and site is None:
        return
    host = headers.get("host", "")
    if not _is_own(_name(host), own_name):
        # A name that an attacker controls may resolve to this machine: then even "same origin" is theirs.
        raise _foreign(origin or host)
    if origin is not None and urlsplit(origin).netloc != host:
        raise _foreign(origin)
    if site is not None and site not in _OWN_SITES:
        raise _foreign(origin or site)


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_own(name: str, own_name: str) -> bool:
    if name == "localhost" or (own_name and name in (own_name, f"data-{own_name}")):
        return True
    try:
        return ipaddress.ip_address(name) is not None
    except ValueError:
        return False


def _foreign(origin: str) -> Rejected:
    return reject(
        "AccessDeniedException", f"Requests from web pages of another origin ({origin[:200]}) are refused.", 403
    )
