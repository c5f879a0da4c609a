"""What a Moorage could leave behind on the machine, so that a test can see that it left nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pyroute2 import IPRoute

INSTANCES = Path("/run/moorage")


@dataclass(frozen=True)
class Machine:
    """The processes, mounts, links and run directories that belong to one data directory."""

    processes: frozenset[str]
    mounts: frozenset[str]
    links: frozenset[str]
    directories: frozenset[str]

    @classmethod
    def now(cls, data: str) -> Self:
        from moorage.settings import instance_of

        instance = instance_of(Path(data) / "data")
        return cls(
            frozenset(_processes(data, instance)),
            frozenset(
                line for line in Path("/proc/mounts").read_text().splitlines() if data in line or instance in line
            ),
            frozenset(name for name in _links() if instance in name),
            frozenset(str(path) for path in INSTANCES.glob(f"{instance}*")),
        )


def _processes(data: str, instance: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            directory = str((entry / "root").readlink())
        except OSError:
            continue
        if data in command or instance in command or instance in directory:
            found.append(command)
    return found


def _links() -> list[str]:
    with IPRoute() as route:
        return [link.get_attr("IFLA_IFNAME") for link in route.get_links()]
