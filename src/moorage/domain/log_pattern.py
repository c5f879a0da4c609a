"""Filter patterns of CloudWatch Logs: words that an event must have, may have, or must not have.

Matching is by text and case. Patterns over JSON, over columns, and regular expressions are refused by name.
"""

import re
from dataclasses import dataclass

from moorage.domain import errors

_TERM = re.compile(r'([?-]?)("(?:[^"\\]|\\.)*"|[^\s"]+)(?:\s+|$)')
_WORD = re.compile(r"\w+")
_REFUSED = {"{": "JSON filter patterns", "[": "space-delimited filter patterns", "%": "regular expressions in patterns"}


@dataclass(frozen=True)
class LogPattern:
    """All of `needed`, none of `unwanted`, and one of `optional` where nothing else is asked for."""

    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()

    def matches(self, message: str) -> bool:
        if any(word in message for word in self.unwanted) or not all(word in message for word in self.needed):
            return False
        if self.optional and not self.needed and not self.unwanted:
            return any(word in message for word in self.optional)
        return True


def parse(text: str) -> LogPattern:
    """InvalidParameter if it is no pattern, or of a kind that is not known here."""
    rest = text.strip()
    what = _REFUSED.get(rest[:1])
    if what is not None:
        raise errors.InvalidParameter(f"'filterPattern': {what} are not supported by Moorage.")
    words: dict[str, list[str]] = {"": [], "?": [], "-": []}
    while rest:
        found = _TERM.match(rest)
        if found is None:
            raise errors.InvalidParameter(f"Invalid filter pattern: '{text}'")
        words[found[1]].append(_word(found[2]))
        rest = rest[found.end() :]
    return LogPattern(tuple(words[""]), tuple(words["?"]), tuple(words["-"]))


def _word(term: str) -> str:
    if term.startswith('"'):
        return re.sub(r"\\(.)", r"\1", term[1:-1])
    if not _WORD.fullmatch(term):
        raise errors.InvalidParameter(f"Invalid character(s) in term '{term}'")
    return term
