"""Starts a container's program, or one more program in a container that runs: namespaces, root, identity, exec.

Two forks: the first child enters the task's network namespace and cgroup and makes the new ones, the second is the
container's process 1, which the supervisor adopts. Runs in children only; bookkeeping is in `containers`.
"""

import fcntl
import os
import select
import signal
import termios
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from moorage.runtime import syscalls
from moorage.runtime.supervisor import furnish, identity, init, rootfs, users
from moorage.runtime.supervisor.children import Report, fork
from moorage.runtime.supervisor.protocol import Refused

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
EXECUTING = b"\0"
"""Written to the status pipe just before exec; what follows it says why exec failed, nothing means that it did not."""

_OWN_NAMESPACES = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWCGROUP
"""Those that every container has to itself."""
_STATUS, _GO, _USERS = 3, 4, 5


@dataclass(frozen=True)
class Program:
    """What is executed, and how it sees itself."""

    argv: Sequence[str]
    environment: dict[str, str]
    directory: str
    user: str
    capabilities: frozenset[int] = frozenset()
    """What user 0 may do within the task's own range of ids; nothing where there is none."""
    limits: tuple[tuple[str, int, int], ...] = ()
    """ulimits, as (name, soft, hard)."""


@dataclass(frozen=True)
class WrittenFile:
    """A file put into the root before the program starts; the container's user owns it."""

    path: str
    content: str
    mode: int


@dataclass(frozen=True)
class Blueprint:
    """All that process 1 of a container needs to know."""

    program: Program
    root: rootfs.Root
    hostname: str
    files: Sequence[WrittenFile]
    read_only: bool


@dataclass(frozen=True)
class Pipes:
    """Descriptors that the new process gets: its output, the status pipe to write, the go-ahead to read.

    Without `stdin` it reads nothing. With `terminal` its stdin becomes the terminal that controls it.
    """

    stdout: int
    stderr: int
    status: int
    go: int
    stdin: int | None = None
    terminal: bool = False


@dataclass(frozen=True)
class Place:
    """Where the process lives: network namespace, the files by which a cgroup is joined, the namespace of its ids.

    `processes` and `ipc` are namespaces that the task's containers share; without them it gets its own.
    """

    network: int
    cgroups: Sequence[str]
    users: int | None = None
    processes: int | None = None
    ipc: int | None = None


def launch(blueprint: Blueprint, place: Place, pipes: Pipes) -> Callable[[Report], None]:
    """The worker that makes a container; it reports its program's process, which the supervisor adopts.

    That is process 1. Where processes are shared it is not, and a descriptor of its mount namespace comes along: by it
    the processes are told that are the container's.
    """

    def work(report: Report) -> None:
        _join(place.cgroups)
        syscalls.setns(place.network, syscalls.CLONE_NEWNET)
        mapping = _map_of_volumes(blueprint.root)
        syscalls.unshare(_OWN_NAMESPACES)
        if mapping is not None:
            _map_volumes(blueprint.root, mapping)
        _join_or_make(place.ipc, syscalls.CLONE_NEWIPC)
        _join_or_make(place.processes, syscalls.CLONE_NEWPID)
        if place.processes is not None:
            report.descriptors.append(os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC))
        own = None if place.users is None else _USERS
        body = partial(_be_container, blueprint, own, pipes.terminal)
        report.value = fork(lambda: _guarded(body, pipes, keep=place.users))

    return work


def enter(pid: int, program: Program, cgroups: Sequence[str], pipes: Pipes, userns: bool) -> Callable[[Report], None]:
    """The worker that runs `program` beside process 1 `pid` of a container; it reports the new process."""

    def work(report: Report) -> None:
        _join(cgroups)
        kinds = ["ipc", "uts", "cgroup", "net", "pid", "mnt"]
        namespaces = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in kinds]
        own_users = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY) if userns else None
        for descriptor in namespaces:
            syscalls.setns(descriptor)
        report.value = fork(
            lambda: _guarded(lambda: _be_guest(program, own_users, pipes.terminal), pipes, keep=own_users)
        )

    return work


def _map_of_volumes(root: rootfs.Root) -> int | None:
    """The user namespace by which owners of shared volumes are mapped. Forks: not in a new process namespace."""
    if root.ids is None or not any(volume.mapped for volume in root.furniture.volumes):
        return None
    return users.namespace(root.ids, users.of_slot(users.SHARED).first)


def _map_volumes(root: rootfs.Root, mapping: int) -> None:
    """Lay above each shared volume, for this container alone, itself with the task's owners."""
    for source in {volume.source for volume in root.furniture.volumes if volume.mapped}:
        syscalls.mount_mapped(source, source, mapping)


def _join_or_make(descriptor: int | None, kind: int) -> None:
    if descriptor is None:
        syscalls.unshare(kind)
    else:
        syscalls.setns(descriptor, kind)


def _join(cgroups: Sequence[str]) -> None:
    for file in cgroups:
        Path(file).write_text("0")


