"""Which deliveries a filter matches, in the order of their ids, without looking at the others (docs/decisions/0013).

What is indexed comes from its buckets: the newest of each that matches are merged. What is not indexed is little, and comes
from an index that holds it alone. The cost goes by the number of buckets, never by the number of deliveries.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from webhookui.core.database import UtcDateTime
from webhookui.delivery.states import FINAL, STATUSES
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log.filter import LogFilter
from webhookui.delivery_log.indexing import DIMENSIONS

_D = Delivery.__table__.c  # type: ignore[attr-defined]

LAST = 2**62
"""More than any id."""
CLOCK = timedelta(hours=2)
"""Ids are in the order of the clock, but where it was set right: by no more than this."""
EARLIEST, LATEST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
MOST_COUNTED = 10_000
"""What a range of time or a record has more of is not counted to the end."""


@dataclass(frozen=True)
class Span:
    """Ids between two others, exclusive, made between two times; the ids are narrowed to what the times leave of them."""

    above: int = 0
    below: int = LAST
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_of_times(self) -> bool:
        return self.since is not None or self.until is not None

    def condition(self) -> str:
        """To go behind another condition."""
        conditions = ("id > :above", "id < :below", "created_at >= :since", "created_at < :until")
        return "".join(f" AND {condition}" for condition in conditions if condition.rpartition(":")[2] in self.values())

    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = {"since": self.since, "until": self.until}
        values |= {"above": self.above or None, "below": self.below if self.below < LAST else None}
        return {name: value for name, value in values.items() if value is not None}


def span_of(session: Session, log_filter: LogFilter, above: int = 0, below: int = LAST) -> Span:
    """The span of a filter's times and a page's cursors."""
    if log_filter.since is not None:
        first = (
            select(_D.id)
            .where(_D.created_at >= max(log_filter.since, EARLIEST) - CLOCK)
            .order_by(_D.created_at)
            .limit(1)
        )
        above = max(above, (session.scalar(first) or LAST) - 1)
    if log_filter.until is not None:
        last = (
            select(_D.id)
            .where(_D.created_at < min(log_filter.until, LATEST) + CLOCK)
            .order_by(_D.created_at.desc())
            .limit(1)
        )
        below = min(below, (session.scalar(last) or 0) + 1)
    return Span(above, below, log_filter.since, log_filter.until)


def dimensions_of(log_filter: LogFilter) -> dict[str, Any]:
    """The filter's values that make groups."""
    return {name: getattr(log_filter, name) for name in DIMENSIONS if getattr(log_filter, name) is not None}


def matching(
    session: Session, log_filter: LogFilter, span: Span, limit: int, *, newest_first: bool = True
) -> list[int]:
    """Up to `limit` ids of the span that match the filter, whatever its text is."""
    order = "DESC" if newest_first else "ASC"
    tail = f"ORDER BY id {order} LIMIT :limit"
    dimensions = dimensions_of(log_filter)
    values = {**span.values(), **dimensions, "limit": limit}
    if log_filter.record_id is not None:
        same = _equal(dimensions)
        sql = f"SELECT id FROM delivery WHERE record_id = :record_id{span.condition()}{same} {tail}"
        return _ids(session, sql, values | {"record_id": log_filter.record_id})
    if not dimensions:
        return _ids(session, f"SELECT id FROM delivery WHERE true{span.condition()} {tail}", values)
    groups = _groups(session, dimensions, span, limit, order)
    parts = [
        f"SELECT id FROM (SELECT id FROM delivery WHERE log_bucket_id = :g{n}{span.condition()} {tail}) AS s{n}"
        for n in range(len(groups))
    ]
    parts += _not_indexed(log_filter, span, tail)
    values |= {f"g{n}": group for n, group in enumerate(groups)}
    return _ids(session, f"{' UNION ALL '.join(parts)} {tail}", values)


def not_indexed(
    session: Session, log_filter: LogFilter, span: Span, limit: int, *, newest_first: bool = True
) -> list[int]:
    """The same, of what is not indexed alone, and whatever its record is."""
    tail = f"ORDER BY id {'DESC' if newest_first else 'ASC'} LIMIT :limit"
    values = {**span.values(), **dimensions_of(log_filter), "limit": limit}
    return _ids(session, f"{' UNION ALL '.join(_not_indexed(log_filter, span, tail))} {tail}", values)


def _not_indexed(log_filter: LogFilter, span: Span, tail: str) -> list[str]:
    same = _equal({name: value for name, value in dimensions_of(log_filter).items() if name != "status"})
    statuses = [log_filter.status] if log_filter.status else list(STATUSES)
    return [
        f"SELECT id FROM (SELECT id FROM delivery WHERE log_bucket_id IS NULL AND status = '{status}'"
        f"{span.condition()}{same} {tail}) AS {status}_ones"
        for status in statuses
        if status in STATUSES
    ]


