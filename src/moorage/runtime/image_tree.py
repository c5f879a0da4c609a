"""The files of an image on disk: placed below one directory, never through a link out of it, then made a digest.

Which files go where is decided in `image_build`.
"""

import hashlib
import os
import posixpath
import shutil
import stat
from pathlib import Path
from typing import Final

from moorage.runtime import build_context
from moorage.runtime.build_context import Entry
from moorage.runtime.local_image import ImageRefused

SUPPLIED_DIRECTORIES: Final = ("/proc", "/sys", "/dev", "/tmp")
"""Made anew for every container, so that they are always there and an image cannot fill them."""

_SUPPLIED: Final = (*SUPPLIED_DIRECTORIES, "/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
_DIRECTORY_MODE: Final = 0o755
_PERMISSIONS: Final = 0o1777


class ImageTree:
    """A directory that becomes a container's `/`. Modes wait until `seal`: a read-only directory is filled too."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._modes: dict[Path, int] = {root: _DIRECTORY_MODE}

    def is_directory(self, path: str) -> bool:
        return self._below(path).is_dir()

    def make_directory(self, path: str) -> None:
        """Make a directory and those above it; one that is there keeps its mode."""
        self._check_supplied(path)
        at = "/"
        for part in path.strip("/").split("/"):
            at = posixpath.join(at, part)
            directory = self._below(at)
            if directory.is_dir():
                continue
            if directory.is_symlink() or directory.exists():
                raise ImageRefused(f"{at} is a file of the image already")
            directory.mkdir(mode=0o700)
            self._modes[directory] = _DIRECTORY_MODE

    def put(self, entry: Entry, path: str, mode: int | None) -> None:
        """Place one file, link or empty directory; a file or link that was there gives way."""
        self._check_supplied(path)
        target = self._below(path)
        if entry.is_directory:
            self.make_directory(path)
        else:
            self.make_directory(posixpath.dirname(path))
            self._replace(entry, target, path)
        if entry.link is None:
            self._modes[target] = entry.mode & _PERMISSIONS if mode is None else mode

    def _replace(self, entry: Entry, target: Path, path: str) -> None:
        if target.is_dir() and not target.is_symlink():
            raise ImageRefused(f"{path} is a directory of the image already")
        target.unlink(missing_ok=True)
        self._modes.pop(target, None)
        if entry.link is not None:
            target.symlink_to(entry.link)
        else:
            with build_context.opened(entry.source) as source, target.open("xb") as copy:
                shutil.copyfileobj(source, copy)

    def _below(self, path: str) -> Path:
        """The path on this host. Nothing is placed behind a link of the image: writing there could leave the tree."""
        at = self._root
        for part in path.strip("/").split("/"):
            if at.is_symlink():
                raise ImageRefused(f"{path} lies behind a symbolic link of the image")
            at = at / part
        return at

    def _check_supplied(self, path: str) -> None:
        for supplied in _SUPPLIED:
            if path == supplied or path.startswith(supplied + "/"):
                raise ImageRefused(f"{path} cannot be part of an image: {supplied} is made anew for every container")

    def seal(self, configuration: bytes) -> str:
        """A SHA-256 over what runs and every path, kind, mode and content; then the modes are set, inner ones first."""
        total = hashlib.sha256(configuration)
        for directory, folders, files in os.walk(self._root):
            folders.sort()
            for name in sorted([*folders, *files]):
                total.update(self._line(Path(directory, name)))
        for path, mode in sorted(self._modes.items(), key=lambda item: len(item[0].parts), reverse=True):
            path.chmod(mode)
        return total.hexdigest()

    def _line(self, path: Path) -> bytes:
        kind = stat.S_IFMT(path.lstat().st_mode)
        content = ""
        if stat.S_ISLNK(kind):
            content = str(path.readlink())
        elif stat.S_ISREG(kind):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        fields = (os.fsencode(path.relative_to(self._root)), kind, self._modes.get(path), os.fsencode(content))
        return repr(fields).encode() + b"\n"


def discard(root: Path) -> None:
    """Take a tree away, also one whose directories do not let its owner write."""
    for directory, _, _ in os.walk(root):
        for inner in [Path(directory), *(one for one in Path(directory).iterdir() if one.is_dir())]:
            if not inner.is_symlink():
                inner.chmod(0o700)
    shutil.rmtree(root, ignore_errors=False)
