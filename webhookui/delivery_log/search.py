"""Searching the log by a part of URL or error, whatever else is filtered (specification section 7; docs/decisions/0013).

Candidates are looked at in the order of the page: from the text index, within the groups of the filter, or from the filter
alone when that leaves few.
A search stops after so many of them and says how far it came, so that no search, however unlucky, holds anybody up.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from webhookui.delivery.states import STATUSES
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log.filter import LogFilter
from webhookui.delivery_log.indexing import TEXTS, searchable
from webhookui.delivery_log.streams import Counts, Span, buckets_of, dimensions_of, matching, not_indexed, span_of

_D = Delivery.__table__.c  # type: ignore[attr-defined]

Candidates = Callable[[Span, int], list[int]]

SMALLEST_CHUNK, CHUNK = 100, 1000
"""Candidates that are looked at in one go: as many as are likely to hold what is wanted still."""
MOST_EXAMINED = 20_000
"""Candidates of one page."""
MOST_COUNTED = 200
"""Matches of a text that are counted; there may be more."""
MOST_EXAMINED_TO_COUNT = 600
THOROUGH = 150
"""So many times as far goes a count that somebody waits for."""
_SAMPLE = 100
SAMPLE_LASTS_S = 60.0
_SAMPLES: WeakKeyDictionary[Engine, tuple[float, list[str]]] = WeakKeyDictionary()


@dataclass
class Search:
    """One search, as far as it has come: more may be asked of it. Not kept longer than its session."""

    session: Session
    log_filter: LogFilter
    span: Span
    newest_first: bool = True
    matches: dict[int, str] = field(default_factory=dict)
    """Matches in order, id → status."""
    stopped: int | None = None
    """The id up to which candidates were looked at; None when these were all."""

    def __post_init__(self) -> None:
        self._part = (self.log_filter.q or "").lower()
        self._candidates = _candidates(self.session, self.log_filter, self._part, self.newest_first)
        self._examined = 0
        self._at_end = False

    def extend(self, limit: int, most: int) -> None:
        """Goes on until there are `limit` matches, or until so many candidates were looked at as `most` says."""
        while not self._at_end and len(self.matches) < limit and self._examined < most:
            size = min(self._likely(limit), most - self._examined)
            ids = self._candidates(self.span, size)
            self.matches |= _holding(self.session, self.log_filter, self.span, ids, self._part, self.newest_first)
            self._examined += len(ids)
            if len(ids) < size:
                self._at_end, self.stopped = True, None
                return
            self.stopped = ids[-1]
            if self.newest_first:
                self.span = replace(self.span, below=self.stopped)
            else:
                self.span = replace(self.span, above=self.stopped)

    def _likely(self, limit: int) -> int:
        """Candidates that are likely to hold what is still wanting, as things go."""
        missing = limit - len(self.matches)
        if not self._examined:
            return min(missing + missing // 5 + 10, CHUNK)
        return max(SMALLEST_CHUNK, min(3 * missing * self._examined // (2 * len(self.matches) + 1), CHUNK))


_BEGUN = "log_search"
"""Key of a session's `info`: the search of the page, which the counts beside it go on with."""


def search(
    session: Session, log_filter: LogFilter, span: Span, limit: int, *, newest_first: bool = True
) -> tuple[list[int], int | None]:
    """Up to `limit` matches in order, and the id at which the search stopped early, if it did."""
    begun = Search(session, log_filter, span, newest_first)
    begun.extend(limit, MOST_EXAMINED)
    session.info[_BEGUN] = (log_filter, span, newest_first, begun)
    return list(begun.matches)[:limit], begun.stopped if len(begun.matches) < limit else None


def counts_of_text(session: Session, log_filter: LogFilter, *, thorough: bool = False) -> Counts:
    """Deliveries of each status that the text and the rest of the filter match; the newest, when there are many."""
    log_filter = replace(log_filter, status=None)
    span = span_of(session, log_filter)
    *begun, going = session.info.pop(_BEGUN, (None, None))
    if begun != [log_filter, span, True]:
        going = Search(session, log_filter, span)
    times = THOROUGH if thorough else 1
    going.extend(times * MOST_COUNTED + 1, times * MOST_EXAMINED_TO_COUNT)
    more = going.stopped is not None or len(going.matches) > times * MOST_COUNTED
    numbers = Counter(list(going.matches.values())[: times * MOST_COUNTED])
    return Counts({status: numbers[status] for status in STATUSES}, frozenset(STATUSES) if more else frozenset())


def _holding(
    session: Session, log_filter: LogFilter, span: Span, ids: list[int], part: str, newest_first: bool
) -> dict[int, str]:
    """Those of the candidates that hold the part and that the rest of the filter matches, with their statuses."""
    if not ids:
        return {}
    these = text(f"delivery.id IN ({','.join(map(str, ids))})")  # a thousand parameters cost more than the query
    statement = select(_D.id, _D.status, _D.url, _D.error).where(these)
    for name, value in dimensions_of(log_filter).items():
        statement = statement.where(_D[name] == value)
    if span.since is not None:
        statement = statement.where(_D.created_at >= span.since)
    if span.until is not None:
        statement = statement.where(_D.created_at < span.until)
    rows = session.execute(statement.order_by(_D.id.desc() if newest_first else _D.id)).all()
    return {row.id: row.status for row in rows if part in searchable(row.url, row.error)}


def _candidates(session: Session, log_filter: LogFilter, part: str, newest_first: bool) -> Candidates:
    dimensions = dimensions_of(log_filter)
    groups = buckets_of(session, dimensions) if dimensions else None
    few = groups is not None and sum(groups.values()) <= CHUNK
    if few or len(part) < TEXTS.SHORTEST or log_filter.record_id is not None or not TEXTS.is_there(session):
        return lambda span, size: matching(session, log_filter, span, size, newest_first=newest_first)
    sample = _sample(session)
    only = groups if groups is not None and _is_worth_it(session, groups) else None

    def from_the_index(span: Span, size: int) -> list[int]:
        rest = not_indexed(session, log_filter, span, size, newest_first=newest_first)
        indexed = TEXTS.find(
            session, part, only, sample, above=span.above, below=span.below, limit=size, newest_first=newest_first
        )
        return sorted([*rest, *indexed], reverse=newest_first)[:size]

    return from_the_index


def _is_worth_it(session: Session, groups: dict[int, int]) -> bool:
    """Whether looking into these groups alone saves candidates: not when they hold the most of the log anyway."""
    if len(groups) > TEXTS.MOST_GROUPS:
        return False
    return 2 * sum(groups.values()) < sum(buckets_of(session, {}).values())


def _sample(session: Session) -> list[str]:
    """Texts from all over the log: some of a minute ago tell as well what is rare as those of now."""
    engine = session.connection().engine
    at, sample = _SAMPLES.get(engine, (0.0, []))
    if not sample or time.monotonic() - at > SAMPLE_LASTS_S:
        newest = session.scalar(select(func.max(_D.id))) or 0
        ids = {newest - step * newest // _SAMPLE for step in range(_SAMPLE)}
        rows = session.execute(select(_D.url, _D.error).where(_D.id.in_(ids)))
        sample = [searchable(row.url, row.error) for row in rows]
        _SAMPLES[engine] = time.monotonic(), sample
    return sample
