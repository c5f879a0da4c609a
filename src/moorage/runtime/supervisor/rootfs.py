"""A container's root directory: an allow-list on a tmpfs of bounded size, and nothing else of the host.

Below an overlay: the image's files above a skeleton; /usr and the interpreter of this program read-only; chosen files
of /etc; fresh /proc, /dev and /tmp. Of a complete image nothing of the host is needed: its files, the task's names.
Runs in the container's own mount namespace. Who may write, `identity` decides.
"""

import errno
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from moorage.runtime import syscalls
from moorage.runtime.supervisor import furnish, identity
from moorage.runtime.supervisor.furnish import NOTHING, Furniture
from moorage.runtime.supervisor.users import Ids

HOSTS = "/etc/hosts"
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
_DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
_TERMINALS = 1024
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
    complete: bool
    """The image is all of the root: neither /usr nor the interpreter nor files of /etc come from the host."""
    size: int
    etc: dict[str, str]
    binds: tuple[tuple[str, str, bool], ...]
    userns: bool
    """The mounts are made inside a user namespace: overlays keep their marks in user attributes."""
    ids: Ids | None = None
    """Whose the files are: user 0 of the container is the first of these."""
    furniture: Furniture = NOTHING

    @property
    def owner(self) -> int:
        """The id of the container's user 0, as it is called here."""
        return self.ids.first if self.ids else 0


def enter(root: Root, users: int | None) -> None:
    """Build `root` and make it the root directory of this process. `users`: the user namespace that maps its ids."""
    os.umask(0o022)
    base = Path(root.workshop)
    # Links are followed now, on the host: after the pivot they would lead into the container.
    binds = [(os.path.realpath(source), target, writable) for source, target, writable in root.binds]
    shared = {} if root.complete else {name: os.path.realpath(f"/etc/{name}") for name in _shared_etc(root)}
    syscalls.mount("tmpfs", root.workshop, "tmpfs", _INERT, f"size={root.size},mode=755")
    if users is not None:
        root = _mapped(base, root, users)
    for name in ("skeleton", "top", "root"):
        (base / name).mkdir()
    for target, text in root.etc.items():
        _write(base / "top/etc" / target, text)
    if "hosts" in root.etc:
        # A mount of its own, so that it can be rewritten where the root is read-only.
        _write(base / "hosts", root.etc["hosts"])
        os.chown(base / "hosts", root.owner, root.owner)
        binds.append((str(base / "hosts"), HOSTS, True))
    if root.complete:
        _lay_alone(base, root)
    else:
        _lay_on_host(base, root, shared)
        binds = [*_of_host(shared), *binds]
    _pivot(base / "root")
    # A fresh /proc is allowed only while the host's whole one is still in sight.
    syscalls.mount("proc", _within("/proc"), "proc", _INERT | syscalls.MS_NOEXEC)
    _mount_devices(root.owner)
    _mount_shared_memory(root.furniture, root.owner)
    for source, target, writable in binds:
        _bind(source, target, root.owner, writable=writable)
    _equip(root.furniture, root.owner)
    _mask_proc()
    syscalls.unmount(_HOST, syscalls.MNT_DETACH)
    Path(_HOST).rmdir()


def freeze() -> None:
    """Let nobody write to the root directory any more (`readonlyRootFilesystem`); /dev and mounts stay as they are."""
    syscalls.mount("none", "/", "", syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | _INERT)


def _mapped(base: Path, root: Root, users: int) -> Root:
    """`root` with the image seen through the map of ids: what is user 0's on disk is the container's user 0's."""
    if root.image is None or root.owner == 0:
        return root
    (base / "image").mkdir()
    syscalls.mount_mapped(root.image, str(base / "image"), users)
    return replace(root, image=str(base / "image"))


def give(tree: Path, owner: int) -> None:
    """Let everything in `tree` belong to `owner`."""
    for directory, folders, files in os.walk(tree):
        for path in (Path(directory), *(Path(directory, name) for name in (*folders, *files))):
            os.chown(path, owner, owner, follow_symlinks=False)


def _lay_alone(base: Path, root: Root) -> None:
    """The image's files, and above them the places that every container has."""
    for name in ("dev", "proc", "sys", "tmp"):
        (base / "top" / name).mkdir()
    (base / "top/tmp").chmod(0o1777)
    give(base / "top", root.owner)
    _overlay(base, "all", base / "root", [str(base / "top"), *([root.image] if root.image else [])], root)


def _lay_on_host(base: Path, root: Root, shared: dict[str, str]) -> None:
    """The image's files above a skeleton, with the host's programs among them."""
    skeleton, top, merged = base / "skeleton", base / "top", base / "root"
    hidden = _shadow_links(root, _furnish(skeleton, shared), top)
    _link_interpreter(top)
    for tree in (skeleton, top):
        give(tree, root.owner)
    lower = [str(top), *([root.image] if root.image else []), str(skeleton)]
    _overlay(base, "all", merged, lower, root)
    _layer_usr(base, merged, root, hidden)


