"""Making an image: what each instruction of a Dockerfile means for a local image, and which are refused.

Programs come from the host, so FROM supplies nothing and RUN has nothing to run in. Files go to `image_tree`.
"""

import os
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from moorage.runtime import build_context, dockerfile, image_tree
from moorage.runtime.build_context import BuildContext
from moorage.runtime.dockerfile import Instruction
from moorage.runtime.image_tree import ImageTree
from moorage.runtime.local_image import ImageRefused, LocalImage

HONOURED: Final = "WORKDIR, ENV, COPY, ENTRYPOINT, CMD, EXPOSE, USER and LABEL"
_KNOWN: Final = frozenset({"ADD", "ARG", "HEALTHCHECK", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "VOLUME"})
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?")
_PORTS: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(\w+))?")
_OWNED_BY_ROOT: Final = frozenset({"0", "0:0", "root", "root:root", "root:0", "0:root"})


@dataclass(frozen=True)
class _Build:
    context: BuildContext
    tree: ImageTree


def build(name: str, folder: Path, root: Path) -> LocalImage:
    """Lay the image's files out below the empty directory `root`, and say what runs in them, with their digest."""
    if not folder.is_dir():
        raise ImageRefused(f"{folder} is not a directory")
    text = build_context.text_of(folder, "Dockerfile")
    if text is None:
        raise ImageRefused(f"{folder} holds no Dockerfile")
    instructions = dockerfile.parse(text)
    _check_stages(instructions)
    steps = _Build(build_context.read(folder), ImageTree(root))
    image = LocalImage(name, root)
    for instruction in instructions[1:]:
        image = _honour(instruction, image, steps)
    return replace(image, digest="sha256:" + steps.tree.seal(_configuration(image)))


def _configuration(image: LocalImage) -> bytes:
    """All of an image but where its files are; the name counts too, so that two images never share a root."""
    return repr(replace(image, root=Path("/"))).encode()


def _check_stages(instructions: list[Instruction]) -> None:
    if not instructions:
        raise ImageRefused("the Dockerfile is empty; it begins with FROM")
    first, *rest = instructions
    if first.name != "FROM":
        raise _refusal(first) if first.name in _KNOWN else first.refused("a Dockerfile begins with FROM")
    if not re.fullmatch(r"(--platform=\S+\s+)?[^\s-]\S*(\s+[Aa][Ss]\s+\S+)?", first.text):
        raise first.refused(f"FROM {first.text} is not FROM IMAGE")
    for instruction in rest:
        if instruction.name == "FROM":
            raise instruction.refused("a second FROM: a local image has one stage, for there is nothing to build in")


def _honour(instruction: Instruction, image: LocalImage, steps: _Build) -> LocalImage:
    if instruction.name == "COPY":
        return _copy(instruction, image, steps)
    if instruction.name == "WORKDIR":
        return _workdir(instruction, image, steps)
    meaning = _MEANINGS.get(instruction.name)
    if meaning is None:
        raise _refusal(instruction)
    return meaning(instruction, image)


def _refusal(instruction: Instruction) -> ImageRefused:
    if instruction.name == "RUN":
        return instruction.refused(
            "RUN is not supported: a local image is not built, its programs are those of this host. "
            "Put the files that the command would make into the folder and COPY them"
        )
    what = "is not supported in a local image" if instruction.name in _KNOWN else "is not an instruction"
    return instruction.refused(f"{instruction.name} {what}; {HONOURED} are honoured")


def _env(instruction: Instruction, image: LocalImage) -> LocalImage:
    env = dict(image.env)
    return replace(image, env=tuple((env | dict(dockerfile.pairs(instruction, env))).items()))


def _label(instruction: Instruction, image: LocalImage) -> LocalImage:
    found = dict(image.labels) | dict(dockerfile.pairs(instruction, dict(image.env)))
    return replace(image, labels=tuple(found.items()))


def _entry_point(instruction: Instruction, image: LocalImage) -> LocalImage:
    return replace(image, entry_point=dockerfile.command_line(instruction))


def _command(instruction: Instruction, image: LocalImage) -> LocalImage:
    return replace(image, command=dockerfile.command_line(instruction))


def _user(instruction: Instruction, image: LocalImage) -> LocalImage:
    found = dockerfile.words(instruction, dict(image.env))
    if len(found) != 1 or not _USER.fullmatch(found[0]):
        raise instruction.refused(f"USER {instruction.text} is not USER[:GROUP]")
    return replace(image, user=found[0])


def _expose(instruction: Instruction, image: LocalImage) -> LocalImage:
    found = dockerfile.words(instruction, dict(image.env))
    if not found:
        raise instruction.refused("EXPOSE needs at least one port")
    ports = dict.fromkeys((*image.exposed, *(port for word in found for port in _ports(instruction, word))))
    return replace(image, exposed=tuple(ports))


