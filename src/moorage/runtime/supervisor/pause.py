"""What the containers of one task share where its definition says so: processes (pidMode), IPC (ipcMode).

A process 1 of ours keeps the process namespace, as ECS's pause container does: it reaps orphans and its end ends the
namespace. The IPC namespace comes with one /dev/shm for all. Who belongs to the task is decided in `tasks`.
"""

import asyncio
import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from moorage.runtime import syscalls
from moorage.runtime.supervisor import identity, init, process, spawn, users
from moorage.runtime.supervisor.children import Children, Report, Work, fork

_NAME = b"/pause\0"
_AGAIN = 0.01
"""Seconds between two looks for what a container left behind; what was killed needs a moment to be gone."""


@dataclass(frozen=True)
class Wanted:
    """What a task asks to share. `memory`: MiB of the one /dev/shm, where its IPC is shared."""

    processes: bool = False
    ipc: bool = False
    memory: int = 64


@dataclass
class Shared:
    """What a task shares: descriptors of namespaces, the directory of its /dev/shm, process 1 while it has one."""

    processes: int | None = None
    ipc: int | None = None
    memory: str = ""
    first: spawn.Launched | None = None


@dataclass(frozen=True)
class Keeper:
    """Who keeps the namespaces: an empty directory as its root, and the ids that it takes."""

    workshop: str
    ids: users.Ids | None
    users: int | None
    userns: bool


async def make(shared: Shared, wanted: Wanted, children: Children, keeper: Keeper, memory: Path) -> None:
    """Make what is asked for; `memory` is where the task's /dev/shm is mounted, in the supervisor's own view.

    What is made is in `shared` at once, so that `unmake` finds it when the rest fails.
    """
    if wanted.processes:
        shared.first = await spawn.launch(children, lambda status, go: _keeping(keeper, status, go))
        (shared.processes,) = shared.first.descriptors
    if wanted.ipc:
        report = await children.run(_make_ipc)
        (shared.ipc,) = report.descriptors
        memory.mkdir(parents=True, exist_ok=True)
        owner = keeper.ids.first if keeper.ids else 0
        data = f"size={wanted.memory}m,mode=1777,uid={owner},gid={owner}"
        flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
        syscalls.mount("shm", str(memory), "tmpfs", flags, data)
        shared.memory = str(memory)


async def unmake(shared: Shared) -> None:
    """End process 1, and with it all in its namespace, and let go of the rest."""
    if shared.first is not None:
        with suppress(ProcessLookupError):
            if not shared.first.ended.done():
                os.kill(shared.first.pid, signal.SIGKILL)
        await shared.first.ended
    for descriptor in (shared.processes, shared.ipc):
        if descriptor is not None:
            os.close(descriptor)
    if shared.memory:
        syscalls.unmount(shared.memory, syscalls.MNT_DETACH)
    shared.first, shared.processes, shared.ipc, shared.memory = None, None, None, ""


def _make_ipc(report: Report) -> None:
    syscalls.unshare(syscalls.CLONE_NEWIPC)
    report.descriptors.append(os.open("/proc/self/ns/ipc", os.O_RDONLY | os.O_CLOEXEC))


def _keeping(keeper: Keeper, status: int, go: int) -> Work:
    def work(report: Report) -> None:
        syscalls.unshare(syscalls.CLONE_NEWPID)
        report.value = fork(lambda: _keep(keeper, status, go))
        report.descriptors.append(os.open("/proc/self/ns/pid_for_children", os.O_RDONLY | os.O_CLOEXEC))

    return work


def _keep(keeper: Keeper, status: int, go: int) -> None:
    """Be process 1: nobody, in an empty directory, with nothing to do but to reap."""
    init.rename(_NAME)
    who = identity.Identity(identity.NOBODY, identity.NOBODY, "/")
    with_groups = _into_ids(keeper, who)
    os.chroot(keeper.workshop)
    os.chdir("/")
    identity.become(who, (), groups=with_groups)
    if os.read(go, 1) != b"g":
        return
    syscalls.die_with_parent(signal.SIGKILL)
    if select.select([go], [], [], 0)[0] and not os.read(go, 1):
        return
    os.write(status, process.EXECUTING)
    init.reap_for_ever()


def _into_ids(keeper: Keeper, who: identity.Identity) -> bool:
    """Enter the ids that the task's containers have; whether groups can be set there."""
    if keeper.users is not None:
        syscalls.setns(keeper.users, syscalls.CLONE_NEWUSER)
    elif keeper.userns:
        identity.nest(who)
    return identity.may_set_groups()


async def sweep(mounts: int) -> None:
    """Kill what a container left behind in a shared process namespace, until nothing of it is there."""
    while found := list(_members(mounts)):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(_AGAIN)


def _members(mounts: int) -> Iterator[int]:
    """The processes whose mount namespace is the one of the descriptor: those of one container."""
    wanted = os.fstat(mounts).st_ino
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # What ended meanwhile has none, and what the supervisor may not look into is none of its containers'.
            with suppress(OSError):
                if (entry / "ns/mnt").stat().st_ino == wanted:
                    yield int(entry.name)
