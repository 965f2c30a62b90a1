"""Deliveries that ended Failed, told to the record's owner and to every active admin (specification section 8).

Nobody is told of a test, whose sender sees the answer; of what an admin ended by "Fail all" (which calls no listener); nor of
a delivery that a newer one of the same record replaces, for that one speaks for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.delivery.stale_retries import is_superseded
from webhookui.delivery.tables import Delivery
from webhookui.notifications import inbox
from webhookui.notifications.digest import DigestEntry, add_to_digest
from webhookui.notifications.inbox import Event
from webhookui.notifications.recipients import active_admins, active_owners

KIND = "failed"


def tell(session: Session, deliveries: Sequence[Delivery], at: datetime | None = None) -> None:
    """Is called with deliveries that have just ended Failed, in the transaction in which they did. `at`: the time, if not now."""
    worth = [delivery for delivery in deliveries if not delivery.test and not is_superseded(delivery)]
    if not worth:
        return
    admins = active_admins(session)
    owners = active_owners(session, {delivery.record_id for delivery in worth if delivery.record_id is not None})
    gathered: dict[tuple[int, int], list[Delivery]] = {}
    for delivery in worth:
        owner = owners.get(delivery.record_id or 0)
        for person in {*admins, owner} - {None}:
            gathered.setdefault((person, delivery.webhook_id or 0), []).append(delivery)  # type: ignore[arg-type]
    at = at or now()
    add_to_digest(session, [_entry(person, webhook, group) for (person, webhook), group in gathered.items()], at)
    events = [_event(person, webhook, group, person in admins) for (person, webhook), group in gathered.items()]
    inbox.notify(session, events, at)


def _entry(person: int, webhook: int, group: Sequence[Delivery]) -> DigestEntry:
    oldest = min(delivery.created_at for delivery in group)
    return DigestEntry(person, KIND, str(webhook), len(group), group[-1].id, oldest)


def _event(person: int, webhook: int, group: Sequence[Delivery], admin: bool) -> Event:
    """Only an admin is led to the log as a whole."""
    last = group[-1]
    all_of_them = f"/log?status=failed&webhook_id={webhook}" if webhook else "/log?status=failed"
    return Event(
        user_id=person,
        key=f"{KIND}:{webhook}",
        count=len(group),
        title=f"“{last.action}” failed for {last.record_name or 'a record'}",
        title_many=f"deliveries of “{last.action}” failed",
        text=last.error or "",
        url=f"/log/{last.id}",
        url_many=all_of_them if admin else "",
    )
