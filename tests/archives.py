"""Archives of images made from nothing: layers of chosen files, as `docker save` and as OCI tools lay them out."""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


def file(path: str, content: bytes | str = b"", mode: int = 0o644, owner: int = 0) -> tuple[tarfile.TarInfo, bytes]:
    """A file of a layer."""
    data = content.encode() if isinstance(content, str) else content
    member = tarfile.TarInfo(path)
    member.size, member.mode, member.uid, member.gid, member.mtime = len(data), mode, owner, owner, 1_600_000_000
    return member, data


def entry(path: str, kind: bytes, mode: int = 0o755, owner: int = 0, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """Anything else: a directory, a link, a device."""
    member = tarfile.TarInfo(path)
    member.type, member.mode, member.uid, member.gid, member.linkname = kind, mode, owner, owner, link
    return member, b""


def directory(path: str, mode: int = 0o755, owner: int = 0) -> tuple[tarfile.TarInfo, bytes]:
    return entry(path, tarfile.DIRTYPE, mode, owner)


def link(path: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(path, tarfile.SYMTYPE, 0o777, link=target)


def hard_link(path: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return entry(path, tarfile.LNKTYPE, 0o644, link=target)


def layer(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """The uncompressed tar of a layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def configuration(layers: Sequence[bytes], run: Mapping[str, Any], architecture: str = MACHINE) -> bytes:
    """What an image says of itself, for layers as they are before compression."""
    rootfs = {"type": "layers", "diff_ids": [digest(one) for one in layers]}
    return json.dumps({"architecture": architecture, "os": "linux", "rootfs": rootfs, "config": dict(run)}).encode()


def docker(at: Path, layers: Sequence[bytes], run: Mapping[str, Any], tag: str = "saved:1", **also: str) -> Path:
    """As `docker save` writes it: manifest.json, a configuration, one directory for each layer."""
    config = configuration(layers, run, **also)
    files = {f"{digest(config)[7:]}.json": config}
    files |= {f"layer{number}/layer.tar": data for number, data in enumerate(layers)}
    listed = [{"Config": f"{digest(config)[7:]}.json", "RepoTags": [tag], "Layers": list(files)[1:]}]
    return _archive(at, {**files, "manifest.json": json.dumps(listed).encode()})


def oci(at: Path, layers: Sequence[bytes], run: Mapping[str, Any], others: Sequence[str] = ()) -> Path:
    """An OCI archive with gzip layers, and manifests for `others`: architectures that it has an image for, too."""
    blobs: dict[str, bytes] = {}

    def blob(data: bytes, **descriptor: Any) -> dict[str, Any]:
        blobs[f"blobs/sha256/{digest(data)[7:]}"] = data
        return {"digest": digest(data), "size": len(data), **descriptor}

    def manifest(architecture: str) -> dict[str, Any]:
        document = {
            "schemaVersion": 2,
            "config": blob(configuration(layers, run, architecture)),
            "layers": [blob(gzip.compress(one, mtime=0)) for one in layers],
        }
        return blob(json.dumps(document).encode(), platform={"os": "linux", "architecture": architecture})

    signed = {"platform": {"os": "unknown", "architecture": "unknown"}}
    manifests = [*(manifest(one) for one in (*others, MACHINE)), blob(b"{}", **signed)]
    inner = blob(json.dumps({"manifests": manifests}).encode(), mediaType="application/vnd.oci.image.index.v1+json")
    index = json.dumps({"schemaVersion": 2, "manifests": [inner]}).encode()
    return _archive(at, {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index, **blobs})


@cache
def programs(*names: str) -> tuple[tuple[tarfile.TarInfo, bytes], ...]:
    """Programs of this host as /bin/<name>, with the libraries that they are linked with: a small distribution."""
    found: dict[str, Path] = {}
    for name in names:
        program = shutil.which(name)
        assert program is not None, f"this host has no {name}"
        found[f"bin/{name}"] = Path(program).resolve()
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            found[library.lstrip("/")] = Path(library).resolve()
    return tuple(file(path, source.read_bytes(), 0o755) for path, source in found.items())


def _archive(at: Path, files: Mapping[str, bytes]) -> Path:
    at.write_bytes(layer(*(file(path, data) for path, data in files.items())))
    return at
