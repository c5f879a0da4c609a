"""A container's root directory: an allow-list on a tmpfs of bounded size, and nothing else of the host.

Below an overlay: the image's files above a skeleton; /usr and the interpreter of this program read-only; chosen files
of /etc; fresh /proc, /dev and /tmp. Runs in the container's own mount namespace. Who may write, `identity` decides.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from moorage.runtime import syscalls
from moorage.runtime.supervisor import identity

_HOST = "/.host"
"""Where the host's root is seen while the container's is furnished; taken away before any program runs."""

_USR_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_DIRECTORIES = ("dev", "etc", "home", "mnt", "opt", "proc", "root", "run", "srv", "tmp", "usr", "var", "var/tmp")
_SHARED_ETC = (
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "timezone",
)
_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
_DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_PROC_READ_ONLY = ("bus", "fs", "irq", "sys", "sysrq-trigger")
_PROC_HIDDEN = ("kcore", "keys", "latency_stats", "sched_debug", "timer_list")
_PROC_EMPTY = ("acpi", "scsi")
_INERT = syscalls.MS_NOSUID | syscalls.MS_NODEV


@dataclass(frozen=True)
class Root:
    """What a container's root is made of. `binds` are (source on the host, target, may be written)."""

    workshop: str
    """An empty directory of the host on which the tmpfs is mounted."""
    image: str | None
    size: int
    etc: dict[str, str]
    binds: tuple[tuple[str, str, bool], ...]
    userns: bool
    """The mounts are made inside a user namespace: overlays keep their marks in user attributes."""


def enter(root: Root) -> None:
    """Build `root` and make it the root directory of this process."""
    os.umask(0o022)
    base = Path(root.workshop)
    # Links are followed now, on the host: after the pivot they would lead into the container.
    shared = {name: os.path.realpath(f"/etc/{name}") for name in _shared_etc(root)}
    binds = [(os.path.realpath(source), target, writable) for source, target, writable in root.binds]
    prefix = os.path.realpath(sys.base_prefix)
    if not prefix.startswith("/usr/") and prefix != "/usr":
        binds.append((prefix, prefix, False))
    syscalls.mount("tmpfs", root.workshop, "tmpfs", _INERT, f"size={root.size},mode=755")
    skeleton, top, merged = base / "skeleton", base / "top", base / "root"
    for directory in (skeleton, top, merged):
        directory.mkdir()
    links = _furnish(skeleton, shared)
    hidden = _shadow_links(root, links, top)
    _link_interpreter(top)
    for target, text in root.etc.items():
        _write(top / "etc" / target, text)
    lower = [str(top), *([root.image] if root.image else []), str(skeleton)]
    _overlay(base, "all", merged, lower, root.userns)
    _layer_usr(base, merged, root, hidden)
    _pivot(merged)
    _mount_system(shared)
    for source, target, writable in binds:
        _bind(source, target, writable=writable)
    _mask_proc()
    syscalls.unmount(_HOST, syscalls.MNT_DETACH)
    Path(_HOST).rmdir()


def freeze() -> None:
    """Let nobody write to the root directory any more (`readonlyRootFilesystem`); /dev and mounts stay as they are."""
    syscalls.mount("none", "/", "", syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | _INERT)


