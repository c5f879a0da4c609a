"""The Linux calls that Python 3.11 does not offer, by ctypes: namespaces, mounts, capabilities, process controls.

Nothing else in Moorage knows their numbers. Each function raises OSError with the call's errno; what to do about it is
decided by the caller. Standard library only: the supervisor imports this module and must stay small.
"""

import ctypes
import os
from collections.abc import Collection

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 0x2

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
_MOUNT_ATTR_IDMAP = 0x00100000

_IN_ORDER = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
    *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"),
)
CAPABILITIES = {name: number for number, name in enumerate(_IN_ORDER)}
"""Their numbers, by name (linux/capability.h)."""

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 0x1
_OPEN_TREE_CLOEXEC = 0o2000000
_MOVE_MOUNT_F_EMPTY_PATH = 0x4
_SYS_OPEN_TREE = 428
_SYS_MOVE_MOUNT = 429
_SYS_OPENAT2 = 437
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_IN_ROOT = 0x10
_SYS_MOUNT_SETATTR = 442
_SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPABILITY_VERSION_3 = 0x20080522

_IN_MODIFY = 0x2
_IN_MOVED_TO = 0x80
_IN_CREATE = 0x100
_IN_ONESHOT = 0x80000000

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = [
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    ]


class _HowToOpen(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def unshare(flags: int) -> None:
    """Leave the given namespaces for new ones."""
    _check(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int = 0) -> None:
    """Enter the namespace that `descriptor` holds."""
    _check(_libc.setns(descriptor, kind), "setns")


def inotify() -> int:
    """A non-blocking descriptor that tells of files; closed by who asked for it."""
    return _given(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK), "inotify_init1")


def watch_once(descriptor: int, directory: str) -> int:
    """Have `descriptor` tell once when a file of `directory` is written, made or replaced; the watch's number."""
    wanted = _IN_MODIFY | _IN_CREATE | _IN_MOVED_TO | _IN_ONESHOT
    watch = _libc.inotify_add_watch(descriptor, os.fsencode(directory), ctypes.c_uint32(wanted))
    return _given(watch, f"inotify_add_watch {directory}")


def unwatch(descriptor: int, watch: int) -> None:
    """Take back a watch that has not told yet."""
    _check(_libc.inotify_rm_watch(descriptor, watch), "inotify_rm_watch")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount `source` on `target`; the error names both."""
    done = _libc.mount(
        source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
    )
    _check(done, f"mount {kind or 'bind'} {source} on {target}")


def unmount(target: str, flags: int = 0) -> None:
    """Take away the mount on `target`."""
    _check(_libc.umount2(target.encode(), flags), f"umount {target}")


def restrict_tree(target: str, attributes: int) -> None:
    """Set `attributes` on the mount at `target` and on every mount below it (a plain remount reaches only the top)."""
    wanted = _MountAttributes(attributes, 0, 0, 0)
    done = _libc.syscall(
        _SYS_MOUNT_SETATTR, _AT_FDCWD, target.encode(), _AT_RECURSIVE, ctypes.byref(wanted), ctypes.sizeof(wanted)
    )
    _check(done, f"mount_setattr {target}")


def mount_mapped(source: str, target: str, users: int) -> None:
    """Mount `source` on `target` with owners as the user namespace of descriptor `users` maps them (Linux 5.12)."""
    tree = _libc.syscall(_SYS_OPEN_TREE, _AT_FDCWD, source.encode(), _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC)
    _check(min(tree, 0), f"open_tree {source}")
    try:
        wanted = _MountAttributes(_MOUNT_ATTR_IDMAP, 0, 0, users)
        size = ctypes.sizeof(wanted)
        done = _libc.syscall(_SYS_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, ctypes.byref(wanted), size)
        _check(done, f"map the owners of {source}")
        done = _libc.syscall(_SYS_MOVE_MOUNT, tree, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH)
        _check(done, f"mount {source} on {target}")
    finally:
        os.close(tree)


def open_within(root: int, path: str, flags: int) -> int:
    """Open `path` as if the directory of descriptor `root` were "/", following no symbolic link at all (Linux 5.6)."""
    how = _HowToOpen(flags | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT | _RESOLVE_NO_SYMLINKS)
    opened: int = _libc.syscall(_SYS_OPENAT2, root, path.encode(), ctypes.byref(how), ctypes.sizeof(how))
    _check(min(opened, 0), f"open {path}")
    return opened


def pivot_root(new_root: str, put_old: str) -> None:
    """Make `new_root` the root directory; the former one appears at `put_old`."""
    _check(_libc.syscall(_number(_SYS_PIVOT_ROOT), new_root.encode(), put_old.encode()), "pivot_root")


def set_hostname(name: str) -> None:
    """Name the UTS namespace."""
    encoded = name.encode()
    _check(_libc.sethostname(encoded, len(encoded)), "sethostname")


def die_with_parent(signal: int) -> None:
    """Ask for `signal` when the parent ends. Any change of identity forgets this, so it comes last."""
    _prctl(_PR_SET_PDEATHSIG, signal)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_from_peers() -> None:
    """Let no process of the same user trace this one or open its files through /proc, until it executes a program."""
    _prctl(_PR_SET_DUMPABLE, 0)


def forgo_privileges() -> None:
    """No program that this process executes can gain privileges."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def bound_capabilities(keep: Collection[int] = ()) -> None:
    """Take all but `keep` out of the bounding set, and everything out of the ambient one, while that may be done."""
    for capability in range(64):
        if capability in keep:
            continue
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0):
            break  # EINVAL: the kernel knows no further capability
    _libc.prctl(_PR_CAP_AMBIENT, ctypes.c_ulong(_PR_CAP_AMBIENT_CLEAR_ALL), 0, 0, 0)


def hold_capabilities(keep: Collection[int] = ()) -> None:
    """Have exactly `keep` effective and permitted, and nothing that a program inherits by its file."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    low = sum(1 << capability for capability in keep if capability < 32)
    high = sum(1 << capability - 32 for capability in keep if capability >= 32)
    data = (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0)
    _check(_libc.syscall(_number(_SYS_CAPSET), ctypes.byref(header), ctypes.byref(data)), "capset")


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def knows_machine() -> bool:
    """True where every number above is known."""
    return os.uname().machine in _SYS_CAPSET


def _number(table: dict[str, int]) -> int:
    machine = os.uname().machine
    if machine not in table:
        raise OSError(38, f"Moorage does not know the system calls of {machine}")
    return table[machine]


def _given(result: int, what: str) -> int:
    """What a call gives that answers with a number of its own."""
    _check(min(result, 0), what)
    return result


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
