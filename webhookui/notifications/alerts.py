"""What people are told of, by mail and inside the app: deliveries that ended Failed, workflows that are held because they fire in
a loop, webhooks and endpoints that are paused or have recovered (specification sections 6 and 8).

Each is called in the transaction in which it happens. `at`: the time, if not now. Nobody is told who is deactivated.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.crm.records import owners_of
from webhookui.definitions.tables import Workflow, WorkflowHold
from webhookui.delivery import pending
from webhookui.delivery.circuit import names
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.retries import is_superseded
from webhookui.delivery.tables import Delivery, Endpoint
from webhookui.notifications import inbox
from webhookui.notifications.digest import DigestEntry, add_to_digest
from webhookui.notifications.inbox import Event
from webhookui.people.tables import User

_U = User.__table__.c  # type: ignore[attr-defined]


def deliveries_failed(session: Session, deliveries: Sequence[Delivery], at: datetime | None = None) -> None:
    """Tells the record's owner and every admin.

    Not of a test, whose sender sees the answer; nor of what an admin ended by "Fail all" (which calls no listener); nor of a
    delivery that a newer one of the same record replaces, for that one speaks for both.
    """
    worth = [delivery for delivery in deliveries if not delivery.test and not is_superseded(delivery)]
    if not worth:
        return
    admins, at = _active_admins(session), at or now()
    owners = _active_owners(session, {delivery.record_id for delivery in worth if delivery.record_id is not None})
    groups: dict[tuple[int, int], list[Delivery]] = {}
    for delivery in worth:
        owner = owners.get(delivery.record_id or 0)
        for person in {*admins, owner} - {None}:
            groups.setdefault((person, delivery.webhook_id or 0), []).append(delivery)  # type: ignore[arg-type]
    entries, events = [], []
    for (person, webhook), group in groups.items():
        last, oldest = group[-1], min(delivery.created_at for delivery in group)
        entries.append(DigestEntry(person, "failed", str(webhook), len(group), last.id, oldest))
        all_of_them = f"/log?status=failed&webhook_id={webhook}" if webhook else "/log?status=failed"
        events.append(
            Event(
                user_id=person,
                key=f"failed:{webhook}",
                count=len(group),
                title=f"“{last.action}” failed for {last.record_name or 'a record'}",
                title_many=f"deliveries of “{last.action}” failed",
                text=last.error or "",
                url=f"/log/{last.id}",
                url_many=all_of_them if person in admins else "",  # only an admin is led to the log as a whole
            )
        )
    add_to_digest(session, entries, at)
    inbox.notify(session, events, at)


def workflow_held(session: Session, workflow_id: int, record_id: int, at: datetime | None = None) -> None:
    """A hold begins. The loops of one workflow are one mail with their number."""
    hold = session.get(WorkflowHold, (workflow_id, record_id), populate_existing=True)
    workflow = session.get(Workflow, workflow_id)
    if hold is None or workflow is None:
        return
    log = f"/log?workflow_id={workflow_id}"
    _tell_admins(
        session,
        "loop",
        str(workflow_id),
        at or now(),
        title=f"“{workflow.name}” is held for {hold.record_name or 'a record'}: it fires in a loop",
        title_many=f"loops of “{workflow.name}” are held, each for one record",
        text=pending.in_a_loop(hold.fired).sentence,
        url=f"{log}&record_id={record_id}",
        url_many=log,
        tone="warning",
    )


def endpoint_changed(session: Session, key: str, at: datetime | None = None) -> None:
    """A webhook (its key) or an endpoint was paused, or is sent to again.

    The mail speaks of the state at the time when it is written, and only when that is news: one that comes and goes
    makes no stream of mails.
    """
    session.flush()
    row = session.get(Endpoint, key, populate_existing=True)
    if row is None:
        return
    name = names(session, [key])[key]
    why = "can’t be reached" if EndpointKey(key).is_endpoint else "keeps failing"
    if row.state == "open":
        title, text, tone = f"{name} is paused: it {why}", row.last_error, "warning"
    else:
        title, tone = f"{name} has recovered", "success"
        text = "What was waiting for it is being sent at a limited rate."
    _tell_admins(session, "endpoint", key, at or now(), title=title, text=text or "", url="/log", tone=tone)


def _tell_admins(session: Session, kind: str, subject: str, at: datetime, **event: Any) -> None:
    admins = _active_admins(session)
    add_to_digest(session, [DigestEntry(person, kind, subject) for person in admins], at)
    inbox.notify(session, [Event(person, f"{kind}:{subject}", **event) for person in admins], at)


def _active_admins(session: Session) -> list[int]:
    return list(session.scalars(select(_U.id).where(_U.role == "admin", _U.active)))


def _active_owners(session: Session, records: Collection[int]) -> dict[int, int]:
    """Record → its owner, of those whose owner is active."""
    owners = owners_of(session, records)
    active = set(session.scalars(select(_U.id).where(_U.id.in_(set(owners.values())), _U.active)))
    return {record: owner for record, owner in owners.items() if owner in active}
