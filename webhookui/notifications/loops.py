"""Workflows that are held for a record because they fire in a loop: told to the admins once (specification section 6)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.definitions.tables import Workflow, WorkflowHold
from webhookui.delivery import pending
from webhookui.notifications import inbox
from webhookui.notifications.digest import DigestEntry, add_to_digest
from webhookui.notifications.inbox import Event
from webhookui.notifications.recipients import active_admins

KIND = "loop"


def tell(session: Session, workflow_id: int, record_id: int, at: datetime | None = None) -> None:
    """Is called when a hold begins, in its transaction. The loops of one workflow are one mail with their number. `at`: the
    time, if not now."""
    hold = session.get(WorkflowHold, (workflow_id, record_id), populate_existing=True)
    workflow = session.get(Workflow, workflow_id)
    if hold is None or workflow is None:
        return
    admins, at = active_admins(session), at or now()
    add_to_digest(session, [DigestEntry(person, KIND, str(workflow_id)) for person in admins], at)
    log = f"/log?workflow_id={workflow_id}"
    events = [
        Event(
            user_id=person,
            key=f"{KIND}:{workflow_id}",
            title=f"“{workflow.name}” is held for {hold.record_name or 'a record'}: it fires in a loop",
            title_many=f"loops of “{workflow.name}” are held, each for one record",
            text=pending.in_a_loop(hold.fired).sentence,
            url=f"{log}&record_id={record_id}",
            url_many=log,
            tone="warning",
        )
        for person in admins
    ]
    inbox.notify(session, events, at)
