"""Notifications inside the app (specification section 8): what happens again while one is unread joins it and counts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from webhookui.core.database import insert_or_update, now
from webhookui.core.errors import NotFound
from webhookui.core.paging import Page, one_page
from webhookui.notifications.tables import Notification

_N = Notification.__table__.c  # type: ignore[attr-defined]
LONGEST_TEXT = 500
MOST_COUNTED = 100
"""The badge says "99+" beyond it."""


class NotificationNotFound(NotFound):
    """The user has no such notification."""


@dataclass(frozen=True)
class Event:
    """Something to tell one user. Without `title_many`, what happens next under the same key takes its place."""

    user_id: int
    key: str
    title: str
    title_many: str = ""
    text: str = ""
    url: str = ""
    url_many: str = ""
    count: int = 1
    tone: str = "danger"


def notify(session: Session, events: Sequence[Event], at: datetime) -> None:
    """One statement for all of them, in the session's transaction."""
    if not events:
        return
    rows = [
        asdict(event) | {"text": event.text[:LONGEST_TEXT], "at": at}
        for event in sorted(events, key=lambda event: (event.user_id, event.key))
    ]
    statement = insert_or_update(session, Notification)
    new = statement.excluded
    names = ("title", "title_many", "text", "url", "url_many", "tone", "at")
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[_N.user_id, _N.key],
            set_={name: new[name] for name in names}
            | {"count": case((new.title_many == "", 1), else_=_N.count + new["count"])},
        ),
        rows,
    )


def unread(session: Session, user_id: int) -> int:
    """Unread entries, at most MOST_COUNTED: what the badge shows."""
    some = select(_N.id).where(_N.user_id == user_id, _N.read_at.is_(None)).limit(MOST_COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def page(session: Session, user_id: int, *, limit: int = 30, before: int | None = None) -> Page[Notification]:
    """By the time of the last event, so that an entry that others have just joined comes first."""
    statement = select(Notification).where(_N.user_id == user_id)
    last = session.get(Notification, before) if before is not None else None
    if last is not None:
        statement = statement.where((_N.at < last.at) | ((_N.at == last.at) & (_N.id < last.id)))
    items = list(session.scalars(statement.order_by(_N.at.desc(), _N.id.desc()).limit(limit + 1)))
    return one_page(items, limit, lambda item: item.id)


def read(session: Session, user_id: int, notification_id: int) -> Notification:
    """Marks one of the user's entries as read. Raises NotificationNotFound."""
    notification = session.get(Notification, notification_id, with_for_update=True)
    if notification is None or notification.user_id != user_id:
        raise NotificationNotFound(f"There is no notification {notification_id}.")
    if notification.read_at is None:
        notification.read_at, notification.key = now(), None
    return notification


def read_all(session: Session, user_id: int) -> None:
    session.execute(
        update(Notification)
        .where(_N.user_id == user_id, _N.read_at.is_(None))
        .values(read_at=now(), key=None)
        .execution_options(synchronize_session=False)
    )
