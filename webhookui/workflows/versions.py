"""Versions of workflows: each save of one is kept, and each past change finds the one that was in force
(specification section 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.database import revision
from webhookui.crm.tables import Change
from webhookui.definitions.tables import Workflow, WorkflowAction, WorkflowVersion
from webhookui.people.tables import User
from webhookui.workflows.actions import KINDS

KEYS = ("name", "description", "module", "active", "related_modules", "trigger", "criteria")


@dataclass(frozen=True)
class InForce:
    """What a workflow was at a past change.

    `state`: "not_made" yet (`document` is the earliest), "known", or "deleted" already.
    """

    state: Literal["not_made", "known", "deleted"]
    document: Mapping[str, Any]
    number: int
    since: datetime


def note(session: Session, workflow: Workflow, actions: Sequence[WorkflowAction], by: User | None, action: str) -> None:
    """Keeps what a save has made of the workflow, secrets left out. Comes after the save has moved the revision."""
    document = {key: getattr(workflow, key) for key in KEYS}
    document["actions"] = [{"id": row.id, **KINDS[row.type].document(row)} for row in actions]
    session.add(
        WorkflowVersion(
            workflow_id=workflow.id or 0,
            number=workflow.version,
            revision=revision(session, "workflows"),
            by=by.name if by else "command line",
            user_id=by.id if by else None,
            action=action,
            document=document,
            deleted=workflow.deleted_at is not None,
        )
    )
    session.flush()


def in_force(session: Session, workflow: Workflow, change: Change) -> InForce:
    """What the workflow was when the change was saved.

    The change says which revision of the workflows it asked: clocks don't matter. One that asked none, or that is older
    than this note, is placed by its time.
    """
    query = select(WorkflowVersion).where(WorkflowVersion.workflow_id == workflow.id)  # type: ignore[arg-type]
    kept = list(session.scalars(query.order_by(WorkflowVersion.id)))  # type: ignore[arg-type]
    asked = change.workflows_revision
    if asked is None or asked < 0:
        before = [version for version in kept if version.at <= change.at]
    else:
        before = [version for version in kept if version.revision <= asked]
    if before:
        last = before[-1]
        return InForce("deleted" if last.deleted else "known", last.document, last.number, last.at)
    first = kept[0]  # there is one: a workflow is made by a save
    return InForce("not_made", first.document, first.number, first.at)
