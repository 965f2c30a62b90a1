"""What happens to deliveries that others take part in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.database import is_unavailable
from webhookui.core.events import Event
from webhookui.delivery.tables import Delivery

log = structlog.get_logger("webhookui.delivery")

deliveries_waiting: Event[[str]] = Event()
"""A key has something to send now: its workers are to be woken after the commit."""
deliveries_due: Event[[str, datetime]] = Event()
"""A key has something to send at a time."""
deliveries_failed: Event[[Sequence[Delivery]]] = Event()
"""Deliveries have just ended Failed."""
endpoint_changed: Event[[str]] = Event()
"""A webhook (its key) or an endpoint was paused, or is sent to again."""


def speaks_of_the_database(error: BaseException) -> bool:
    """Whether it was raised, or caused, by a database that is full, locked or out of reach: no delivery is to blame for that,
    and the save as a whole can be tried again."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SQLAlchemyError) and is_unavailable(cause):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def tell_failed(session: Session, delivery_ids: Sequence[int]) -> None:
    """Tells who wants to know that deliveries have just ended Failed. What goes wrong with the telling is logged: neither the
    save nor the results that they belong to are lost for it."""
    if not delivery_ids or not deliveries_failed.has_listeners(session):
        return
    with telling(session, "failure_not_told", deliveries=list(delivery_ids)):
        query = select(Delivery).where(col(Delivery.id).in_(delivery_ids)).order_by(col(Delivery.id))
        deliveries_failed.send(session, list(session.scalars(query, execution_options={"populate_existing": True})))


@contextmanager
def telling(session: Session, failure: str, **about: object) -> Iterator[None]:
    """A part of a transaction that tells somebody something: what goes wrong in it is logged, and takes nothing else along.

    What the database raises because it is full, locked or out of reach passes.
    """
    try:
        with session.begin_nested():
            yield
    except Exception as error:
        if speaks_of_the_database(error):
            raise
        log.exception(failure, **about)
