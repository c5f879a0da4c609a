"""Which lines of a container begin a log event, by the options of the `awslogs` driver.

And which other values its options may have. Source: Docker's page on the driver, "awslogs-datetime-format" and
"awslogs-multiline-pattern". How events are put together is the engine's affair.
"""

import re
from collections.abc import Mapping

from moorage.domain.errors import ClientMistake

DATETIME, PATTERN = "awslogs-datetime-format", "awslogs-multiline-pattern"
CREATE = "awslogs-create-group"
BLOCKING, NON_BLOCKING = "blocking", "non-blocking"

ALLOWED = frozenset(
    {
        *("awslogs-group", "awslogs-region", CREATE, "awslogs-stream-prefix", DATETIME, PATTERN),
        *("mode", "max-buffer-size"),
    }
)
"""The options of the driver in ECS (API reference, LogConfiguration)."""

_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})
_SIZE = re.compile(r"[0-9]+ ?([kKmMgGtTpP]?[bB]?)")
_DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_LONG_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_LONG_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_CODES = {
    **{"a": f"(?:{_DAYS})", "A": f"(?:{_LONG_DAYS})", "b": f"(?:{_MONTHS})", "B": f"(?:{_LONG_MONTHS})"},
    **{"w": r"\d", "d": r"\d{2}", "m": r"\d{2}", "y": r"\d{2}", "Y": r"\d{4}", "j": r"\d{3}"},
    **{"H": r"\d{2}", "I": r"\d{2}", "M": r"\d{2}", "S": r"\d{2}", "f": r"\d{6}", "p": "[A-Z]{2}"},
    **{"z": r"[+-]\d{4}", "Z": "[A-Z]{1,4}T", "L": r"\.\d{3}", "%": "%"},
}
"""What each code of a format stands for; those of Docker."""


def first_line(options: Mapping[str, str]) -> re.Pattern[str] | None:
    """What the first line of each event matches; None where every line is an event. ClientMistake."""
    if DATETIME in options and PATTERN in options:
        raise ClientMistake(f"The log options {DATETIME} and {PATTERN} cannot be used at the same time.")
    option = DATETIME if DATETIME in options else PATTERN
    if option not in options:
        return None
    try:
        return re.compile(_format(options[option]) if option == DATETIME else options[option])
    except re.error as error:
        raise ClientMistake(f"The log option {option} is not a regular expression: {error}.") from None


def creates(options: Mapping[str, str]) -> bool:
    """Whether the log group is made where it is missing; without the option it is not."""
    return options.get(CREATE, "false").lower() in _TRUE


def check(options: Mapping[str, str]) -> None:
    """ClientMistake unless these can be options of the driver."""
    unknown = sorted(options.keys() - ALLOWED)
    if unknown:
        raise ClientMistake(f"Log driver awslogs disallows options: {', '.join(unknown)}")
    first_line(options)
    if options.get(CREATE, "true").lower() not in _TRUE | _FALSE:
        raise ClientMistake(f"The log option {CREATE} must be true or false, and is {options[CREATE]!r}.")
    _check_mode(options)


def _check_mode(options: Mapping[str, str]) -> None:
    """Docker's two modes, and the buffer that only one of them has."""
    mode, size = options.get("mode", NON_BLOCKING), options.get("max-buffer-size")
    if mode not in (BLOCKING, NON_BLOCKING):
        raise ClientMistake(f"The log option mode must be {BLOCKING} or {NON_BLOCKING}, and is {mode!r}.")
    if size is None:
        return
    if mode == BLOCKING:
        raise ClientMistake("The log option max-buffer-size is only supported with 'mode=non-blocking'.")
    if not _SIZE.fullmatch(size):
        raise ClientMistake(f"The log option max-buffer-size is not a size such as 25m: {size!r}.")


def _format(text: str) -> str:
    """What is no code is part of a regular expression, as in Docker: its own example begins with `\\[`."""
    unknown = [code for code in re.findall(r"%(.)", text) if code not in _CODES]
    if unknown:
        raise ClientMistake(f"The log option {DATETIME} has an unknown code: %{unknown[0]}.")
    return re.sub(r"%(.)", lambda found: _CODES[found[1]], text)
