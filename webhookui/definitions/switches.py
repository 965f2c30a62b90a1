"""What is switched on: of what is off or removed nothing goes out (specification section 3, "Switched off")."""

from collections.abc import Collection
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.definitions.tables import Workflow, WorkflowAction

State = Literal["on", "off", "removed"]
"""Of a webhook: "off" when its workflow is, "removed" when it or its workflow was deleted."""


def state_of(session: Session, webhook_id: int) -> State:
    columns = (col(WorkflowAction.deleted_at), col(Workflow.deleted_at), col(Workflow.active))
    query = select(*columns).join(Workflow, col(Workflow.id) == col(WorkflowAction.workflow_id))
    row = session.execute(query.where(col(WorkflowAction.id) == webhook_id)).first()
    if row is None:
        return "on"  # the attempt will say that there is no such webhook
    removed, deleted, active = row
    return "removed" if removed or deleted else "on" if active else "off"


def off_workflows(session: Session, among: Collection[int] | None = None) -> set[int]:
    """Workflows that are switched off, deleted ones aside."""
    statement = select(col(Workflow.id)).where(~col(Workflow.active), col(Workflow.deleted_at).is_(None))
    if among is not None:
        statement = statement.where(col(Workflow.id).in_(among))
    return {workflow_id for workflow_id in session.scalars(statement) if workflow_id is not None}
