"""The webhook log's queries (specification section 7). Pages go by id, newest first; no query reads a body but `detail`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, union
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.core.errors import NotFound
from webhookui.core.paging import Page
from webhookui.crm.tables import Change
from webhookui.delivery import pending
from webhookui.delivery.states import STATUSES
from webhookui.delivery.tables import Attempt, CapturedValue, Delivery, DeliveryRequest, LogBucket
from webhookui.delivery_log.filter import InvalidFilter, LogFilter
from webhookui.delivery_log.indexing import searchable
from webhookui.delivery_log.search import counts_of_text, search
from webhookui.delivery_log.streams import LAST, Counts, Span, counted, matching, span_of
from webhookui.webhooks.secret_values import veil, veil_body

__all__ = [
    "CHANGEABLE", "Counts", "DeliveryNotFound",
    "Detail", "InvalidFilter", "LogFilter", "LogPage", "by_ids", "counts", "counts_by_workflow",
    "detail", "hosts", "moved", "newer_than", "oldest_first", "page", "shown_version", "still_matches",
]  # fmt: skip

_D = Delivery.__table__.c  # type: ignore[attr-defined]
_G = LogBucket.__table__.c  # type: ignore[attr-defined]


class DeliveryNotFound(NotFound):
    """There is no delivery with that id."""


@dataclass(frozen=True)
class LogPage(Page[Delivery]):
    """Deliveries, newest first; the pages after it are those of older ones."""

    searched_to: int | None = None
    """The id at which the search for a text stopped: older matches may follow from there."""


def page(
    session: Session, log_filter: LogFilter, *, limit: int = 50, before: int | None = None, after: int | None = None
) -> LogPage:
    """The newest deliveries that match; those older than `before`; or, of those newer than `after`, the oldest."""
    span = span_of(session, log_filter, above=after or 0, below=before or LAST)
    ids, stopped = _matching(session, log_filter, span, limit + 1, after is None)
    more, ids = len(ids) > limit, sorted(ids[:limit], reverse=True)
    items = by_ids(session, ids)
    if after is None:
        newer = None if before is None else ids[0] if ids else before - 1
        return LogPage(items, ids[-1] if more else stopped, newer, searched_to=stopped)
    return LogPage(items, ids[-1] if ids else after + 1, ids[0] if more else stopped, searched_to=stopped)


def _matching(
    session: Session, log_filter: LogFilter, span: Span, limit: int, newest_first: bool
) -> tuple[list[int], int | None]:
    """Ids that match, in order, and where the search for a text stopped."""
    if log_filter.q:
        return search(session, log_filter, span, limit, newest_first=newest_first)
    return matching(session, log_filter, span, limit, newest_first=newest_first), None


def oldest_first(
    session: Session, log_filter: LogFilter, *, after: int, up_to: int, limit: int
) -> tuple[list[int], int | None]:
    """Ids that match, from the oldest on; and the id up to which all were looked at, None when these are the last ones."""
    span = span_of(session, log_filter, above=after, below=up_to + 1)
    ids, stopped = _matching(session, log_filter, span, limit, False)
    return ids, ids[-1] if len(ids) == limit else stopped


def counts(session: Session, log_filter: LogFilter, *, thorough: bool = False) -> Counts:
    """Deliveries of each status under the filter, its own status left aside.

    `thorough`: a text's matches are counted much further; somebody waits for the number.
    """
    return counts_of_text(session, log_filter, thorough=thorough) if log_filter.q else counted(session, log_filter)


def counts_of_ids(session: Session, ids: Sequence[int]) -> Counts:
    """Of these deliveries, those of each status."""
    statement = select(_D.status, func.count()).where(_D.id.in_(ids)).group_by(_D.status)
    numbers: dict[str, int] = {row[0]: row[1] for row in session.execute(statement)}
    return Counts({status: numbers.get(status, 0) for status in STATUSES})


def counts_by_workflow(session: Session) -> dict[int, dict[str, int]]:
    """Workflow → status → deliveries made in the last 24 hours."""
    statement = (
        select(_D.workflow_id, _D.status, func.count())
        .where(_D.created_at >= now() - timedelta(hours=24), _D.workflow_id.is_not(None))
        .group_by(_D.workflow_id, _D.status)
    )
    counts_by_id: dict[int, dict[str, int]] = {}
    for workflow_id, status, number in session.execute(statement):
        counts_by_id.setdefault(workflow_id, {})[status] = number
    return counts_by_id


@dataclass(frozen=True)
class Detail:
    """Everything that is known of one delivery."""

    delivery: Delivery
    request: DeliveryRequest
    attempts: list[Attempt]
    captures: list[CapturedValue]
    change: Change | None
    redeliveries: list[int]
    """Newer deliveries that repeat this one."""


def detail(session: Session, delivery_id: int) -> Detail:
    """Raises DeliveryNotFound."""
    delivery = session.get(Delivery, delivery_id)
    if delivery is None:
        raise DeliveryNotFound(f"There is no delivery {delivery_id}.")
    request = session.get(DeliveryRequest, delivery_id) or DeliveryRequest(delivery_id=delivery_id)
    attempts = select(Attempt).where(Attempt.delivery_id == delivery_id)  # type: ignore[arg-type]
    captures = select(CapturedValue).where(CapturedValue.delivery_id == delivery_id)  # type: ignore[arg-type]
    return Detail(
        delivery,
        _shown(request),
        list(session.scalars(attempts.order_by(Attempt.number))),  # type: ignore[arg-type]
        list(session.scalars(captures.order_by(CapturedValue.id))),  # type: ignore[arg-type]
        session.get(Change, delivery.change_id) if delivery.change_id else None,
        list(session.scalars(select(_D.id).where(_D.redelivery_of == delivery_id).order_by(_D.id))),
    )


def _shown(request: DeliveryRequest) -> DeliveryRequest:
    """A copy for people: the mask stands for every secret."""
    headers = [[name, veil(value)] for name, value in request.headers]
    return DeliveryRequest(delivery_id=request.delivery_id, headers=headers, body=veil_body(request.body))


def moved(session: Session, versions: Mapping[int, int]) -> list[Delivery]:
    """Those of the deliveries (id → version the page shows, see `shown_version`) that have changed since."""
    if not versions:
        return []
    columns = select(_D.id, _D.version, _D.status, _D.workflow_id, _D.record_id, _D.endpoint_key, _D.test)
    rows: list[Any] = list(session.execute(columns.where(_D.id.in_(versions))))
    held = pending.holds(session, rows)
    ids = [row.id for row in rows if shown_version(row.version, held.get(row.id)) != versions[row.id]]
    return by_ids(session, ids)


def shown_version(version: int, hold: pending.Hold | None) -> int:
    """What tells whether a row of the page is still as it was: a switch or a pause changes it, too, and moves no delivery."""
    return version + (hold.rank if hold else 0) * _HELD


_HELD = 100_000_000
"""More than any version."""


CHANGEABLE = ("status", "status_code", "q")
"""Filters whose answer for one delivery changes with time."""


def still_matches(log_filter: LogFilter, delivery: Delivery) -> bool:
    """Whether a delivery that matched the filter does so now."""
    return (
        log_filter.status in (None, delivery.status)
        and log_filter.status_code in (None, delivery.status_code)
        and (not log_filter.q or log_filter.q.lower() in searchable(delivery.url, delivery.error))
    )


def newer_than(session: Session, log_filter: LogFilter, delivery_id: int, limit: int) -> list[Delivery]:
    """What the filter matches of the deliveries made after `delivery_id`, the newest of them, newest first."""
    ids, _ = _matching(session, log_filter, span_of(session, log_filter, above=delivery_id), limit, True)
    return by_ids(session, ids)


def hosts(session: Session) -> list[str]:
    """Hosts that deliveries went to, up to 200."""
    indexed = select(_G.host).where(_G.number > 0, _G.host != "")
    not_indexed = select(_D.host).where(_D.log_bucket_id.is_(None), _D.host != "")
    return list(session.scalars(union(indexed, not_indexed).order_by("host").limit(200)))


def by_ids(session: Session, ids: Sequence[int]) -> list[Delivery]:
    """Newest first."""
    if not ids:
        return []
    return list(session.scalars(select(Delivery).where(_D.id.in_(ids)).order_by(_D.id.desc())))


def next_delivery_id(session: Session) -> int:
    """The id that the next delivery gets when no other comes first: for previews."""
    return (session.scalar(select(func.max(Delivery.id))) or 0) + 1
