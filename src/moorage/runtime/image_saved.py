"""Makes a local image of one that was saved: its layers become its whole root, its configuration says what runs.

What ECS does not take from an image either (HEALTHCHECK, VOLUME) has no effect; UDP ports of EXPOSE have none anywhere.
"""

import os
import re
import signal
from pathlib import Path
from typing import Final

from moorage.runtime import image_archive
from moorage.runtime.image_archive import Configuration, ImageArchive, Run
from moorage.runtime.image_layers import LayeredTree
from moorage.runtime.local_image import DEFAULT_PATH, ImageRefused, LocalImage

_PORT: Final = re.compile(r"(\d{1,5})(?:/tcp)?")


def add(name: str, file: Path, draft: Path, roots: Path) -> LocalImage:
    """The image `name` of an archive, with its files below the empty directory `draft` unless `roots` has them."""
    with image_archive.opened(file, name, roots) as archive:
        image = _image(name, draft, archive)
        if not (roots / image.digest.removeprefix("sha256:")).exists():
            tree = LayeredTree(draft, owners=os.geteuid() == 0)
            for layer in archive.unpacked():
                tree.apply(layer)
            tree.seal()
        return image


def _image(name: str, root: Path, archive: ImageArchive) -> LocalImage:
    _check_platform(archive.configuration)
    run = archive.configuration.config or Run()
    return LocalImage(
        name=name,
        root=root,
        digest=archive.digest,
        env=_environment(run.Env or []),
        entry_point=tuple(run.Entrypoint or ()),
        command=tuple(run.Cmd or ()),
        working_directory="/" + run.WorkingDir.lstrip("/"),
        # Without a USER, an image's programs expect to be root; they are it without any capability.
        user=run.User or "0",
        exposed=_ports(run.ExposedPorts or {}),
        labels=tuple((run.Labels or {}).items()),
        complete=True,
        stop_signal=_stop_signal(run.StopSignal),
    )


def _check_platform(configuration: Configuration) -> None:
    platform, here = f"{configuration.os}/{configuration.architecture}", f"linux/{image_archive.machine()}"
    if platform != here:
        raise ImageRefused(f"the image is for {platform}, and this machine is {here}")


def _environment(lines: list[str]) -> tuple[tuple[str, str], ...]:
    env = {"PATH": DEFAULT_PATH}
    for line in lines:
        key, equals, value = line.partition("=")
        if not key or not equals:
            raise ImageRefused(f"the image's environment holds {line!r}, which is not NAME=VALUE")
        env[key] = value
    return tuple(env.items())


def _ports(exposed: dict[str, object]) -> tuple[int, ...]:
    found = [_PORT.fullmatch(text) for text in exposed]
    return tuple(sorted({int(port[1]) for port in found if port}))


def _stop_signal(text: str | None) -> int:
    if not text:
        return int(signal.SIGTERM)
    if text.isdigit() and int(text) in signal.valid_signals():
        return int(text)
    known = {one.name: int(one) for one in signal.Signals}
    number = known.get(text) or known.get(f"SIG{text}")
    if number is None:
        raise ImageRefused(f"the image's STOPSIGNAL {text} is no signal")
    return number