def buckets_of(session: Session, dimensions: dict[str, Any]) -> dict[int, int]:
    """The groups that match, and how many deliveries each has."""
    sql = f"SELECT id, number FROM log_bucket WHERE number > 0{_equal(dimensions)}"
    return {row.id: row.number for row in session.execute(text(sql), dimensions)}


def _groups(session: Session, dimensions: dict[str, Any], span: Span, limit: int, order: str) -> list[int]:
    """The groups that the first `limit` matches are in. Each group's first match is one of them, so `limit` groups do."""
    ids = _ids(session, f"SELECT id FROM log_bucket WHERE number > 0{_equal(dimensions)}", dimensions)
    if len(ids) <= limit:
        return ids
    first = f"SELECT id FROM delivery WHERE log_bucket_id = g.id{span.condition()} ORDER BY id {order} LIMIT 1"
    sql = f"""
        SELECT id FROM (SELECT g.id AS id, ({first}) AS first FROM log_bucket g WHERE g.number > 0{_equal(dimensions)}) AS known
        WHERE first IS NOT NULL ORDER BY first {order} LIMIT :limit
    """
    return _ids(session, sql, {**span.values(), **dimensions, "limit": limit})


def _equal(dimensions: dict[str, Any]) -> str:
    """`+ 0`: SQLite would take the index of the webhook's records, and look at all that there ever were."""
    return "".join(f" AND {name}{' + 0' if name == 'webhook_id' else ''} = :{name}" for name in dimensions)


def _ids(session: Session, sql: str, values: dict[str, Any]) -> list[int]:
    return list(session.scalars(_bound(sql, values), values).all())


def _bound(sql: str, values: dict[str, Any]) -> Any:
    times = [bindparam(name, type_=UtcDateTime()) for name in ("since", "until") if name in values]
    return text(sql).bindparams(*times) if times else text(sql)


# ---- counting ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Counts:
    """Deliveries by status. Of the statuses in `at_least` there may be more."""

    numbers: dict[str, int]
    at_least: frozenset[str] = frozenset()

    def __getitem__(self, status: str) -> int:
        return self.numbers[status]

    @property
    def total(self) -> int:
        return sum(self.numbers.values())

    def words(self, status: str | None = None) -> str:
        """As people read it: "1,250", or "10,000+" when there may be more. Without a status: all of them."""
        number = self.numbers[status] if status else self.total
        more = status in self.at_least if status else bool(self.at_least)
        return f"{number:,}{'+' if more else ''}"


def counted(session: Session, log_filter: LogFilter) -> Counts:
    """Deliveries of each status under the filter, its own status and its text left aside."""
    log_filter = replace(log_filter, status=None, q=None)
    dimensions = dimensions_of(log_filter)
    span = span_of(session, log_filter)
    values = {**span.values(), **dimensions, "most": MOST_COUNTED + 1}
    same = _equal(dimensions)
    if log_filter.record_id is not None:
        newest = f"SELECT status FROM delivery WHERE record_id = :record_id{same}{span.condition()} ORDER BY id DESC LIMIT :most"
        sql = f"SELECT status, count(*) AS n FROM ({newest}) AS newest GROUP BY status"
        numbers = _by_status(session, sql, values | {"record_id": log_filter.record_id})
        return Counts(numbers, frozenset(STATUSES) if sum(numbers.values()) > MOST_COUNTED else frozenset())
    rest = f"log_bucket_id IS NULL AND status IN {tuple(STATUSES)}{same}{span.condition()}"
    not_indexed = f"SELECT status, count(*) AS n FROM delivery WHERE {rest} GROUP BY status"
    if not span.is_of_times:
        indexed = f"SELECT status, sum(number) AS n FROM log_bucket WHERE true{same} GROUP BY status"
        return Counts(_by_status(session, f"{indexed} UNION ALL {not_indexed}", values))
    parts = [not_indexed]
    for status in FINAL:
        groups = f"SELECT id FROM log_bucket WHERE status = '{status}' AND number > 0{same}"
        parts.append(
            f"SELECT '{status}' AS status, count(*) AS n FROM (SELECT 1 FROM delivery"
            f" WHERE log_bucket_id IN ({groups}){span.condition()} LIMIT :most) AS {status}_ones"
        )
    numbers = _by_status(session, " UNION ALL ".join(parts), values)
    more = frozenset(status for status, number in numbers.items() if number > MOST_COUNTED)
    return Counts(numbers | dict.fromkeys(more, MOST_COUNTED), more)


def _by_status(session: Session, sql: str, values: dict[str, Any]) -> dict[str, int]:
    numbers = dict.fromkeys(STATUSES, 0)
    for status, number in session.execute(_bound(sql, values), values):
        numbers[status] += int(number or 0)
    return numbers
