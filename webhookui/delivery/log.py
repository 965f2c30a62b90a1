"""The webhook log's queries (SPEC section 7). Pages go by id, newest first; no query reads a body but `detail`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from webhookui.crm.tables import Change
from webhookui.db import now
from webhookui.delivery.states import STATUSES
from webhookui.delivery.tables import Attempt, CapturedValue, Delivery, DeliveryRequest

_D = Delivery.__table__.c  # type: ignore[attr-defined]


class DeliveryNotFound(Exception):
    """There is no delivery with that id."""


class InvalidFilter(Exception):
    """A filter's value can't be read. `field` is the filter's name; the text is for people."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class LogFilter:
    """What to show of the log; None stands for any. Times are aware UTC."""

    status: str | None = None
    workflow_id: int | None = None
    webhook_id: int | None = None
    module: str | None = None
    record_id: int | None = None
    host: str | None = None
    status_code: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None
    test: bool | None = None

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> LogFilter:
        """From a URL's query; empty values count as absent. Raises InvalidFilter."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            text = (args.get(field.name) or "").strip()
            if text:
                values[field.name] = _READ.get(field.name, str)(field.name, text) if field.name in _READ else text
        if values.get("status") and values["status"] not in STATUSES:
            raise InvalidFilter("status", f"“{values['status']}” is not a status: {', '.join(STATUSES)}.")
        return cls(**values)

    def to_args(self) -> dict[str, str]:
        """For a URL's query, only what is set."""
        args = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                args[field.name] = _write(value)
        return args

    def without(self, *names: str) -> LogFilter:
        return replace(self, **dict.fromkeys(names))


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise InvalidFilter(name, f"“{text[:40]}” is not a number.")
    return int(text)


def _time(name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidFilter(name, f"“{text[:40]}” is not a time such as 2026-12-31T14:30.") from None


def _truth(name: str, text: str) -> bool:
    if text.lower() not in ("1", "0", "true", "false"):
        raise InvalidFilter(name, f"“{text}” is not true or false.")
    return text.lower() in ("1", "true")


_READ: dict[str, Any] = {
    **dict.fromkeys(("workflow_id", "webhook_id", "record_id", "status_code"), _number),
    **dict.fromkeys(("since", "until"), _time),
    "test": _truth,
}


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _where(statement: Select[Any], wanted: LogFilter) -> Select[Any]:
    for name in ("status", "workflow_id", "webhook_id", "module", "record_id", "host", "status_code", "test"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(_D[name] == value)
    if wanted.since is not None:
        statement = statement.where(_D.created_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(_D.created_at < wanted.until)
    if wanted.q:
        pattern = "%" + wanted.q.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        statement = statement.where(
            or_(func.lower(_D.url).like(pattern, escape="\\"), func.lower(_D.error).like(pattern, escape="\\"))
        )
    return statement


@dataclass(frozen=True)
class Page:
    """Deliveries, newest first. `next_before`: the id to go on from, None at the end."""

    items: list[Delivery]
    next_before: int | None


def page(session: Session, wanted: LogFilter, *, limit: int = 50, before: int | None = None) -> Page:
    statement = _where(select(Delivery), wanted)
    if before is not None:
        statement = statement.where(_D.id < before)
    items = list(session.scalars(statement.order_by(_D.id.desc()).limit(limit + 1)))
    more = len(items) > limit
    return Page(items[:limit], items[limit - 1].id if more else None)


def counts(session: Session, wanted: LogFilter) -> dict[str, int]:
    """Deliveries of each status under the filter, its own status left aside."""
    statement = _where(select(_D.status, func.count()), wanted.without("status")).group_by(_D.status)
    found: dict[str, int] = dict(session.execute(statement).all())
    return {status: found.get(status, 0) for status in STATUSES}


def counts_by_workflow(session: Session, hours: int = 24) -> dict[int, dict[str, int]]:
    """Workflow → status → deliveries made in the last hours."""
    statement = (
        select(_D.workflow_id, _D.status, func.count())
        .where(_D.created_at >= now() - timedelta(hours=hours), _D.workflow_id.is_not(None))
        .group_by(_D.workflow_id, _D.status)
    )
    found: dict[int, dict[str, int]] = {}
    for workflow_id, status, number in session.execute(statement):
        found.setdefault(workflow_id, {})[status] = number
    return found


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
    attempts = select(Attempt).where(Attempt.delivery_id == delivery_id)  # type: ignore[arg-type]
    captures = select(CapturedValue).where(CapturedValue.delivery_id == delivery_id)  # type: ignore[arg-type]
    return Detail(
        delivery,
        session.get(DeliveryRequest, delivery_id) or DeliveryRequest(delivery_id=delivery_id),
        list(session.scalars(attempts.order_by(Attempt.number))),  # type: ignore[arg-type]
        list(session.scalars(captures.order_by(CapturedValue.id))),  # type: ignore[arg-type]
        session.get(Change, delivery.change_id) if delivery.change_id else None,
        list(session.scalars(select(_D.id).where(_D.redelivery_of == delivery_id).order_by(_D.id))),
    )


def moved(session: Session, versions: Mapping[int, int]) -> list[Delivery]:
    """Those of the deliveries (id → version the page shows) that have changed since."""
    if not versions:
        return []
    rows = session.execute(select(_D.id, _D.version).where(_D.id.in_(versions)))
    ids = [delivery_id for delivery_id, version in rows if version != versions[delivery_id]]
    if not ids:
        return []
    return list(session.scalars(select(Delivery).where(_D.id.in_(ids)).order_by(_D.id.desc())))


def newer_than(session: Session, wanted: LogFilter, delivery_id: int, limit: int) -> list[Delivery]:
    """What the filter matches of the deliveries made after `delivery_id`, newest first."""
    statement = _where(select(Delivery), wanted).where(_D.id > delivery_id)
    return list(session.scalars(statement.order_by(_D.id.desc()).limit(limit)))


def hosts(session: Session) -> list[str]:
    """Hosts that deliveries went to, by a walk along the index that skips from one to the next."""
    found: list[str] = []
    last = ""
    while len(found) < 200:
        last = session.scalar(select(func.min(_D.host)).where(_D.host > last)) or ""
        if not last:
            break
        found.append(last)
    return found


def by_ids(session: Session, ids: Sequence[int]) -> list[Delivery]:
    return list(session.scalars(select(Delivery).where(_D.id.in_(ids)).order_by(_D.id.desc())))


def next_delivery_id(session: Session) -> int:
    """The id that the next delivery gets when no other comes first: for previews."""
    return (session.scalar(select(func.max(Delivery.id))) or 0) + 1
