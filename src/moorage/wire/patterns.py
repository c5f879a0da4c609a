"""The regular expressions of the service models, which are Java's, as Python's.

Only the forms that the served operations use are translated; any other is an error when a reader is made, not later.
"""

import re
from functools import cache

_JAVA_CLASSES = {
    r"\p{L}\p{Z}\p{N}": r"\w\s",
    r"\p{IsLetter}": r"a-zA-Z",
    r"\p{Print}+": r"[ -~]+",
    # Java writes characters beyond the first plane as two halves.
    r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF",
}
_RANGE_AFTER_CLASS = re.compile(r"(\\[wds])-(?!\])")


class PatternUnknown(Exception):
    """A model's pattern has a form that is not translated."""


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as Python reads it; AWS matches the whole value."""
    python = pattern
    for java, ours in _JAVA_CLASSES.items():
        python = python.replace(java, ours)
    # Java lets a class such as \w stand before a dash in brackets; Python wants the dash escaped.
    python = _RANGE_AFTER_CLASS.sub(r"\1\\-", python)
    try:
        return re.compile(python)
    except re.error as error:
        raise PatternUnknown(f"{pattern!r}: {error}") from error
