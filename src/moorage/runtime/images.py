"""The catalog of local images: adds a folder or an archive under a name, keeps it, resolves references to it.

An image is a copy made when it is added: what happens to its source later changes nothing until it is added again.
How a folder becomes an image is in `image_build`, how an archive does in `image_saved`.
"""

import os
import tempfile
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from moorage.engine.ports import CannotPull, RuntimeFailed
from moorage.planning.actions import PROXY_IMAGE
from moorage.runtime import image_build, image_saved, image_tree
from moorage.runtime.local_image import ImageRefused, LocalImage, image_name, is_image_name

__all__ = ["ImageCatalog", "ImageRefused", "LocalImage", "image_name"]

_INDEX_VERSION: Final = 1


class CatalogUnreadable(RuntimeFailed):
    """The index of images cannot be read: it is damaged, or a newer Moorage wrote it."""


@dataclass(frozen=True)
class _Entry:
    """A line of the index: an image without its root, which follows from the digest."""

    digest: str
    folder: str
    env: tuple[tuple[str, str], ...]
    entry_point: tuple[str, ...]
    command: tuple[str, ...]
    working_directory: str
    user: str
    exposed: tuple[int, ...]
    labels: tuple[tuple[str, str], ...]
    complete: bool = False
    stop_signal: int = 15


@dataclass(frozen=True)
class _Index:
    version: int = _INDEX_VERSION
    images: dict[str, _Entry] = field(default_factory=dict)


class ImageCatalog:
    """The local images below one directory. Safe to use from several threads; one process at a time."""

    def __init__(self, directory: Path) -> None:
        self._roots = directory / "roots"
        self._file = directory / "index.json"
        self._lock = threading.Lock()
        self._roots.mkdir(parents=True, exist_ok=True)
        self._index = _read(self._file)
        for unfinished in self._roots.glob(".new-*"):
            image_tree.discard(unfinished)

    def add(self, name: str, source: Path) -> LocalImage:
        """Make the image `name` from a folder with a Dockerfile or from an archive; on ImageRefused nothing changes."""
        plain = image_name(name)
        if not is_image_name(plain):
            raise ImageRefused(f"{name!r} is not an image name: lowercase letters, digits, '.', '_', '-' and '/'")
        if plain == PROXY_IMAGE:
            raise ImageRefused(f"{plain} is the Service Connect proxy's image; choose another name")
        with self._lock:
            image = self._built(plain, source)
            self._save({**self._index.images, plain: _entry(image, source)})
            return image

    def list(self) -> tuple[LocalImage, ...]:
        """All images, ordered by name."""
        images = self._index.images
        return tuple(self._image(name, images[name]) for name in sorted(images))

    def source(self, name: str) -> Path | None:
        """The folder or archive that an image was made from, or None if there is no such image."""
        entry = self._index.images.get(image_name(name))
        return None if entry is None else Path(entry.folder)

    def remove(self, name: str) -> bool:
        """Forget an image; False if there was none. Its files stay until `prune`, for running tasks use them."""
        with self._lock:
            images = dict(self._index.images)
            if images.pop(image_name(name), None) is None:
                return False
            self._save(images)
            return True

    def resolve(self, reference: str) -> LocalImage:
        """The image that a container definition's reference names."""
        name = image_name(reference)
        entry = self._index.images.get(name)
        if entry is None:
            raise CannotPull(
                f"failed to resolve ref {reference}: not found; add it with `moorage image add {name} DIR`"
            )
        return self._image(name, entry)

    def prune(self, in_use: frozenset[Path]) -> None:
        """Take away the files of images that were removed or made anew, but not the roots that tasks still use."""
        with self._lock:
            kept = {image.root for image in self.list()} | in_use
            for root in self._roots.iterdir():
                if root not in kept:
                    image_tree.discard(root)

    def _built(self, name: str, source: Path) -> LocalImage:
        draft = Path(tempfile.mkdtemp(prefix=".new-", dir=self._roots))
        try:
            if source.is_file():
                image = image_saved.add(name, source, draft, self._roots)
            else:
                image = image_build.build(name, source, draft)
            root = self._root(image.digest)
            if not root.exists():
                draft.rename(root)
            return replace(image, root=root)
        except OSError as error:
            raise ImageRefused(f"{source}: {error.strerror} ({error.filename})") from error
        finally:
            if draft.exists():
                image_tree.discard(draft)

    def _save(self, images: dict[str, _Entry]) -> None:
        """Replace the index in one step: after a crash it is the old one or the new one."""
        index = _Index(images=images)
        draft = self._file.with_suffix(".new")
        with draft.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(index), indent=1))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)
        descriptor = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._index = index

    def _root(self, digest: str) -> Path:
        return self._roots / digest.removeprefix("sha256:")

    def _image(self, name: str, entry: _Entry) -> LocalImage:
        fields = {key: getattr(entry, key) for key in _Entry.__dataclass_fields__ if key != "folder"}
        return LocalImage(name=name, root=self._root(entry.digest), **fields)


def _entry(image: LocalImage, source: Path) -> _Entry:
    fields = {key: getattr(image, key) for key in _Entry.__dataclass_fields__ if key != "folder"}
    return _Entry(folder=str(source.resolve()), **fields)


def _read(file: Path) -> _Index:
    if not file.exists():
        return _Index()
    try:
        index = msgspec.json.decode(file.read_bytes(), type=_Index)
    except msgspec.MsgspecError as error:
        raise CatalogUnreadable(f"the index of images {file} cannot be read: {error}") from error
    if index.version != _INDEX_VERSION:
        raise CatalogUnreadable(f"the index of images {file} has version {index.version}; this Moorage knows 1")
    return index
