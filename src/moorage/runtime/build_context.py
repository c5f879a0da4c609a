"""The folder that an image is made from: which of its files COPY can see, and that nothing outside it is reached.

Follows container engines: `.dockerignore` hides files, wildcards are those of Go's filepath.Match, `**` any depth.
"""

import os
import posixpath
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from moorage.runtime.local_image import ImageRefused

_LONGEST_TEXT: Final = 1 << 20
_WILD: Final = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Entry:
    """A directory, regular file or symlink of the context: its path relative to the folder, and on this host."""

    path: str
    source: Path
    mode: int
    link: str | None = None

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    hides: bool


@dataclass(frozen=True)
class BuildContext:
    """What a folder offers to COPY, in the order of paths."""

    folder: Path
    entries: dict[str, Entry] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()

    def find(self, source: str) -> list[Entry]:
        """What a source of COPY names, wildcards replaced; ImageRefused if it is outside, hidden or not there."""
        wanted = posixpath.normpath(source.lstrip("/") or ".")
        if wanted.split("/")[0] == "..":
            raise ImageRefused(f"COPY {source}: the path is outside the folder that the image is made of")
        if _WILD.search(wanted):
            found = [entry for path, entry in self.entries.items() if _glob(wanted).fullmatch(path)]
        else:
            found = [self.entries[wanted]] if wanted in self.entries else []
        if found:
            return [self._checked(entry) for entry in found]
        why = "it is excluded by .dockerignore" if wanted in self.hidden else "there is no such file in the folder"
        raise ImageRefused(f"COPY {source}: {why}")

    def below(self, directory: Entry) -> Iterator[tuple[str, Entry]]:
        """All that a directory holds, with paths relative to it; parents come before what they hold."""
        prefix = "" if directory.path == "." else directory.path + "/"
        for path, entry in self.entries.items():
            if path != "." and path.startswith(prefix):
                yield path[len(prefix) :], self._checked(entry)

    def followed(self, entry: Entry) -> Entry:
        """What a symlink that is itself a source of COPY leads to, as `find` gave it: within the folder."""
        if entry.link is None:
            return entry
        return self.find(re.sub(r"([*?\[\\])", r"\\\1", os.path.relpath(entry.source.resolve(), self.folder)))[0]

    def _checked(self, entry: Entry) -> Entry:
        """Only what COPY takes is checked: what else lies in the folder harms nobody."""
        if entry.link is not None:
            _check_link(self.folder, entry)
        elif not entry.is_directory and not stat.S_ISREG(entry.mode):
            raise ImageRefused(f"{entry.path} is neither a file nor a directory nor a symbolic link")
        elif not entry.is_directory and entry.mode & (stat.S_ISUID | stat.S_ISGID):
            raise ImageRefused(f"{entry.path} is set-user-ID or set-group-ID: no program of a task may gain rights")
        return entry


def read(folder: Path) -> BuildContext:
    """Look through the folder, leaving out what `.dockerignore` hides."""
    root = folder.resolve()
    rules = _rules(root)
    entries = {".": Entry(".", root, root.stat().st_mode)}
    hidden: set[str] = set()
    _walk(BuildContext(root, entries), ".", rules, hidden)
    return BuildContext(root, entries, frozenset(hidden))


def opened(file: Path) -> BinaryIO:
    """A regular file, open for reading, at this very path: a link put in its way after it was checked is refused.

    Moorage may run as root and the folder belong to someone else, who must not read through it what they may not read.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode) or Path(f"/proc/self/fd/{descriptor}").readlink() != file:
        found.close()
        raise ImageRefused(f"{file} changed while the image was made")
    return found


def text_of(folder: Path, name: str) -> str | None:
    """The text of a file of the folder, or None if there is none; ImageRefused unless it is UTF-8 within the folder."""
    root = folder.resolve()
    file = (root / name).resolve()
    if not (root / name).is_file():
        return None
    if not file.is_relative_to(root):
        raise ImageRefused(f"{name} is a symbolic link to a file outside the folder")
    with opened(file) as source:
        content = source.read(_LONGEST_TEXT + 1)
    if len(content) > _LONGEST_TEXT:
        raise ImageRefused(f"{name} is longer than 1 MiB")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ImageRefused(f"{name} is not UTF-8: {error}") from error


def _walk(context: BuildContext, below: str, rules: list[_Rule], hidden: set[str]) -> None:
    has_exceptions = not all(rule.hides for rule in rules)
    for found in sorted(os.scandir(context.folder / below), key=lambda one: one.name):
        path = posixpath.normpath(posixpath.join(below, found.name))
        is_directory = found.is_dir(follow_symlinks=False)
        if _hides(rules, path):
            hidden.add(path)
            # A later rule may bring back a file inside a hidden directory; without such a rule it is not looked into.
            if is_directory and has_exceptions:
                _walk(context, path, rules, hidden)
            continue
        _add_with_parents(context, path)
        if is_directory:
            _walk(context, path, rules, hidden)


def _add_with_parents(context: BuildContext, path: str) -> None:
    parent = posixpath.dirname(path)
    if parent and parent not in context.entries:
        _add_with_parents(context, parent)
    context.entries[path] = _entry(context.folder, path)


def _entry(folder: Path, path: str) -> Entry:
    source = folder / path
    mode = source.lstat().st_mode
    return Entry(path, source, mode, str(source.readlink()) if stat.S_ISLNK(mode) else None)


def _check_link(folder: Path, entry: Entry) -> None:
    target = entry.link or ""
    if posixpath.isabs(target) or not Path(os.path.realpath(entry.source)).is_relative_to(folder):
        raise ImageRefused(f"{entry.path} is a symbolic link to {target}, outside the folder that the image is made of")


def _rules(folder: Path) -> list[_Rule]:
    """The lines of the ignore file; one that is named after the Dockerfile wins, as BuildKit has it."""
    for name in ("Dockerfile.dockerignore", ".dockerignore"):
        text = text_of(folder, name)
        if text is not None:
            return [rule for line in text.split("\n") for rule in _rule(line)]
    return []


def _rule(line: str) -> list[_Rule]:
    text = line.strip()
    if not text or line.startswith("#"):
        return []
    hides = not text.startswith("!")
    pattern = posixpath.normpath(text.removeprefix("!").strip().lstrip("/") or ".")
    return [] if pattern == "." else [_Rule(_glob(pattern), hides)]


def _hides(rules: list[_Rule], path: str) -> bool:
    """The last rule that matches the path, or a directory above it, decides."""
    parts = path.split("/")
    paths = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    hides = False
    for rule in rules:
        if rule.hides != hides and any(rule.pattern.fullmatch(candidate) for candidate in paths):
            hides = rule.hides
    return hides


def _glob(pattern: str) -> re.Pattern[str]:
    """Go's filepath.Match as a regular expression, with `**` for any number of directories."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        token = _token(pattern, at)
        parts.append(_REGEX.get(token) or _other(token))
        at += len(token)
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error as error:
        raise ImageRefused(f"the pattern {pattern} cannot be read: {error}") from error


_TOKEN: Final = re.compile(r"\*\*/|\*\*|\*|\?|\[\^?(?:\\.|[^\]\\])+\]|\\.|.", re.DOTALL)
_REGEX: Final = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def _token(pattern: str, at: int) -> str:
    found = _TOKEN.match(pattern, at)
    assert found is not None  # the last alternative takes any character
    return found[0]


def _other(token: str) -> str:
    if len(token) > 1 and token.startswith("["):
        return f"(?!/){token}"
    return re.escape(token[1:] if len(token) == 2 and token.startswith("\\") else token)
