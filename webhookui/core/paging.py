"""A page of a longer list: the one type of results for lists that are read by id, by cursor or by number."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Place = int | str


@dataclass(frozen=True)
class Page(Generic[Item]):
    """`next_page` and `previous_page` say where these start: an id, a cursor or a page's number; None when there is none.
    `total`: items of all pages, where they are counted; `has_more`: there are more than that."""

    items: list[Item]
    next_page: Place | None = None
    previous_page: Place | None = None
    total: int = 0
    has_more: bool = False


def one_page(items: Sequence[Item], limit: int, place: Callable[[Item], Place | None]) -> Page[Item]:
    """Of up to `limit` + 1 items; one too many says that a next page follows the `place` of the last that is shown."""
    return Page(list(items[:limit]), place(items[limit - 1]) if len(items) > limit else None)
