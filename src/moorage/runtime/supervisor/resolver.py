"""The resolv.conf of tasks: the host's name servers, but for those that only the host itself can reach."""

from ipaddress import ip_address
from pathlib import Path

_SOURCES = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
"""The second knows the servers behind systemd's stub, which listens on the host's loopback."""


def resolv_conf() -> str:
    """The file's text; without any server when the host has none that a task could ask."""
    for source in _SOURCES:
        lines = source.read_text(errors="replace").splitlines() if source.is_file() else []
        servers = [line for line in lines if _reachable(line)]
        if servers:
            others = [line for line in lines if line.split()[:1] in (["search"], ["domain"], ["options"])]
            return "\n".join([*servers, *others]) + "\n"
    return "# this host names no server that a task could reach\n"


def _reachable(line: str) -> bool:
    words = line.split()
    if len(words) < 2 or words[0] != "nameserver":
        return False
    try:
        return not ip_address(words[1].partition("%")[0]).is_loopback
    except ValueError:
        return False
