"""Endpoints that are paused, and sent to again: told to the admins once (SPEC section 6)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from webhookui.db import now
from webhookui.delivery.outbox import endpoint_name
from webhookui.delivery.tables import Endpoint
from webhookui.notify import bell
from webhookui.notify.bell import Event
from webhookui.notify.notices import Owed, owe
from webhookui.notify.people import active_admins

KIND = "endpoint"


def tell(session: Session, lane: str, at: datetime | None = None) -> None:
    """Is called when an endpoint was paused or is sent to again, in the transaction in which that happened.

    The mail speaks of the state at the time when it is written, and only when that is news: an endpoint that comes and goes
    makes no stream of mails. `at`: the time, if not now.
    """
    session.flush()
    row = session.get(Endpoint, lane, populate_existing=True)
    if row is None:
        return
    is_paused = row.state == "open"
    name, admins, at = endpoint_name(lane), active_admins(session), at or now()
    owe(session, [Owed(person, KIND, lane) for person in admins], at)
    title = f"{name} is paused: it keeps failing" if is_paused else f"{name} is sent to again"
    words = (row.last_error or "") if is_paused else "What waited for it goes out at a limited rate."
    tone = "warning" if is_paused else "success"
    bell.ring(
        session, [Event(person, f"{KIND}:{lane}", title, text=words, url="/log", tone=tone) for person in admins], at
    )