def _guarded(body: Callable[[], None], pipes: Pipes, keep: int | None = None) -> None:
    _arrange(pipes, keep)
    try:
        body()
    except Refused as refused:
        os.write(_STATUS, refused.reason.encode())
    except OSError as error:
        name = f": {error.filename}" if error.filename else ""
        os.write(_STATUS, f"{error.strerror or error}{name}".encode())


def _arrange(pipes: Pipes, keep: int | None) -> None:
    """Descriptors 0 to 5 are stdin, stdout, stderr, status, go, and `keep`; everything else is closed."""
    wanted = [pipes.stdout, pipes.stderr, pipes.status, pipes.go, *([] if keep is None else [keep])]
    # Copied out of the way first: a descriptor may already have a number that is about to be taken.
    copies = [fcntl.fcntl(number, fcntl.F_DUPFD, 64) for number in wanted]
    os.dup2(os.open("/dev/null", os.O_RDONLY) if pipes.stdin is None else pipes.stdin, 0)
    for place, copy in enumerate(copies, start=1):
        os.dup2(copy, place, inheritable=place < _STATUS)
    os.closerange(len(copies) + 1, 1 << 20)


def _be_container(blueprint: Blueprint, own_users: int | None, terminal: bool) -> None:
    program, root = blueprint.program, blueprint.root
    os.setsid()
    if terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    syscalls.set_hostname(blueprint.hostname)
    rootfs.enter(root, own_users)
    who = identity.resolve(program.user)
    owner = _owner(root, who)
    _own_streams(owner)
    _prepare_files(blueprint, owner)
    if blueprint.read_only:
        rootfs.freeze()
    if root.furniture.init:
        init.rename()
    furnish.limit(program.limits)
    if own_users is not None:
        syscalls.setns(own_users, syscalls.CLONE_NEWUSER)
    elif root.userns:
        identity.nest(who)
    identity.become(who, program.capabilities, groups=identity.may_set_groups())
    _await_adoption()
    if root.furniture.init:
        _die_with_supervisor()
        init.run(lambda: _execute(program, who, alone=False))
    else:
        _execute(program, who)


def _be_guest(program: Program, own_users: int | None, terminal: bool) -> None:
    os.umask(0o022)
    if terminal:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    syscalls.hide_from_peers()
    who = identity.resolve(program.user)
    furnish.limit(program.limits)
    if own_users is not None:
        syscalls.setns(_USERS, syscalls.CLONE_NEWUSER)
    identity.become(who, program.capabilities, groups=identity.may_set_groups())
    _await_adoption()
    _execute(program, who)


def _owner(root: rootfs.Root, who: identity.Identity) -> tuple[int, int]:
    """The container's user and group as they are called where the root is built."""
    if root.ids is not None:
        return root.ids.outside(who.uid), root.ids.outside(who.gid)
    return (0, 0) if root.userns else (who.uid, who.gid)


def _own_streams(owner: tuple[int, int]) -> None:
    """Give the container what it writes to, so that it can open it again as /dev/stdout."""
    for stream in (1, 2):
        os.fchown(stream, *owner)


def _prepare_files(blueprint: Blueprint, owner: tuple[int, int]) -> None:
    directory = Path(blueprint.program.directory)
    # A complete image says itself who owns what is in it.
    ours = not (blueprint.root.complete and directory.is_dir()) and directory != Path("/")
    rootfs.make_directory(directory, blueprint.root.owner)
    if ours:
        os.chown(directory, *owner)
    for file in blueprint.files:
        path = Path(file.path)
        rootfs.make_directory(path.parent, blueprint.root.owner)
        path.write_text(file.content)
        path.chmod(file.mode)
        os.chown(path, *owner)


def _await_adoption() -> None:
    """Wait until the supervisor is the parent, and end when it is no more."""
    if os.read(_GO, 1) != b"g":
        os._exit(1)


def _die_with_supervisor() -> None:
    # The parent is the supervisor since it adopted this process, and a change of identity would forget the request:
    # so it comes last. The pipe shows a supervisor that ended in between.
    syscalls.die_with_parent(signal.SIGKILL)
    if select.select([_GO], [], [], 0)[0] and not os.read(_GO, 1):
        os._exit(1)


def _execute(program: Program, who: identity.Identity, *, alone: bool = True) -> None:
    """Execute the program. `alone`: not as the child of an init, which it ends with anyway."""
    if alone:
        _die_with_supervisor()
    environment = {"PATH": SEARCH_PATH, "HOME": who.home, **program.environment}
    os.chdir(program.directory)
    os.write(_STATUS, EXECUTING)
    try:
        os.execvpe(program.argv[0], list(program.argv), environment)
    except FileNotFoundError as error:
        where = "no such file or directory" if "/" in program.argv[0] else "executable file not found in $PATH"
        raise Refused("CannotStart", f'exec: "{program.argv[0]}": {where}') from error
