"""Which TCP ports are listened on in the network namespace that the thread is in now, as the kernel lists them."""

from collections.abc import Iterator
from pathlib import Path

_TABLES = (Path("/proc/thread-self/net/tcp"), Path("/proc/thread-self/net/tcp6"))
_LISTEN = "0A"


def ports() -> frozenset[int]:
    """The port numbers. A table that the kernel does not have (no IPv6) lists none."""
    return frozenset(port for table in _TABLES if table.exists() for port in _listening(table.read_text()))


def _listening(table: str) -> Iterator[int]:
    """proc_net_tcp(5): the second column is address:port in hexadecimal, the fourth the state."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if columns[3] == _LISTEN:
            yield int(columns[1].rsplit(":", 1)[1], 16)
