"""The resolv.conf of tasks: the host's name servers, but for those that only the host itself can reach."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

_SOURCES = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
"""The second knows the servers behind systemd's stub, which listens on the host's loopback."""


def resolv_conf(asked: Sequence[str] = (), search: Sequence[str] = ()) -> str:
    """The file's text; without any server when the host has none that a task could ask.

    `asked` are servers, `search` domains, that a container wants in place of the host's.
    """
    lines = _of_host()
    if asked:
        lines = [f"nameserver {server}" for server in asked] + [line for line in lines if not _names_server(line)]
    if search:
        lines = [line for line in lines if line.split(maxsplit=1)[0] not in ("search", "domain")] + [
            f"search {' '.join(search)}"
        ]
    return "\n".join(lines) + "\n"


def _names_server(line: str) -> bool:
    return line.split(maxsplit=1)[0] in ("nameserver", "#")


def _of_host() -> list[str]:
    for source in _SOURCES:
        lines = source.read_text(errors="replace").splitlines() if source.is_file() else []
        servers = [line for line in lines if _reachable(line)]
        if servers:
            others = [line for line in lines if line.split()[:1] in (["search"], ["domain"], ["options"])]
            return [*servers, *others]
    return ["# this host names no server that a task could reach"]


def _reachable(line: str) -> bool:
    words = line.split()
    if len(words) < 2 or words[0] != "nameserver":
        return False
    try:
        return not ip_address(words[1].partition("%")[0]).is_loopback
    except ValueError:
        return False