def _ports(instruction: Instruction, word: str) -> range:
    found = _PORTS.fullmatch(word)
    if found is None:
        raise instruction.refused(f"EXPOSE {word} is not PORT, FIRST-LAST or PORT/tcp")
    if (found[3] or "tcp").lower() != "tcp":
        raise instruction.refused(f"EXPOSE {word}: only TCP ports are supported")
    first, last = int(found[1]), int(found[2] or found[1])
    if not 1 <= first <= last <= 65535:
        raise instruction.refused(f"EXPOSE {word} is not within 1 to 65535")
    return range(first, last + 1)


_MEANINGS: Final[Mapping[str, Callable[[Instruction, LocalImage], LocalImage]]] = {
    "ENV": _env,
    "LABEL": _label,
    "ENTRYPOINT": _entry_point,
    "CMD": _command,
    "USER": _user,
    "EXPOSE": _expose,
}


def _workdir(instruction: Instruction, image: LocalImage, steps: _Build) -> LocalImage:
    # The whole rest of the line is the path, as in container engines: blanks need no quotes.
    path = dockerfile.whole(instruction, dict(image.env))
    if not path:
        raise instruction.refused("WORKDIR needs a path")
    directory = _absolute(image.working_directory, path)
    if directory not in image_tree.SUPPLIED_DIRECTORIES:
        _at_line(instruction, lambda: steps.tree.make_directory(directory))
    return replace(image, working_directory=directory)


def _copy(instruction: Instruction, image: LocalImage, steps: _Build) -> LocalImage:
    flags, rest = _flags(instruction)
    chmod = _chmod(instruction, flags)
    found = dockerfile.arguments(replace(instruction, text=rest), dict(image.env))
    if len(found) < 2:
        raise instruction.refused("COPY needs at least one source and a destination")
    *sources, last = found
    destination = _absolute(image.working_directory, last)
    into = last.endswith("/") or last in {".", ".."} or last.endswith(("/.", "/.."))
    _at_line(instruction, lambda: _place(steps, sources, destination, into, chmod))
    return image


def _flags(instruction: Instruction) -> tuple[dict[str, str], str]:
    flags: dict[str, str] = {}
    rest = instruction.text
    while rest.startswith("--"):
        flag, *after = rest.split(None, 1)
        name, _, value = flag.partition("=")
        flags[name] = value
        rest = after[0] if after else ""
    return flags, rest


def _chmod(instruction: Instruction, flags: Mapping[str, str]) -> int | None:
    for flag, value in flags.items():
        if flag == "--chown" and value not in _OWNED_BY_ROOT:
            raise instruction.refused(
                f"COPY --chown={value} is not supported: the files of a local image belong to root; --chmod opens them"
            )
        if flag == "--from":
            raise instruction.refused("COPY --from is not supported: a local image has one stage")
        if flag not in {"--chmod", "--chown"}:
            raise instruction.refused(f"COPY {flag} is not supported in a local image; --chmod is")
    mode = flags.get("--chmod")
    if mode is None:
        return None
    if not re.fullmatch(r"0?[0-7]{3}", mode):
        raise instruction.refused(f"COPY --chmod={mode} is not an octal mode such as 755")
    return int(mode, 8)


def _place(steps: _Build, sources: list[str], destination: str, into: bool, chmod: int | None) -> None:
    found = [entry for source in sources for entry in steps.context.find(source)]
    if len(found) > 1 and not into:
        raise ImageRefused(f"COPY of several sources: the destination {destination} must end with /")
    for entry in found:
        followed = steps.context.followed(entry)
        if followed.is_directory:
            steps.tree.make_directory(destination)
            for path, below in steps.context.below(followed):
                steps.tree.put(below, posixpath.join(destination, path), chmod)
            continue
        directory = into or steps.tree.is_directory(destination)
        target = posixpath.join(destination, posixpath.basename(entry.path)) if directory else destination
        steps.tree.put(followed, target, chmod)


def _at_line(instruction: Instruction, act: Callable[[], None]) -> None:
    """Do something for an instruction; what is refused names its line, and so does what the disk refuses."""
    try:
        act()
    except ImageRefused as refused:
        raise instruction.refused(refused.problem) from refused
    except OSError as error:
        raise instruction.refused(f"{instruction.name} {instruction.text}: {os.strerror(error.errno or 0)}") from error


def _absolute(working_directory: str, path: str) -> str:
    # normpath keeps two leading slashes, which POSIX lets mean something else.
    return "/" + posixpath.normpath(posixpath.join(working_directory, path)).lstrip("/")