def _furnish(skeleton: Path, shared: dict[str, str]) -> dict[str, str]:
    """Make the lowest layer; returns the links into /usr that the host has."""
    for name in _DIRECTORIES:
        (skeleton / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (skeleton / name).chmod(0o1777)
    (skeleton / "var/run").symlink_to("/run")
    _write(skeleton / "etc/passwd", identity.PASSWD)
    _write(skeleton / "etc/group", identity.GROUP)
    links = {}
    for name in _USR_LINKS:
        host = Path("/") / name
        if host.is_symlink():
            links[name] = str(host.readlink())
            (skeleton / name).symlink_to(links[name])
        elif host.is_dir():
            (skeleton / name).mkdir()
    for name, source in shared.items():
        target = skeleton / "etc" / name
        if Path(source).is_dir():
            target.mkdir(parents=True)
        else:
            _write(target, "")
    return links


def _shared_etc(root: Root) -> list[str]:
    image = Path(root.image) / "etc" if root.image else None
    return [
        name for name in _SHARED_ETC if (Path("/etc") / name).exists() and not (image and os.path.lexists(image / name))
    ]


def _shadow_links(root: Root, links: dict[str, str], top: Path) -> dict[str, str]:
    """An image's own /bin would hide the link to /usr/bin: keep the link, and layer the folder where it points to."""
    if root.image is None:
        return {}
    found = {}
    for name, target in links.items():
        folder = Path(root.image) / name
        if folder.is_dir() and not folder.is_symlink():
            (top / name).symlink_to(target)
            found[target.removeprefix("/")] = str(folder)
    return found


def _link_interpreter(top: Path) -> None:
    executable = os.path.realpath(sys.executable)
    programs = top / "usr/local/bin"
    programs.mkdir(parents=True)
    for name in ("python", "python3"):
        (programs / name).symlink_to(executable)


def _overlay(base: Path, name: str, target: Path, lower: list[str], userns: bool) -> None:
    upper, work = base / f"upper-{name}", base / f"work-{name}"
    upper.mkdir()
    work.mkdir()
    layers = ":".join(_escape(layer) for layer in lower)
    marks = ",userxattr" if userns else ""
    data = f"lowerdir={layers},upperdir={_escape(str(upper))},workdir={_escape(str(work))}{marks}"
    syscalls.mount("overlay", str(target), "overlay", _INERT, data)


def _escape(path: str) -> str:
    for character in ("\\", ":", ","):
        path = path.replace(character, "\\" + character)
    return path


def _layer_usr(base: Path, merged: Path, root: Root, hidden: dict[str, str]) -> None:
    layers = [str(base / "top/usr")]
    if root.image and (Path(root.image) / "usr").is_dir():
        layers.append(str(Path(root.image) / "usr"))
    _overlay(base, "usr", merged / "usr", [*layers, "/usr"], root.userns)
    for number, (target, folder) in enumerate(hidden.items()):
        place = merged / target
        _overlay(base, f"link{number}", place, [folder, str(place)], root.userns)


def _pivot(merged: Path) -> None:
    os.chdir(merged)
    Path("." + _HOST).mkdir()
    syscalls.pivot_root(".", "." + _HOST)
    os.chdir("/")


def _mount_system(shared: dict[str, str]) -> None:
    # A fresh /proc is allowed only while the host's whole one is still in sight.
    syscalls.mount("proc", "/proc", "proc", _INERT | syscalls.MS_NOEXEC)
    _mount_devices()
    for name in _USR_LINKS:
        if Path(f"/{name}").is_dir() and not Path(f"/{name}").is_symlink():
            _bind(f"/{name}", f"/{name}", writable=False)
    for name, source in shared.items():
        _bind(source, f"/etc/{name}", writable=False)


def _mount_devices() -> None:
    syscalls.mount("tmpfs", "/dev", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NOEXEC, "size=64k,mode=755")
    for name in _DEVICES:
        Path(f"/dev/{name}").touch()
        syscalls.mount(f"{_HOST}/dev/{name}", f"/dev/{name}", "", syscalls.MS_BIND)
    for name, target in _DEVICE_LINKS.items():
        Path(f"/dev/{name}").symlink_to(target)
    Path("/dev/shm").mkdir()
    syscalls.mount("shm", "/dev/shm", "tmpfs", _INERT | syscalls.MS_NOEXEC, "size=64m,mode=1777")


def _mask_proc() -> None:
    for name in _PROC_READ_ONLY:
        if Path(f"/proc/{name}").exists():
            syscalls.mount(f"/proc/{name}", f"/proc/{name}", "", syscalls.MS_BIND | syscalls.MS_REC)
            syscalls.restrict_tree(f"/proc/{name}", syscalls.MOUNT_ATTR_RDONLY)
    for name in _PROC_HIDDEN:
        if Path(f"/proc/{name}").exists():
            syscalls.mount(f"{_HOST}/dev/null", f"/proc/{name}", "", syscalls.MS_BIND)
    for name in _PROC_EMPTY:
        if Path(f"/proc/{name}").exists():
            syscalls.mount("tmpfs", f"/proc/{name}", "tmpfs", _INERT | syscalls.MS_RDONLY, "size=0")


def _bind(source: str, target: str, *, writable: bool) -> None:
    place = Path(target)
    if Path(_HOST + source).is_dir():
        place.mkdir(parents=True, exist_ok=True)
    elif not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    syscalls.mount(_HOST + source, target, "", syscalls.MS_BIND | syscalls.MS_REC)
    attributes = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
    syscalls.restrict_tree(target, attributes if writable else attributes | syscalls.MOUNT_ATTR_RDONLY)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
