"""Reading a Dockerfile: lines to instructions, and their arguments to words, pairs and command lines.

Knows the file's syntax and nothing of what an instruction does; `image_build` gives the instructions their meaning.
Syntax: the Dockerfile reference, sections "Format", "Parser directives" and "Environment replacement".
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from moorage.runtime.local_image import ImageRefused

_DIRECTIVE: Final = re.compile(r"#\s*([a-zA-Z]+)\s*=\s*(.*?)\s*$")
_VARIABLE: Final = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+])([^{}$]*))?\})")
_HEREDOC: Final = re.compile(r"<<-?[\"']?[A-Za-z_]")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals, the text behind it, and the line it begins on."""

    line: int
    name: str
    text: str

    def refused(self, problem: str) -> ImageRefused:
        return ImageRefused(problem, self.line)


def parse(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile, continuation lines joined and comments gone."""
    text = text.removeprefix("\ufeff")
    _check_directives(text)
    found: list[Instruction] = []
    for line, joined in _logical_lines(text):
        name, *rest = joined.split(None, 1)
        found.append(Instruction(line, name.upper(), rest[0].strip() if rest else ""))
    return found


def _check_directives(text: str) -> None:
    """Refuse another escape character. Other directives choose a builder or its warnings and change no instruction."""
    for number, line in enumerate(_lines(text), start=1):
        directive = _DIRECTIVE.match(line.strip())
        if directive is None:
            return
        if directive[1].lower() == "escape" and directive[2] != "\\":
            raise ImageRefused(f"the escape character {directive[2]} is not supported; use \\", number)


def _lines(text: str) -> list[str]:
    # Not splitlines, which also splits at characters that a quoted value may hold.
    return text.replace("\r\n", "\n").split("\n")


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    start, parts = 0, list[str]()
    for number, line in enumerate(_lines(text), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue  # also amid a continued instruction, as the reference allows
        if not parts:
            start = number
        parts.append(_without_continuation(line))
        if not _continues(line):
            yield start, "".join(parts)
            parts = []
    if parts:
        yield start, "".join(parts)


def _continues(line: str) -> bool:
    trailing = line.rstrip()
    return (len(trailing) - len(trailing.rstrip("\\"))) % 2 == 1


def _without_continuation(line: str) -> str:
    return line.rstrip()[:-1] if _continues(line) else line.rstrip()


def command_line(instruction: Instruction) -> tuple[str, ...]:
    """The words of CMD or ENTRYPOINT: a JSON array as it stands, anything else by `/bin/sh -c`."""
    if instruction.text.startswith("["):
        return json_words(instruction)
    if not instruction.text:
        raise instruction.refused(f"{instruction.name} needs at least one argument")
    return ("/bin/sh", "-c", instruction.text)


def json_words(instruction: Instruction) -> tuple[str, ...]:
    """The strings of a JSON array. Container engines run what looks like one and is none by a shell: refused here."""
    text = instruction.text
    try:
        found = json.loads(text)
    except ValueError as error:
        problem = f"{instruction.name} {text} is not a JSON array of strings (use double quotes): {error}"
        raise instruction.refused(problem) from error
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise instruction.refused(f"{instruction.name} {text} is not a JSON array of strings")
    return tuple(found)


def pairs(instruction: Instruction, env: Mapping[str, str]) -> list[tuple[str, str]]:
    """The names and values of ENV or LABEL: `NAME=value …`, or the older `NAME value`."""
    if "=" not in (instruction.text.split() or [""])[0]:
        return [_old_pair(instruction, env)]
    found = []
    for word in words(instruction, env):
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise instruction.refused(f"{instruction.name} {word!r} is not NAME=value")
        found.append((name, value))
    return found


def _old_pair(instruction: Instruction, env: Mapping[str, str]) -> tuple[str, str]:
    parts = instruction.text.split(None, 1)
    if len(parts) != 2:
        raise instruction.refused(f"{instruction.name} needs NAME=value")
    return parts[0], _Reader(instruction, parts[1], env).whole()


def words(instruction: Instruction, env: Mapping[str, str]) -> list[str]:
    """The words of the instruction's text, quotes taken off and variables replaced."""
    return _Reader(instruction, instruction.text, env).words()


def arguments(instruction: Instruction, env: Mapping[str, str]) -> list[str]:
    """The words of COPY, which may be given as a JSON array so that they can hold blanks."""
    if _HEREDOC.search(instruction.text):
        raise instruction.refused("here-documents are not supported in a local image; put the text into a file")
    if not re.match(r'\[\s*"', instruction.text):  # a wildcard may begin with [ as well
        return words(instruction, env)
    return [_Reader(instruction, word, env).whole() for word in json_words(instruction)]


def whole(instruction: Instruction, env: Mapping[str, str]) -> str:
    """The instruction's text as one word, its blanks kept."""
    return _Reader(instruction, instruction.text, env).whole()


class _Reader:
    """Walks a text once: quotes, backslashes and variables, as the Dockerfile reference has them."""

    def __init__(self, instruction: Instruction, text: str, env: Mapping[str, str]) -> None:
        self._instruction = instruction
        self._text = text
        self._env = env
        self._at = 0
        self._quote = ""

    def whole(self) -> str:
        """The text as one word, its blanks kept."""
        parts = []
        while self._at < len(self._text):
            parts.append(self._piece())
        self._check_closed()
        return "".join(parts)

    def words(self) -> list[str]:
        found: list[str] = []
        parts: list[str] | None = None
        while self._at < len(self._text):
            if self._text[self._at].isspace() and not self._quote:
                self._at += 1
                if parts is not None:
                    found.append("".join(parts))
                parts = None
            else:
                parts = [] if parts is None else parts
                parts.append(self._piece())
        self._check_closed()
        return found if parts is None else [*found, "".join(parts)]

    def _check_closed(self) -> None:
        if self._quote:
            raise self._instruction.refused(f"the quote {self._quote} is never closed")

    def _piece(self) -> str:
        """What the next character stands for: itself, nothing (a quote), an escaped character, a variable's value."""
        char = self._text[self._at]
        if char == "$" and self._quote != "'":
            return self._variable()
        self._at += 1
        if self._quote:
            return self._quoted(char)
        if char in "\"'":
            self._quote = char
            return ""
        return self._escaped() if char == "\\" else char

    def _quoted(self, char: str) -> str:
        if char == self._quote:
            self._quote = ""
            return ""
        # Between double quotes a backslash escapes only what would be special there; between single ones, nothing.
        if char == "\\" and self._quote == '"' and self._text[self._at : self._at + 1] in tuple('"\\$'):
            return self._escaped()
        return char

    def _escaped(self) -> str:
        char = self._text[self._at : self._at + 1]
        self._at += 1
        return char

    def _variable(self) -> str:
        found = _VARIABLE.match(self._text, self._at)
        if found is None:
            rest = self._text[self._at :].split()[0]
            raise self._instruction.refused(f"{rest} is not a variable that a local image can replace; write \\$ for $")
        self._at = found.end()
        return self._replaced(found)

    def _replaced(self, found: re.Match[str]) -> str:
        name, operator, other = found[1] or found[2], found[3] or "", found[4] or ""
        value = self._env.get(name)
        is_set = value is not None and (value != "" or not operator.startswith(":"))
        if operator.endswith("+"):
            return other if is_set else ""
        if is_set and value is not None:
            return value
        if operator.endswith("-"):
            return other
        raise self._instruction.refused(f"${name} is not set by an ENV above it, and FROM supplies nothing")
