"""Searching the log by a part of URL or error, whatever else is filtered (SPEC section 7; docs/decisions/0013).

Candidates are looked at in the order of the page: from the text index, within the groups of the filter, or from the filter
alone when that leaves few.
A search stops after so many of them and says how far it came, so that no search, however unlucky, holds anybody up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from webhookui.delivery.filing import TEXTS, searchable
from webhookui.delivery.log_filter import LogFilter
from webhookui.delivery.log_streams import Counts, Span, dimensions_of, groups_of, matching, span_of, unfiled
from webhookui.delivery.states import STATUSES
from webhookui.delivery.tables import Delivery

_D = Delivery.__table__.c  # type: ignore[attr-defined]

Candidates = Callable[[Span, int], list[int]]

SMALLEST_CHUNK, CHUNK = 100, 1000
"""Candidates that are looked at in one go: as many as are likely to hold what is wanted still."""
MOST_EXAMINED = 20_000
"""Candidates of one page."""
MOST_COUNTED = 300
"""Matches of a text that are counted; there may be more."""
MOST_EXAMINED_TO_COUNT = 1000
THOROUGH = 100
"""So many times as far goes a count that somebody waits for."""
_SAMPLE = 100


def search(
    session: Session, wanted: LogFilter, span: Span, limit: int, *, newest_first: bool = True, most: int = 0
) -> tuple[dict[int, str], int | None]:
    """Up to `limit` matches in order, id → status, and the id at which the search stopped early, if it did.

    `most`: candidates to examine; MOST_EXAMINED, unless it is said.
    """
    part = (wanted.q or "").lower()
    candidates = _candidates(session, wanted, part, newest_first)
    found: dict[int, str] = {}
    examined, size = 0, min(2 * limit, limit + 200, CHUNK)
    while examined < (most or MOST_EXAMINED):
        ids = candidates(span, size)
        found |= _holding(session, wanted, span, ids, part, newest_first)
        if len(found) >= limit:
            return dict(list(found.items())[:limit]), None
        if len(ids) < size:
            return found, None
        examined += len(ids)
        likely = 3 * (limit - len(found)) * examined // (2 * len(found) + 1)
        size = max(SMALLEST_CHUNK, min(likely, CHUNK))
        span = replace(span, below=ids[-1]) if newest_first else replace(span, above=ids[-1])
    return found, ids[-1]


def counts_of_text(session: Session, wanted: LogFilter, *, thorough: bool = False) -> Counts:
    """Deliveries of each status that the text and the rest of the filter match; the newest, when there are many."""
    wanted = replace(wanted, status=None)
    span = span_of(session, wanted)
    times = THOROUGH if thorough else 1
    found, stopped = search(session, wanted, span, times * MOST_COUNTED + 1, most=times * MOST_EXAMINED_TO_COUNT)
    more = stopped is not None or len(found) > times * MOST_COUNTED
    numbers = Counter(list(found.values())[: times * MOST_COUNTED])
    return Counts({status: numbers[status] for status in STATUSES}, frozenset(STATUSES) if more else frozenset())


def _holding(
    session: Session, wanted: LogFilter, span: Span, ids: list[int], part: str, newest_first: bool
) -> dict[int, str]:
    """Those of the candidates that hold the part and that the rest of the filter matches, with their statuses."""
    if not ids:
        return {}
    these = text(f"delivery.id IN ({','.join(map(str, ids))})")  # a thousand parameters cost more than the query
    statement = select(_D.id, _D.status, _D.url, _D.error).where(these)
    for name, value in dimensions_of(wanted).items():
        statement = statement.where(_D[name] == value)
    if span.since is not None:
        statement = statement.where(_D.created_at >= span.since)
    if span.until is not None:
        statement = statement.where(_D.created_at < span.until)
    rows = session.execute(statement.order_by(_D.id.desc() if newest_first else _D.id)).all()
    return {row.id: row.status for row in rows if part in searchable(row.url, row.error)}


def _candidates(session: Session, wanted: LogFilter, part: str, newest_first: bool) -> Candidates:
    groups = groups_of(session, wanted) if dimensions_of(wanted) else None
    few = groups is not None and sum(groups.values()) <= CHUNK
    if few or len(part) < TEXTS.SHORTEST or wanted.record_id is not None or not TEXTS.is_there(session):
        return lambda span, size: matching(session, wanted, span, size, newest_first=newest_first)
    sample = _sample(session)
    only = groups if groups is not None and len(groups) <= TEXTS.MOST_GROUPS else None

    def from_the_index(span: Span, size: int) -> list[int]:
        rest = unfiled(session, wanted, span, size, newest_first=newest_first)
        filed = TEXTS.find(
            session, part, only, sample, above=span.above, below=span.below, limit=size, newest_first=newest_first
        )
        return sorted([*rest, *filed], reverse=newest_first)[:size]

    return from_the_index


def _sample(session: Session) -> list[str]:
    """Texts from all over the log. A session reads them once."""
    if (known := session.info.get("log_sample")) is not None:
        return list(known)
    newest = session.scalar(select(func.max(_D.id))) or 0
    ids = {newest - step * newest // _SAMPLE for step in range(_SAMPLE)}
    rows = session.execute(select(_D.url, _D.error).where(_D.id.in_(ids)))
    sample = session.info["log_sample"] = [searchable(row.url, row.error) for row in rows]
    return sample
