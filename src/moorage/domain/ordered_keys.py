"""An immutable, ordered set of keys that shares what did not change with the set that it was made from.

The look-ups of a World are such sets: counted at once, read in order from any key, changed at the cost of one short
page of keys. Hash tries (`immutables`) have no order, and sorting ten thousand keys costs more than a whole answer.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Final, Self

from moorage.domain.changes import Key

PAGE: Final = 64
"""Keys of a page when it is made; one of twice as many is split."""

_FIRST: Final = itemgetter(0)

Page = tuple[Key, ...]


class OrderedKeys:
    """Pages in order, none of them empty, each a sorted tuple of keys."""

    __slots__ = ("_length", "_pages")

    def __init__(self, pages: tuple[Page, ...] = (), length: int = 0) -> None:
        self._pages = pages
        self._length = length

    @classmethod
    def of(cls, keys: Iterable[Key]) -> Self:
        """The set of these keys, each given once."""
        ordered = tuple(sorted(keys))
        return cls(tuple(ordered[start : start + PAGE] for start in range(0, len(ordered), PAGE)), len(ordered))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Key]:
        for page in self._pages:
            yield from page

    def __contains__(self, key: Key) -> bool:
        page = self._pages[self._place(key)] if self._pages else ()
        at = bisect_left(page, key)
        return at < len(page) and page[at] == key

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, OrderedKeys) and len(self) == len(other) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"OrderedKeys.of({list(self)})"

    def after(self, key: Key) -> Iterator[Key]:
        """The keys greater than `key`, ascending."""
        if not self._pages:
            return
        at = self._place(key)
        page = self._pages[at]
        yield from page[bisect_right(page, key) :]
        for later in self._pages[at + 1 :]:
            yield from later

    def before(self, key: Key | None = None) -> Iterator[Key]:
        """The keys smaller than `key`, or all, descending."""
        pages = self._pages
        if key is not None and pages:
            at = self._place(key)
            pages = (*pages[:at], pages[at][: bisect_left(pages[at], key)])
        for page in reversed(pages):
            yield from reversed(page)

    def changed(self, changes: Mapping[Key, bool]) -> "OrderedKeys":
        """The set with each key in it (True) or not in it (False)."""
        if not self._pages:
            return OrderedKeys.of(key for key, there in changes.items() if there)
        if len(changes) > max(PAGE, self._length // PAGE):
            kept = (key for key in self if key not in changes)
            return OrderedKeys.of([*kept, *(key for key, there in changes.items() if there)])
        result = self
        for key, there in changes.items():
            result = result._with(key) if there else result._without(key)
        return result

    def _place(self, key: Key) -> int:
        """The page that holds the key, or would."""
        return max(0, bisect_right(self._pages, key, key=_FIRST) - 1)

    def _with(self, key: Key) -> "OrderedKeys":
        if not self._pages:
            return OrderedKeys(((key,),), 1)
        place = self._place(key)
        page = self._pages[place]
        at = bisect_left(page, key)
        if at < len(page) and page[at] == key:
            return self
        longer = (*page[:at], key, *page[at:])
        halves = (longer,) if len(longer) < 2 * PAGE else (longer[:PAGE], longer[PAGE:])
        return OrderedKeys((*self._pages[:place], *halves, *self._pages[place + 1 :]), self._length + 1)

    def _without(self, key: Key) -> "OrderedKeys":
        if key not in self:
            return self
        place = self._place(key)
        page = self._pages[place]
        at = bisect_left(page, key)
        shorter = (*page[:at], *page[at + 1 :])
        return OrderedKeys(
            (*self._pages[:place], *((shorter,) if shorter else ()), *self._pages[place + 1 :]), self._length - 1
        )


EMPTY: Final = OrderedKeys()
