"""The resolv.conf of tasks, which names their own name server, and the servers of this host that it asks in turn."""

from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

RESOLVER = "169.254.169.253"
"""Where tasks ask for names: an address of their bridge. In a VPC, AWS's resolver answers there."""

_SOURCES = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
"""The second knows the servers behind systemd's stub, which listens on the host's loopback."""


def resolv_conf(asked: Sequence[str] = (), search: Sequence[str] = ()) -> str:
    """The file's text: the tasks' own server with the host's search domains and options.

    `asked` are servers, `search` domains, that a container wants in place of those.
    """
    others = [line for line in _of_host() if line.split()[:1] in (["search"], ["domain"], ["options"])]
    if search:
        others = [line for line in others if line.split()[0] == "options"] + [f"search {' '.join(search)}"]
    return "\n".join([*(f"nameserver {server}" for server in asked or (RESOLVER,)), *others]) + "\n"


def servers() -> list[str]:
    """The host's name servers, but for those that only the host itself can reach."""
    return [line.split()[1] for line in _of_host() if _reachable(line)]


def _of_host() -> list[str]:
    """The lines of the host's file: of the first source that names a server which a task could reach."""
    for source in _SOURCES:
        lines = source.read_text(errors="replace").splitlines() if source.is_file() else []
        if any(_reachable(line) for line in lines):
            return lines
    return []


def _reachable(line: str) -> bool:
    words = line.split()
    if len(words) < 2 or words[0] != "nameserver":
        return False
    try:
        return not ip_address(words[1].partition("%")[0]).is_loopback
    except ValueError:
        return False
