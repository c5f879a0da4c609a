"""Reads what `docker save` and OCI tools write: which image an archive holds, its configuration, its layers in order.

Every blob is checked against its digest. What a configuration means is `image_saved`'s, unpacking `image_layers`'.
"""

import gzip
import hashlib
import io
import lzma
import os
import posixpath
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar

import msgspec

from moorage.runtime.local_image import ImageRefused, image_name

ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
"""What images call the machines that this program knows."""

_GZIP, _ZSTD, _XZ = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00"
_MAX_DOCUMENT: Final = 8 << 20
_MAX_NESTING: Final = 4
_CHUNK: Final = 1 << 20
_NAMES: Final = ("io.containerd.image.name", "org.opencontainers.image.ref.name")

_Document = TypeVar("_Document")


class _Platform(msgspec.Struct):
    architecture: str = ""
    os: str = ""


class _Descriptor(msgspec.Struct, rename={"media_type": "mediaType"}):
    digest: str
    media_type: str = ""
    platform: _Platform | None = None
    annotations: dict[str, str] | None = None


class _Index(msgspec.Struct):
    manifests: list[_Descriptor]


class _Manifest(msgspec.Struct):
    config: _Descriptor
    layers: list[_Descriptor]


class _Saved(msgspec.Struct):
    """One image of the list that `docker save` writes."""

    Config: str
    Layers: list[str]
    RepoTags: list[str] | None = None


class _RootFilesystem(msgspec.Struct):
    diff_ids: list[str]


class Run(msgspec.Struct):
    """How an image's program is run: the part of its configuration that bears on containers."""

    Env: list[str] | None = None
    Entrypoint: list[str] | None = None
    Cmd: list[str] | None = None
    WorkingDir: str = ""
    User: str = ""
    ExposedPorts: dict[str, object] | None = None
    Labels: dict[str, str] | None = None
    StopSignal: str | None = None


class Configuration(msgspec.Struct):
    """An image's configuration, as the archive has it."""

    architecture: str
    os: str
    rootfs: _RootFilesystem
    config: Run | None = None


class ImageArchive:
    """One image of an archive. `layers` are names in the archive, lowest first; `digest` is the image's id."""

    def __init__(self, tar: tarfile.TarFile, configuration: bytes, layers: Sequence[str]) -> None:
        self._tar = tar
        self.digest = "sha256:" + hashlib.sha256(configuration).hexdigest()
        self.configuration = _decoded(configuration, Configuration, "the image's configuration")
        self.layers = tuple(layers)
        known = len(self.configuration.rootfs.diff_ids)
        if known != len(self.layers):
            raise ImageRefused(f"the archive is damaged: {len(self.layers)} layers, and {known} in the configuration")

    def unpacked(self) -> Iterator[tarfile.TarFile]:
        """Each layer as a tar to be read once, from front to back; ImageRefused at its end if it is not what it was."""
        for number, (path, wanted) in enumerate(
            zip(self.layers, self.configuration.rootfs.diff_ids, strict=True), start=1
        ):
            stream = _Counted(_decompressed(_member(self._tar, path), f"layer {number}"))
            with tarfile.open(fileobj=stream, mode="r|") as layer:
                yield layer
            while stream.read(_CHUNK):
                pass  # what lies behind the last file belongs to the digest
            if stream.digest() != wanted:
                raise ImageRefused(f"the archive is damaged: layer {number} is not {wanted}")


@contextmanager
def opened(file: Path, name: str, scratch: Path) -> Iterator[ImageArchive]:
    """The image of `file`; where it holds several, the one called `name`. In `scratch` a compressed one is unpacked."""
    try:
        with _plain(file, scratch) as plain, tarfile.open(fileobj=plain, mode="r:") as tar:
            yield _choose(tar, name)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError) as error:
        raise ImageRefused(f"{file} is not an archive of an image, or it is damaged: {error}") from error


def machine() -> str:
    """This machine's architecture as images name it."""
    kind = os.uname().machine
    return ARCHITECTURES.get(kind, kind)


@contextmanager
def _plain(file: Path, scratch: Path) -> Iterator[IO[bytes]]:
    with file.open("rb") as source:
        start = source.read(8)
        source.seek(0)
        if not start.startswith((_GZIP, _ZSTD, _XZ)):
            yield source
            return
        with tempfile.TemporaryFile(dir=scratch) as copy:
            shutil.copyfileobj(_decompressed(source, str(file)), copy, _CHUNK)
            copy.seek(0)
            yield copy


def _decompressed(source: IO[bytes], what: str) -> IO[bytes]:
    start = source.read(8)
    source.seek(0)
    if start.startswith(_ZSTD):
        raise ImageRefused(f"{what} is compressed with zstd, which is not supported; save the image with gzip or plain")
    if start.startswith(_XZ):
        return lzma.open(source)
    if start.startswith(_GZIP):
        return gzip.GzipFile(fileobj=source)  # type: ignore[return-value]  # it reads as any other file does
    return source


