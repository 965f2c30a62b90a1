"""Notices: what is to be told by mail, counted for each person and subject, and written as one mail a window at most.

The failure of a delivery costs one row for each person and webhook, however many deliveries of the group failed. Of a
storm, the first failures are told at once; what follows within ten minutes is gathered into one mail with its count.
See docs/decisions for why (specification section 8).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from webhookui.core.database import insert_or_update
from webhookui.notifications import mail_content, outgoing_mail
from webhookui.notifications.outgoing_mail import mail_waiting
from webhookui.notifications.tables import Notice, OutgoingMail
from webhookui.people.tables import User

WINDOW = timedelta(minutes=10)
"""At most one mail in this time for each person and subject."""
MOST_AT_ONCE = 200
"""Notices that one transaction turns into mails."""

_N = Notice.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True)
class DigestEntry:
    """What a person is to be told: `count` events, the last one of delivery `delivery_id`, the oldest made at `since`."""

    user_id: int
    kind: str
    subject: str
    count: int = 1
    delivery_id: int | None = None
    since: datetime | None = None


def add_to_digest(session: Session, entries: Sequence[DigestEntry], at: datetime) -> None:
    """Adds to what is to be told, in the session's transaction: one statement, right with several processes.

    Due at once, or at the end of the window that the last mail opened. Wakes the mail senders after the commit.
    """
    if not entries:
        return
    ordered = sorted(entries, key=lambda entry: (entry.user_id, entry.kind, entry.subject))
    rows = [asdict(entry) | {"since": entry.since or at, "due_at": at} for entry in ordered]
    statement = insert_or_update(session, Notice)
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[_N.user_id, _N.kind, _N.subject],
            set_={
                "count": _N.count + new["count"],
                "delivery_id": new.delivery_id,
                "since": case((_N.count == 0, new.since), (new.since < _N.since, new.since), else_=_N.since),
                "due_at": case(
                    (_N.count > 0, _N.due_at), (_N.not_before > new.due_at, _N.not_before), else_=new.due_at
                ),
            },
        ),
        rows,
    )
    mail_waiting.send_after_commit(session)


def anything_due(session: Session, at: datetime) -> bool:
    return session.scalar(select(_N.user_id).where(_N.due_at <= at).limit(1)) is not None


def write_due(session: Session, address: str, at: datetime) -> list[OutgoingMail]:
    """Turns the notices that are due into mails, each of which opens a new window. `address`: where people reach us.

    The rows are held until the commit, so that of several processes one writes each mail.
    """
    due = select(Notice).where(_N.due_at <= at).order_by(_N.due_at).limit(MOST_AT_ONCE)
    written = []
    for notice in session.scalars(due.with_for_update(skip_locked=True)):
        user = session.get(User, notice.user_id)
        if user is None or not user.active:
            content = None
        else:
            content = mail_content.KINDS[notice.kind](session, notice, user, address)
        if content is not None and user is not None:
            written.append(outgoing_mail.add(session, user.email, content, notice.count, at))
            notice.not_before = at + WINDOW
        notice.count, notice.due_at = 0, None
    session.flush()
    return written
