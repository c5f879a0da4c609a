"""Tasks ask their own name server: names of zones are answered in there, by programs as they are, without a daemon."""

import os
import signal
from pathlib import Path

import pytest

from moorage.domain.zones import RecordSet, Zone, Zones
from moorage.planning.actions import ContainerSettings
from moorage.runtime.netns import NetnsRuntime
from moorage.runtime.zone_file import NAME, ZoneFile

from .conftest import Bench, run, sh, until

pytestmark = pytest.mark.namespaces

HERE = ("111122223333", "us-east-1", "vpc-1")
MANY = tuple(f"192.0.2.{number}" for number in range(1, 31))
NAMES = (
    RecordSet("web.sd.local", "A", 60, 8, ("192.0.2.7",)),
    RecordSet("many.sd.local", "A", 60, 30, MANY),
)
RESOLVE = "import socket; print(*sorted({found[4][0] for found in socket.getaddrinfo('%s', 80)}))"


def served(*sets: RecordSet) -> Zones:
    return Zones((Zone("sd.local", HERE, 15, sets),), {})


async def resolved(runtime: NetnsRuntime, task: str, name: str) -> str:
    """What a program of the task finds, one line."""
    found = await sh(runtime, task, f'python3 -I -c "{RESOLVE % name}" 2>&1 | tail -1')
    return found.output.strip()


async def test_a_name_of_a_zone_resolves_in_a_task_and_follows_what_is_told(bench: Bench) -> None:
    runtime, zones = bench.open(), ZoneFile(bench.place / "run")
    await run(runtime, "alpha", "sleep", "60")
    shown = (await sh(runtime, "alpha", "cat /etc/resolv.conf")).output.splitlines()
    assert [line for line in shown if line.startswith("nameserver")] == ["nameserver 169.254.169.253"]
    zones.tell(served(*NAMES))
    assert await resolved(runtime, "alpha", "web.sd.local") == "192.0.2.7"
    assert await resolved(runtime, "alpha", "WEB.sd.Local") == "192.0.2.7"
    over_tcp = await resolved(runtime, "alpha", "many.sd.local")
    assert over_tcp.split() == sorted(MANY), "an answer too large for a datagram is asked for again over TCP"
    assert "not known" in await resolved(runtime, "alpha", "nobody.sd.local")
    zones.tell(served(RecordSet("web.sd.local", "A", 60, 8, ("192.0.2.8",))))
    assert await resolved(runtime, "alpha", "web.sd.local") == "192.0.2.8"
    await runtime.remove("alpha")


async def test_the_hosts_file_goes_before_and_a_containers_own_servers_take_the_place(bench: Bench) -> None:
    runtime, zones = bench.open(), ZoneFile(bench.place / "run")
    own = ContainerSettings(hosts=(("192.0.2.99", "web.sd.local"),))
    await run(runtime, "alpha", "sleep", "60", settings=own)
    zones.tell(served(*NAMES))
    assert await resolved(runtime, "alpha", "web.sd.local") == "192.0.2.99"
    await run(runtime, "beta", "sleep", "60", settings=ContainerSettings(dns_servers=("192.0.2.53",)))
    shown = (await sh(runtime, "beta", "cat /etc/resolv.conf")).output
    assert "169.254.169.253" not in shown and "nameserver 192.0.2.53\n" in shown


async def test_the_name_server_runs_from_the_first_question_on_and_comes_back_when_it_dies(bench: Bench) -> None:
    runtime, zones = bench.open(), ZoneFile(bench.place / "run")
    await run(runtime, "alpha", "sleep", "60")
    zones.tell(served(*NAMES))
    assert name_servers(bench) == []
    assert await resolved(runtime, "alpha", "web.sd.local") == "192.0.2.7"
    (first,) = name_servers(bench)
    status = Path(f"/proc/{first}/status").read_text()
    assert "CapEff:\t0000000000000000" in status and "CapBnd:\t0000000000000000" in status
    os.kill(first, signal.SIGKILL)

    async def answered() -> bool:
        return await resolved(runtime, "alpha", "web.sd.local") == "192.0.2.7"

    await until(answered, "another one answers")
    assert first not in name_servers(bench)
    os.kill(bench.supervisor(), signal.SIGKILL)

    async def gone() -> bool:
        return name_servers(bench) == []

    await until(gone, "the name server ends with its supervisor")


def name_servers(bench: Bench) -> list[int]:
    """The pids of the name servers, by the file on their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(bench.place / "run" / NAME).encode() in words:
            found.append(int(folder.name))
    return found
