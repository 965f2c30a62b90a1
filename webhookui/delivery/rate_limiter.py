"""Sending at a limited rate, counted over all senders and worker processes (specification sections 4.5 and 6)."""

from datetime import timedelta

from sqlalchemy import or_, select

from webhookui.core.database import Database, insert_or_update
from webhookui.delivery.tables import RateLimit

_P = RateLimit.__table__.c  # type: ignore[attr-defined]


CLOCK_WAS_SET_BACK = timedelta(seconds=30)
"""A turn so much further away than one interval comes of a clock that was set back since it was given."""


def wait_s(db: Database, key: str, per_s: float) -> float:
    """Seconds until the key's next request may go; 0 when it may go now, which counts as sent.

    Requests are spread evenly: with 5 a second, one every 200 ms.
    """
    with db.write() as session:
        session.connection()  # SQLite's lock is waited for here, before the time is taken
        time = db.time(session)
        then = time + timedelta(seconds=1 / per_s)
        free = or_(_P.next_at <= time, _P.next_at > then + CLOCK_WAS_SET_BACK)
        place = insert_or_update(session, RateLimit).values(endpoint_key=key, next_at=then)
        # RETURNING, because the number of rows is not told of an INSERT on PostgreSQL.
        taken = place.on_conflict_do_update(index_elements=[_P.endpoint_key], set_={"next_at": then}, where=free)
        if session.scalar(taken.returning(_P.endpoint_key)) is not None:
            return 0.0
        next_at = session.scalar(select(_P.next_at).where(_P.endpoint_key == key))
        return max(0.001, (next_at - time).total_seconds()) if next_at else 0.001
