"""LocalImage: what a container is started from when there is no container engine, and how references name one.

A value only. `images` keeps them, `image_build` makes them from a folder, `image_saved` from an archive.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.engine.ports import RuntimeFailed

DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of every image that does not set its own, as container engines have it."""

_HOST: Final = re.compile(r"(?=.*[.:])[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?")
_COMPONENT: Final = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*")


class ImageRefused(RuntimeFailed):
    """A folder or an archive cannot become an image; `line` is the Dockerfile's line at fault, 0 where none is."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(f"Dockerfile line {line}: {problem}" if line else problem)
        self.problem = problem
        self.line = line


@dataclass(frozen=True)
class LocalImage:
    """An image: a directory whose tree is laid over `/`, and what runs in it.

    `root` never changes once made: another content has another digest and another root. `env` always holds PATH.
    `exposed` are TCP ports. `user` is "" or `user[:group]`, names or numbers. A `complete` image brings all of its
    root: nothing of the host's programs lies below it. `stop_signal` is what asks its program to end.
    """

    name: str
    root: Path
    digest: str = ""
    env: tuple[tuple[str, str], ...] = (("PATH", DEFAULT_PATH),)
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = "/"
    user: str = ""
    exposed: tuple[int, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    complete: bool = False
    stop_signal: int = 15


def image_name(reference: str) -> str:
    """The image reference without registry, tag and digest: the name that a local image is found by."""
    path, _, _ = reference.partition("@")
    head, slash, rest = path.partition("/")
    if slash and (_HOST.fullmatch(head) or head == "localhost"):
        path = rest
    folder, slash, last = path.rpartition("/")
    return folder + slash + last.partition(":")[0]


def is_image_name(name: str) -> bool:
    """Whether every component is one that container registries allow."""
    return all(_COMPONENT.fullmatch(component) for component in name.split("/"))