class _Counted(io.RawIOBase):
    """A stream that remembers the SHA-256 of all that was read of it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._total = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._total.update(data)
        return data

    def digest(self) -> str:
        return "sha256:" + self._total.hexdigest()


def _choose(tar: tarfile.TarFile, name: str) -> ImageArchive:
    names = {posixpath.normpath(member.name) for member in tar}
    if "manifest.json" in names:
        saved = _saved(_decoded(_content(tar, "manifest.json"), list[_Saved], "manifest.json"), name)
        return ImageArchive(tar, _content(tar, saved.Config), saved.Layers)
    if "index.json" in names:
        manifest = _manifest(tar, name)
        layers = [_blob(layer.digest) for layer in manifest.layers]
        return ImageArchive(tar, _verified(tar, manifest.config.digest), layers)
    raise ImageRefused("the archive holds no image: neither manifest.json (docker save) nor index.json (OCI)")


def _saved(images: list[_Saved], name: str) -> _Saved:
    if len(images) == 1:
        return images[0]
    found = [image for image in images if name in {image_name(tag) for tag in image.RepoTags or ()}]
    if len(found) == 1:
        return found[0]
    tags = ", ".join(sorted(tag for image in images for tag in image.RepoTags or ())) or "none has a name"
    raise ImageRefused(f"the archive holds {len(images)} images, and not one that is called {name}: {tags}")


def _manifest(tar: tarfile.TarFile, name: str) -> _Manifest:
    """The one manifest for this machine, of an index that may hold others, other platforms and other documents."""
    everything = list(_flattened(tar, _content(tar, "index.json"), {}, 0))
    known = [one for one in everything if one.platform and one.platform.os not in ("", "unknown")]
    fitting = [one for one in everything if one.platform is None or _fits(one.platform)]
    if not fitting:
        listed = ", ".join(sorted(f"{one.platform.os}/{one.platform.architecture}" for one in known if one.platform))
        raise ImageRefused(f"the archive has no image for linux/{machine()}: it has {listed or 'none'}")
    if len({one.digest for one in fitting}) > 1:
        fitting = [one for one in fitting if name in _names(one)]
    if len({one.digest for one in fitting}) != 1:
        listed = ", ".join(sorted({text for one in everything for text in _names(one)})) or "none has a name"
        raise ImageRefused(f"the archive holds several images, and not one that is called {name}: {listed}")
    return _decoded(_verified(tar, fitting[0].digest), _Manifest, "the image's manifest")


def _fits(platform: _Platform) -> bool:
    return platform.os == "linux" and platform.architecture == machine()


def _names(descriptor: _Descriptor) -> set[str]:
    annotations = descriptor.annotations or {}
    return {image_name(annotations[key]) for key in _NAMES if key in annotations}


def _flattened(tar: tarfile.TarFile, index: bytes, above: dict[str, str], depth: int) -> Iterator[_Descriptor]:
    """All manifests below an index; what an outer one is called, its inner ones are called, too."""
    if depth > _MAX_NESTING:
        raise ImageRefused("the archive's index is nested too deeply")
    for one in _decoded(index, _Index, "an index of the archive").manifests:
        annotations = {**above, **(one.annotations or {})}
        if one.media_type.endswith((".image.index.v1+json", ".manifest.list.v2+json")):
            yield from _flattened(tar, _verified(tar, one.digest), annotations, depth + 1)
        else:
            yield msgspec.structs.replace(one, annotations=annotations)


def _verified(tar: tarfile.TarFile, digest: str) -> bytes:
    content = _content(tar, _blob(digest))
    if "sha256:" + hashlib.sha256(content).hexdigest() != digest:
        raise ImageRefused(f"the archive is damaged: a blob is not {digest}")
    return content


def _blob(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or len(value) != 64 or not value.isalnum():
        raise ImageRefused(f"the digest {digest!r} is not sha256 with 64 digits")
    return f"blobs/sha256/{value}"


def _content(tar: tarfile.TarFile, path: str) -> bytes:
    content = _member(tar, path).read(_MAX_DOCUMENT + 1)
    if len(content) > _MAX_DOCUMENT:
        raise ImageRefused(f"the archive's {path} is larger than {_MAX_DOCUMENT >> 20} MiB")
    return content


def _member(tar: tarfile.TarFile, path: str) -> IO[bytes]:
    for name in (path, f"./{path}"):
        try:
            found = tar.extractfile(name)
        except KeyError:
            continue
        if found is not None:
            return found
    raise ImageRefused(f"the archive is damaged: it lacks {path}")


def _decoded(content: bytes, kind: type[_Document], what: str) -> _Document:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise ImageRefused(f"{what} cannot be read: {error}") from error
