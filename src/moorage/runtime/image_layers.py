"""Unpacks the layers of an image above one another into one directory, and never writes outside of it.

Paths are resolved inside the directory, as a process whose root it is would. Whiteouts: OCI image-spec, layer.md.
"""

import os
import shutil
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.runtime import image_tree
from moorage.runtime.local_image import ImageRefused

_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_SUPPLIED: Final = ("dev", "proc", "sys")
"""Made anew for every container: what an image has below them would never be seen."""

_PLACES: Final = (*_SUPPLIED, "etc", "tmp")
"""Directories that something is put into or mounted on, and that must not lead elsewhere."""

_RESERVED: Final = ".host"

_MAX_LINKS: Final = 40
_MAX_ID: Final = 0xFFFFFFFE
_MAX_TIME: Final = 1 << 33
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class _Marks:
    """What a directory gets in the end: before, files have to be put into it."""

    mode: int
    uid: int
    gid: int
    at: float


class LayeredTree:
    """A directory that becomes a container's whole `/`. `owners`: files get the ids that the image says (as root)."""

    def __init__(self, root: Path, *, owners: bool) -> None:
        self._root = root
        self._owners = owners
        self._directories: dict[Path, _Marks] = {}
        self._placed: set[Path] = set()

    def apply(self, layer: tarfile.TarFile) -> None:
        """Lay one layer above what is there."""
        self._placed = set()
        for member in layer:
            parts = _parts(member.name)
            if not parts:
                self._directories[self._root] = _marks(member)
            elif parts[0] in _SUPPLIED:
                _check_supplied(member, parts)
            elif parts[-1].startswith(_WHITEOUT):
                self._white_out(parts, member.name)
            else:
                self._place(layer, member, parts)

    def seal(self) -> None:
        """Give directories their modes and times, inner ones first."""
        for name in _PLACES:
            path = self._root / name
            if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
                raise ImageRefused(f"/{name} of the image is not a directory")
        if os.path.lexists(self._root / _RESERVED):
            raise ImageRefused(f"/{_RESERVED} of the image: that name is needed to start containers")
        inner_first = sorted(self._directories.items(), key=lambda item: len(item[0].parts), reverse=True)
        for path, marks in inner_first:
            if path.is_dir() and not path.is_symlink():
                self._mark(path, marks, marks.mode & 0o3777)

    def _place(self, layer: tarfile.TarFile, member: tarfile.TarInfo, parts: list[str]) -> None:
        target = self._parent(parts, member.name) / parts[-1]
        there = os.path.lexists(target)
        if there and not (member.isdir() and target.is_dir() and not target.is_symlink()):
            _remove(target)
            there = False
        if member.isdir():
            if not there:
                target.mkdir(mode=0o700)
            self._directories[target] = _marks(member)
        elif member.islnk():
            self._link(member, target)
        else:
            _make(layer, member, target)
            self._mark(target, _marks(member), member.mode & 0o777)
        self._note(target)

    def _link(self, member: tarfile.TarInfo, target: Path) -> None:
        """A hard link: to a file of the image, never to one of this host."""
        parts = _parts(member.linkname)
        source = self._parent(parts, member.name) / parts[-1] if parts else self._root
        if not os.path.lexists(source) or stat.S_ISDIR(source.lstat().st_mode):
            raise ImageRefused(f"{member.name} of the image is a link to {member.linkname}, which is no file of it")
        os.link(source, target, follow_symlinks=False)

    def _mark(self, path: Path, marks: _Marks, mode: int) -> None:
        if self._owners:
            os.chown(path, marks.uid, marks.gid, follow_symlinks=False)
        if not path.is_symlink():
            # No program gains rights by its file's mode in a container: set-id bits would only be a danger here.
            path.chmod(mode)
        os.utime(path, (marks.at, marks.at), follow_symlinks=False)

    def _note(self, path: Path) -> None:
        while path != self._root and path not in self._placed:
            self._placed.add(path)
            path = path.parent

    def _white_out(self, parts: list[str], name: str) -> None:
        """A mark that takes away what lower layers have: one name, or all that is in a directory."""
        if parts[-1] == _OPAQUE:
            directory = self._parent(parts, name)
            for child in list(directory.iterdir()):
                self._forget(child)
            return
        hidden = parts[-1].removeprefix(_WHITEOUT)
        if hidden.startswith(_WHITEOUT):
            return  # notes that AUFS kept for itself
        if hidden in ("", ".", ".."):
            raise ImageRefused(f"{name} of the image takes nothing away")
        self._forget(self._parent(parts, name) / hidden)

    def _forget(self, path: Path) -> None:
        """Take away what lower layers put there, and leave what this layer did, in whatever order they are named."""
        if path not in self._placed:
            if os.path.lexists(path):
                _remove(path)
        elif path.is_dir() and not path.is_symlink():
            for child in list(path.iterdir()):
                self._forget(child)

    def _parent(self, parts: list[str], name: str) -> Path:
        """The directory for the last of `parts`, made where it is missing; links are followed inside the image."""
        at: list[str] = []
        waiting = list(parts[:-1])
        links = 0
        while waiting:
            part = waiting.pop(0)
            if part == "..":
                at = at[:-1]
                continue
            path = self._root.joinpath(*at, part)
            if path.is_symlink():
                links += 1
                if links > _MAX_LINKS:
                    raise ImageRefused(f"{name} of the image lies behind too many links")
                aim = str(path.readlink())
                at = [] if aim.startswith("/") else at
                waiting = [step for step in aim.split("/") if step not in ("", ".")] + waiting
                continue
            at.append(part)
            self._enter(path, name)
        return self._root.joinpath(*at)

    def _enter(self, path: Path, name: str) -> None:
        if not os.path.lexists(path):
            path.mkdir(mode=0o700)
            self._directories[path] = _Marks(0o755, 0, 0, 0.0)
        elif not path.is_dir():
            raise ImageRefused(f"{name} of the image lies below a file")


def _make(layer: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if member.issym():
        target.symlink_to(member.linkname)
    elif member.isreg():
        source = layer.extractfile(member)
        with target.open("xb") as copy:
            if source is not None:
                shutil.copyfileobj(source, copy, _CHUNK)
        if target.stat().st_size != member.size:
            raise ImageRefused(f"the archive is damaged: {member.name} of the image is cut off")
    elif member.isfifo():
        os.mkfifo(target)
    else:
        kind = "a device" if member.isdev() else "of an unknown kind"
        raise ImageRefused(f"{member.name} of the image is {kind}; only files, directories, links and pipes are made")


def _check_supplied(member: tarfile.TarInfo, parts: list[str]) -> None:
    if len(parts) == 1 and not member.isdir():
        raise ImageRefused(f"/{parts[0]} of the image is not a directory")


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise ImageRefused(f"{name!r} leads out of the image")
    return parts


def _marks(member: tarfile.TarInfo) -> _Marks:
    for number in (member.uid, member.gid):
        if not 0 <= number <= _MAX_ID:
            raise ImageRefused(f"{member.name} of the image belongs to {number}, which is no user or group")
    at = float(member.mtime)
    return _Marks(member.mode, member.uid, member.gid, at if 0 <= at <= _MAX_TIME else 0.0)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        image_tree.discard(path)
    else:
        path.unlink()
