"""The part of curl's command line that `moorage curl` understands. What it does not is refused by name.

Meanings are those of curl's manual. Reading files that arguments name is done here; sending is `commands/curl`'s.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from moorage.cli.failure import Failure

UNSUPPORTED = 2
MALFORMED_URL = 3
SUPPORTED = "-X -H -d --data-raw --data-binary --json -A -I -i -s -S -o -w -v -f -m/--max-time"


@dataclass
class Asked:
    """What the arguments ask for."""

    url: str = ""
    method: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)
    content_type: str = "application/x-www-form-urlencoded"
    accept: str = "*/*"
    agent: str = "moorage"
    head: bool = False
    include: bool = False
    silent: bool = False
    show_error: bool = False
    verbose: bool = False
    fail: bool = False
    output: str | None = None
    write_out: str = ""
    max_time: float | None = None

    @property
    def verb(self) -> str:
        """The method, as curl infers it."""
        return self.method or ("HEAD" if self.head else "POST" if self.body else "GET")

    @property
    def content(self) -> bytes:
        return b"&".join(self.body)


def parse(arguments: Sequence[str]) -> Asked:
    """Failure, with curl's exit code, for what is not understood."""
    asked, rest = Asked(), list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            for url in rest:
                _url(asked, url)
            break
        if word.startswith("--"):
            _long(asked, word, rest)
        elif word.startswith("-") and word != "-":
            _short(asked, word[1:], rest)
        else:
            _url(asked, word)
    return _checked(asked)


def _long(asked: Asked, word: str, rest: list[str]) -> None:
    name, equals, value = word.partition("=")
    if name in _FLAGS and not equals:
        setattr(asked, _FLAGS[name], True)
    elif name in _VALUES:
        # curl itself does not know --name=value: it is common enough elsewhere to be understood here.
        _VALUES[name](asked, value if equals else _next(name, rest))
    else:
        raise _refused(name)


def _short(asked: Asked, letters: str, rest: list[str]) -> None:
    """Letters may stand together; the rest behind one that takes a value is its value."""
    while letters:
        option, letters = f"-{letters[0]}", letters[1:]
        if option in _FLAGS:
            setattr(asked, _FLAGS[option], True)
        elif option in _VALUES:
            _VALUES[option](asked, letters or _next(option, rest))
            return
        else:
            raise _refused(option)


def _next(option: str, rest: list[str]) -> str:
    if not rest:
        raise Failure(f"curl {option}", "it needs a value", code=UNSUPPORTED)
    return rest.pop(0)


def _refused(option: str) -> Failure:
    return Failure(f"curl {option}", "moorage curl does not support it", f"It understands {SUPPORTED}.", UNSUPPORTED)


def _checked(asked: Asked) -> Asked:
    if not asked.url:
        raise Failure("curl", "no URL was given", "For example: moorage curl SERVICE http://name:port/", UNSUPPORTED)
    if asked.head and asked.body:
        raise Failure("curl", "-I and -d ask for two different requests", code=UNSUPPORTED)
    parts = urlsplit(asked.url)
    try:
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise Failure(asked.url, "this is not an http:// or https:// URL", code=MALFORMED_URL)
    return asked


def _url(asked: Asked, word: str) -> None:
    if asked.url:
        raise Failure(word, "one URL at a time", code=UNSUPPORTED)
    asked.url = word if "://" in word else f"http://{word}"


def _method(asked: Asked, value: str) -> None:
    asked.method = value


def _header(asked: Asked, value: str) -> None:
    name, colon, content = value.partition(":")
    if value.startswith("@") or not (colon or value.endswith(";")):
        raise Failure(f"curl -H {value}", "a header is NAME: VALUE", code=UNSUPPORTED)
    asked.headers.append((name.rstrip(";").strip(), content.strip()))


def _data(asked: Asked, value: str) -> None:
    """curl drops line breaks from a file that -d reads."""
    read = _from_file(value)
    asked.body.append(value.encode() if read is None else read.replace(b"\r", b"").replace(b"\n", b""))


def _raw(asked: Asked, value: str) -> None:
    asked.body.append(value.encode())


def _binary(asked: Asked, value: str) -> None:
    read = _from_file(value)
    asked.body.append(value.encode() if read is None else read)


def _json(asked: Asked, value: str) -> None:
    _binary(asked, value)
    asked.content_type = asked.accept = "application/json"


def _from_file(value: str) -> bytes | None:
    """What `@FILE` or `@-` holds; None for anything else."""
    if not value.startswith("@"):
        return None
    if value == "@-":
        return sys.stdin.buffer.read()
    try:
        return Path(value[1:]).read_bytes()
    except OSError as error:
        raise Failure(value[1:], error.strerror or str(error), code=26) from error


def _agent(asked: Asked, value: str) -> None:
    asked.agent = value


def _output(asked: Asked, value: str) -> None:
    asked.output = None if value == "-" else value


def _write_out(asked: Asked, value: str) -> None:
    asked.write_out = value


def _max_time(asked: Asked, value: str) -> None:
    try:
        asked.max_time = float(value)
    except ValueError:
        raise Failure(f"curl --max-time {value}", "this is not a number of seconds", code=UNSUPPORTED) from None


_FLAGS = {
    **dict.fromkeys(("-I", "--head"), "head"),
    **dict.fromkeys(("-i", "--include"), "include"),
    **dict.fromkeys(("-s", "--silent"), "silent"),
    **dict.fromkeys(("-S", "--show-error"), "show_error"),
    **dict.fromkeys(("-v", "--verbose"), "verbose"),
    **dict.fromkeys(("-f", "--fail"), "fail"),
}

_VALUES: dict[str, Callable[[Asked, str], None]] = {
    **dict.fromkeys(("-X", "--request"), _method),
    **dict.fromkeys(("-H", "--header"), _header),
    **dict.fromkeys(("-d", "--data", "--data-ascii"), _data),
    "--data-raw": _raw,
    "--data-binary": _binary,
    "--json": _json,
    **dict.fromkeys(("-A", "--user-agent"), _agent),
    **dict.fromkeys(("-o", "--output"), _output),
    **dict.fromkeys(("-w", "--write-out"), _write_out),
    **dict.fromkeys(("-m", "--max-time"), _max_time),
}
