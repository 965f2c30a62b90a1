"""Webhooks and endpoints that are paused, and sent to again: told to the admins once (specification section 6)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.delivery.circuit import names
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.tables import Endpoint
from webhookui.notifications import inbox
from webhookui.notifications.digest import DigestEntry, add_to_digest
from webhookui.notifications.inbox import Event
from webhookui.notifications.recipients import active_admins

KIND = "endpoint"


def tell(session: Session, key: str, at: datetime | None = None) -> None:
    """Is called when a webhook (its key) or an endpoint was paused or is sent to again, in the transaction in which it was.

    The mail speaks of the state at the time when it is written, and only when that is news: one that comes and goes
    makes no stream of mails. `at`: the time, if not now.
    """
    session.flush()
    row = session.get(Endpoint, key, populate_existing=True)
    if row is None:
        return
    is_paused = row.state == "open"
    name, admins, at = names(session, [key])[key], active_admins(session), at or now()
    add_to_digest(session, [DigestEntry(person, KIND, key) for person in admins], at)
    title = (
        f"{name} is paused: it {'can’t be reached' if EndpointKey(key).is_endpoint else 'keeps failing'}"
        if is_paused
        else f"{name} has recovered"
    )
    words = (row.last_error or "") if is_paused else "What was waiting for it is being sent at a limited rate."
    tone = "warning" if is_paused else "success"
    inbox.notify(
        session, [Event(person, f"{KIND}:{key}", title, text=words, url="/log", tone=tone) for person in admins], at
    )
