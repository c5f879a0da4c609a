"""Who holds a TCP port of this machine: from /proc, as far as this user may read it."""

from contextlib import suppress
from pathlib import Path

LISTENING = "0A"


def holder(port: int, proc: Path = Path("/proc")) -> str | None:
    """`PROGRAM (pid N)` that listens on the port; None when that cannot be seen."""
    inodes = _inodes(port, proc)
    for pid in _pids(proc) if inodes else []:
        if inodes & _sockets(proc / pid / "fd"):
            return f"{_command(proc / pid)} (pid {pid})"
    return None


def _inodes(port: int, proc: Path) -> set[str]:
    """The sockets that listen on the port, as /proc/net/tcp has them: `sl local remote state … inode`."""
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (proc / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _pids(proc: Path) -> list[str]:
    return sorted((entry.name for entry in proc.iterdir() if entry.name.isdigit()), key=int)


def _sockets(descriptors: Path) -> set[str]:
    """The inodes of a process's sockets; none where its descriptors may not be read or it has just ended."""
    found = set()
    with suppress(OSError):
        for descriptor in descriptors.iterdir():
            with suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def _command(process: Path) -> str:
    try:
        words = process.joinpath("cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return "a program"
    return " ".join(word.decode(errors="replace") for word in words)[:200] or "a program"
