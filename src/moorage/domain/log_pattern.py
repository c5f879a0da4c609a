"""Filter patterns of CloudWatch Logs: which events a search, a live tail or a metric filter means.

Words that an event must have, may have, or must not have, and a regular expression by itself are here; patterns over
JSON and over columns are `log_pattern_json`'s and `log_pattern_columns`'. Matching is by text and case.
Source: Amazon CloudWatch Logs user guide, "Filter pattern syntax".
"""

import re
from dataclasses import dataclass
from typing import Protocol

from moorage.domain import errors, log_conditions, log_pattern_columns, log_pattern_json
from moorage.domain.log_regex import Regex

_TERM = re.compile(r'([?-]?)("(?:[^"\\]|\\.)*"|[^\s"]+)(?:\s+|$)', re.DOTALL)
_WORD = re.compile(r"\w+")


class LogPattern(Protocol):
    """A pattern of any kind."""

    def matches(self, message: str) -> bool:
        """Whether it means the event. The time that it takes is linear in the message."""

    def extracted(self, message: str) -> dict[str, str]:
        """The values of an event that it matches, by the names that the pattern gives them."""


@dataclass(frozen=True)
class Words:
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

    def extracted(self, _message: str) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class Expression:
    """A regular expression by itself."""

    regex: Regex

    def matches(self, message: str) -> bool:
        return self.regex.search(message)

    def extracted(self, _message: str) -> dict[str, str]:
        return {}


def parse(text: str) -> LogPattern:
    """The pattern that is written so; InvalidParameter if it is none."""
    rest = text.strip()
    if rest.startswith("{"):
        return log_pattern_json.parse(rest)
    if rest.startswith("["):
        return log_pattern_columns.parse(rest)
    if rest.startswith("%"):
        if rest.count("%") != 2 or not rest.endswith("%"):
            raise errors.InvalidParameter(f"Invalid filter pattern: '{text}'")
        return Expression(log_conditions.regex(rest))
    return _words(rest, text)


def _words(rest: str, text: str) -> Words:
    words: dict[str, list[str]] = {"": [], "?": [], "-": []}
    at = 0
    while at < len(rest):
        found = _TERM.match(rest, at)
        if found is None:
            raise errors.InvalidParameter(f"Invalid filter pattern: '{text}'")
        words[found[1]].append(_word(found[2]))
        at = found.end()
    return Words(tuple(words[""]), tuple(words["?"]), tuple(words["-"]))


def _word(term: str) -> str:
    if term.startswith('"'):
        return log_conditions.unquoted(term)
    if not _WORD.fullmatch(term):
        wrong = next(character for character in term if not _WORD.fullmatch(character))
        raise errors.InvalidParameter(f"Invalid character(s) in term '{wrong}'")
    return term
