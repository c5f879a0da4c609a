"""What a container has beyond its root: volumes, memory file systems, kernel parameters, limits, streams of its own.

Values, and what is done with them inside the container's mount namespace before its program starts. Where volumes lie
on disk is in `volumes`; what a definition may ask for was checked before.
"""

import os
import resource
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moorage.runtime import syscalls
from moorage.runtime.supervisor.protocol import Refused

_RESOURCES = {
    **{"cpu": 0, "fsize": 1, "data": 2, "stack": 3, "core": 4, "rss": 5, "nproc": 6, "nofile": 7, "memlock": 8},
    **{"locks": 10, "sigpending": 11, "msgqueue": 12, "nice": 13, "rtprio": 14, "rttime": 15},
}
"""The kernel's number of each ulimit that ECS names (asm-generic/resource.h)."""

_FLAGS = {
    "ro": syscalls.MS_RDONLY,
    "noexec": syscalls.MS_NOEXEC,
    "sync": 0x10,
    "noatime": 0x400,
    "nodiratime": 0x800,
    "relatime": 0x200000,
    "strictatime": 0x1000000,
}
_ALWAYS = syscalls.MS_NOSUID | syscalls.MS_NODEV
_SYSCTL = Path("/proc/sys")


@dataclass(frozen=True)
class Volume:
    """A directory of the host at a path of the container. `mapped`: its owners on disk are those of all tasks."""

    source: str
    target: str
    writable: bool
    mapped: bool = False


@dataclass(frozen=True)
class Memory:
    """A tmpfs: MiB and mount options."""

    target: str
    size: int
    options: Sequence[str]


@dataclass(frozen=True)
class Furniture:
    """All of it; `shared_memory` in MiB, `limits` as (name, soft, hard). `shared_directory`: the task's own /dev/shm.

    Without MiB there is no /dev/shm, unless it is the task's.
    """

    volumes: tuple[Volume, ...] = ()
    memory: tuple[Memory, ...] = ()
    shared_memory: int = 64
    shared_directory: str = ""
    limits: tuple[tuple[str, int, int], ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    init: bool = False
    stdin: bool = False
    terminal: bool = False


NOTHING = Furniture()


def read(settings: dict[str, Any], volumes: tuple[Volume, ...], shared_directory: str = "") -> Furniture:
    """What a request says, with the volumes where they lie."""
    return Furniture(
        volumes=volumes,
        memory=tuple(Memory(**each) for each in settings["memory"]),
        shared_memory=settings["shared_memory"],
        shared_directory=shared_directory,
        limits=tuple((each["name"], each["soft"], each["hard"]) for each in settings["limits"]),
        sysctls=tuple((name, value) for name, value in settings["sysctls"]),
        init=settings["init"],
        stdin=settings["stdin"],
        terminal=settings["terminal"],
    )


def mount_volume(volume: Volume, host: str, place: Path) -> None:
    """Mount it on `place`, a directory; an empty one first gets what the image has there, as engines do it."""
    source = Path(host + volume.source)
    if volume.writable and not any(source.iterdir()):
        _copy(place, source)
    syscalls.mount(str(source), str(place), "", syscalls.MS_BIND | syscalls.MS_REC)
    attributes = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
    attributes |= 0 if volume.writable else syscalls.MOUNT_ATTR_RDONLY
    syscalls.restrict_tree(str(place), attributes)


def mount_memory(memory: Memory, place: Path, owner: int) -> None:
    """Mount a tmpfs as engines do it: for everybody, no programs in it unless `exec` is asked for."""
    flags = _ALWAYS | (0 if "exec" in memory.options else syscalls.MS_NOEXEC)
    data = [f"size={memory.size}m", "mode=1777", f"uid={owner}", f"gid={owner}"]
    for option in memory.options:
        if option in _FLAGS:
            flags |= _FLAGS[option]
        elif option.startswith("mode="):
            data.append(option)
    syscalls.mount("tmpfs", str(place), "tmpfs", flags, ",".join(data))


def set_sysctls(sysctls: Sequence[tuple[str, str]]) -> None:
    """Write kernel parameters of the namespaces that the process is in; Refused when the kernel does not take one."""
    for name, value in sysctls:
        try:
            _SYSCTL.joinpath(*name.split(".")).write_text(value)
        except OSError as error:
            raise Refused("CannotStart", f"the system control {name}={value} was refused: {error.strerror}") from error


def limit(limits: Sequence[tuple[str, int, int]]) -> None:
    """Set the process's limits; Refused when it may not raise one so far."""
    for name, soft, hard in limits:
        try:
            resource.setrlimit(_RESOURCES[name], (soft, hard))
        except (OSError, ValueError) as error:
            raise Refused("CannotStart", f"the ulimit {name}={soft}:{hard} was refused: {error}") from error


def _copy(source: Path, target: Path) -> None:
    """What is in `source`, with its modes and owners, and the directory's own; links stay links."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, copy_function=_copy_file)
    for directory, folders, files in os.walk(source):
        inside = target / Path(directory).relative_to(source)
        for name in ("", *folders, *files):
            _own(Path(directory, name).lstat(), inside / name)


def _copy_file(source: str, target: str) -> None:
    if stat.S_ISREG(os.lstat(source).st_mode):  # pipes and sockets are made by who uses them
        shutil.copy2(source, target, follow_symlinks=False)


def _own(was: os.stat_result, path: Path) -> None:
    # A file of the host's own, seen through the image, has no owner in the container: it stays its user 0's.
    with suppress(OSError):
        os.chown(path, was.st_uid, was.st_gid, follow_symlinks=False)
        if not stat.S_ISLNK(was.st_mode):
            path.chmod(stat.S_IMODE(was.st_mode))
