"""`python -m moorage.runtime.supervisor`: parent of every container and proxy of the netns runtime.

Goes to the background once its socket answers; exits with 0 then, or with a sentence that says what this machine
lacks. Ends on SIGTERM or on the operation `shutdown`, and takes everything it made with it.
"""

import argparse
import asyncio
import fcntl
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import NoReturn

from pyroute2.netlink.exceptions import NetlinkError

from moorage.runtime import syscalls, zone_file
from moorage.runtime.supervisor import cgroups, network, prerequisites, protocol, subordinate, users
from moorage.runtime.supervisor.children import Children
from moorage.runtime.supervisor.name_server import NameServer
from moorage.runtime.supervisor.prepared import Settings
from moorage.runtime.supervisor.protocol import Message, Refused
from moorage.runtime.supervisor.server import Server
from moorage.runtime.supervisor.tasks import Tasks
from moorage.runtime.supervisor.uplink import Uplink

LOCK = "supervisor.lock"
LOG = "supervisor.log"
WORKSHOP = "root"
ALREADY_RUNS = 3
"""Exit code when another supervisor holds the run directory: not an error for who only wants one to be there."""

_FIRST_RANGE = IPv4Network("100.64.0.0/16")
_SMALLEST = 27


@dataclass(frozen=True)
class Options:
    """The command line."""

    run_dir: Path
    state_dir: Path
    instance: str
    pool: IPv4Network | None
    root_size: int
    foreground: bool


def main() -> int:
    """Run until asked to end."""
    options = _parse()
    os.umask(0o077)
    for directory in (options.run_dir, options.state_dir, options.run_dir / WORKSHOP):
        directory.mkdir(parents=True, exist_ok=True)
    lock = _take_lock(options.run_dir / LOCK)
    if lock is None:
        print("moorage-supervisor: another supervisor runs here", file=sys.stderr)
        return ALREADY_RUNS
    ready = _say_nothing if options.foreground else _detach(options.state_dir / LOG)
    try:
        _run(options, ready)
    except (OSError, NetlinkError, Refused) as error:
        ready(prerequisites.explain(error))
        return 1
    return 0


def _take_lock(file: Path) -> int | None:
    """The descriptor that holds the run directory for this process; None when another one has it."""
    while True:
        lock = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        # One that just ended takes its file away: a lock on that file would exclude nobody.
        if file.exists() and os.path.samestat(os.fstat(lock), file.stat()):
            return lock
        os.close(lock)


def _parse() -> Options:
    parser = argparse.ArgumentParser(prog="moorage-supervisor", allow_abbrev=False)
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--instance", required=True, help="8 hexadecimal digits that name this Moorage on the host")
    parser.add_argument("--pool", type=IPv4Network, help="the tasks' addresses; the first free /16 of 100.64.0.0/10")
    parser.add_argument("--root-size", type=int, default=1 << 30, help="bytes that a container may write to its root")
    parser.add_argument("--foreground", action="store_true")
    return Options(**vars(parser.parse_args()))


def _run(options: Options, ready: Callable[[str], None]) -> None:
    user_mode = os.geteuid() != 0
    soft_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft_limit, soft_limit))
    host = network.hold()
    if options.pool and options.pool.prefixlen > _SMALLEST:
        raise Refused("Unavailable", f"{options.pool} is too small for tasks: at least a /{_SMALLEST} is needed")
    uplink = None if user_mode else Uplink(options.instance, host)
    pool = uplink.choose_pool(options.pool) if uplink else options.pool or _FIRST_RANGE
    addresses = network.Addresses(pool)
    groups = cgroups.open_groups(options.instance)
    ranges = not user_mode and users.trial(options.state_dir) is None
    # Whatever is made in these namespaces ends with the last process in them.
    prerequisites.enter_namespaces()
    try:
        network.build_bridge(addresses)
        if uplink:
            uplink.open(addresses)
        settings = Settings(
            options.state_dir,
            str(options.run_dir / WORKSHOP),
            options.root_size,
            addresses,
            user_mode,
            options.instance,
            ranges,
            subordinate.mapped() if user_mode else None,
        )
        facts = {"mode": "user" if user_mode else "root", "pool": str(pool), "limits": groups.enforced}
        asyncio.run(_serve(options, settings, groups, facts, ready))
    finally:
        if uplink:
            uplink.close()
        groups.remove_all()
        for name in (protocol.SOCKET, LOCK):
            (options.run_dir / name).unlink(missing_ok=True)
        (options.run_dir / WORKSHOP).rmdir()


async def _serve(
    options: Options, settings: Settings, groups: cgroups.Cgroups, facts: Message, ready: Callable[[str], None]
) -> None:
    syscalls.adopt_orphans()
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    server = Server(options.run_dir / protocol.SOCKET, facts)
    children = Children()
    tasks = Tasks(settings, children, groups, server.notify)
    names = NameServer(children, options.run_dir / zone_file.NAME)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)

    async def shutdown(_request: Message) -> Message:
        await tasks.end_all()
        await names.close()
        loop.call_later(0.05, end.set)  # the answer goes out first
        return {}

    async def tell_facts(_request: Message) -> Message:
        return facts

    server.listen(
        {
            "prepare": tasks.prepare,
            "start": tasks.start,
            "name": tasks.name,
            "signal": tasks.signal,
            "remove": tasks.remove,
            "observe": tasks.observe,
            "listening": tasks.listening,
            "tasks": tasks.tasks,
            "socket": tasks.socket,
            "listen": tasks.listen,
            "usage": tasks.usage,
            "exec": tasks.execute,
            "attach": tasks.attach,
            "wait": tasks.guests.wait,
            "leave": tasks.guests.leave,
            "facts": tell_facts,
            "shutdown": shutdown,
        }
    )
    ready("")
    await end.wait()
    await tasks.end_all()
    await names.close()


def _say_nothing(trouble: str) -> None:
    if trouble:
        print(f"moorage-supervisor: {trouble}", file=sys.stderr)


def _detach(log: Path) -> Callable[[str], None]:
    """Go on in a child of nobody; the process that was started waits until the child says that it is ready."""
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        _wait(told)
    os.close(told)
    os.setsid()
    kept = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(kept, number)

    def ready(trouble: str) -> None:
        nonlocal tell
        if tell >= 0:
            os.write(tell, trouble.encode() or b"\n")
            os.close(tell)
            tell = -1

    return ready


def _wait(told: int) -> NoReturn:
    with os.fdopen(told, "rb") as source:
        word = source.read()
    if word == b"\n":
        sys.exit(0)
    print(f"moorage-supervisor: {word.decode() or 'ended before it was ready'}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