def _of_host(shared: dict[str, str]) -> list[tuple[str, str, bool]]:
    """What is seen of the host where it has it: directories of programs that are no links, /etc, the interpreter."""
    names = [f"/{name}" for name in _USR_LINKS if Path(f"/{name}").is_dir() and not Path(f"/{name}").is_symlink()]
    prefix = os.path.realpath(sys.base_prefix)
    found = [*names, *([] if prefix == "/usr" or prefix.startswith("/usr/") else [prefix])]
    return [*((path, path, False) for path in found), *((source, f"/etc/{n}", False) for n, source in shared.items())]


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


def _overlay(base: Path, name: str, target: Path, lower: list[str], root: Root) -> None:
    upper, work = base / f"upper-{name}", base / f"work-{name}"
    upper.mkdir()
    work.mkdir()
    os.chown(upper, root.owner, root.owner)
    layers = ":".join(_escape(layer) for layer in lower)
    marks = ",userxattr" if root.userns else ""
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
    _overlay(base, "usr", merged / "usr", [*layers, "/usr"], root)
    for number, (target, folder) in enumerate(hidden.items()):
        place = merged / target
        _overlay(base, f"link{number}", place, [folder, str(place)], root)


def _pivot(merged: Path) -> None:
    os.chdir(merged)
    Path("." + _HOST).mkdir()
    syscalls.pivot_root(".", "." + _HOST)
    os.chdir("/")


def _equip(furniture: Furniture, owner: int) -> None:
    """Volumes and memory file systems, outer paths first, and kernel parameters while they can be written."""
    wanted: list[furnish.Volume | furnish.Memory] = [*furniture.volumes, *furniture.memory]
    wanted.sort(key=lambda each: each.target.rstrip("/").count("/"))
    for each in wanted:
        place = Path(_within(each.target))
        make_directory(place, owner)
        if isinstance(each, furnish.Volume):
            furnish.mount_volume(each, _HOST, place)
        else:
            furnish.mount_memory(each, place, owner)
    furnish.set_sysctls(furniture.sysctls)


def _mount_devices(owner: int) -> None:
    flags, ours = syscalls.MS_NOSUID | syscalls.MS_NOEXEC, f"uid={owner},gid={owner}"
    syscalls.mount("tmpfs", _within("/dev"), "tmpfs", flags, f"size=64k,mode=755,{ours}")
    for name in _DEVICES:
        Path(f"/dev/{name}").touch()
        syscalls.mount(f"{_HOST}/dev/{name}", f"/dev/{name}", "", syscalls.MS_BIND)
        # A device can be written to all the same, but its mode and owner on the host cannot be changed from here.
        syscalls.restrict_tree(f"/dev/{name}", syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NOSUID)
    for name, target in _DEVICE_LINKS.items():
        Path(f"/dev/{name}").symlink_to(target)
    # Terminals of the container's own: none of this host's are seen there, and one program cannot use up all there are.
    Path("/dev/pts").mkdir()
    syscalls.mount("devpts", "/dev/pts", "devpts", flags, f"newinstance,ptmxmode=0666,mode=0620,max={_TERMINALS}")


def _mount_shared_memory(furniture: Furniture, owner: int) -> None:
    """The task's /dev/shm where its containers share one, else the container's own, if it shall have any."""
    if not furniture.shared_directory and not furniture.shared_memory:
        return
    Path("/dev/shm").mkdir()
    if furniture.shared_directory:
        syscalls.mount(_HOST + furniture.shared_directory, "/dev/shm", "", syscalls.MS_BIND)
        return
    data = f"size={furniture.shared_memory}m,mode=1777,uid={owner},gid={owner}"
    syscalls.mount("shm", "/dev/shm", "tmpfs", _INERT | syscalls.MS_NOEXEC, data)


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


def _bind(source: str, target: str, owner: int, *, writable: bool) -> None:
    place = Path(_within(target))
    if Path(_HOST + source).is_dir():
        make_directory(place, owner)
    elif not place.exists():
        make_directory(place.parent, owner)
        place.touch()
    syscalls.mount(_HOST + source, str(place), "", syscalls.MS_BIND | syscalls.MS_REC)
    attributes = syscalls.MOUNT_ATTR_NOSUID | syscalls.MOUNT_ATTR_NODEV
    syscalls.restrict_tree(str(place), attributes if writable else attributes | syscalls.MOUNT_ATTR_RDONLY)


def make_directory(path: Path, owner: int) -> None:
    """Make a directory and those above it that are missing, all of them `owner`'s."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for made in missing:
        os.chown(made, owner, owner)


def _within(target: str) -> str:
    """Where `target` leads by the image's links: never to the host's root, which is still in sight."""
    place = os.path.realpath(target)
    if place == _HOST or place.startswith(f"{_HOST}/"):
        raise OSError(errno.ELOOP, "a link of the image leads out of the container", target)
    return place


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
