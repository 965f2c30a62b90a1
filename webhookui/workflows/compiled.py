"""Workflows compiled from their rows: what the listener asks at every save, and what an explanation goes through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.crm.catalog import Catalog
from webhookui.definitions.tables import Workflow, WorkflowWebhook
from webhookui.webhooks.definition import Webhook
from webhookui.webhooks.stored import from_definition
from webhookui.workflows.criteria.evaluation import Criteria, compile_criteria
from webhookui.workflows.criteria.operators import Clock
from webhookui.workflows.record_loader import RecordLoader
from webhookui.workflows.trigger import TRIGGERS


@dataclass(frozen=True)
class CompiledWorkflow:
    """One active workflow, ready to be asked at every save. Belongs to no session."""

    id: int
    name: str
    kinds: frozenset[str]
    """Kinds of change that its trigger looks at."""
    first_time: bool
    criteria: Criteria
    created_by: int | None
    webhooks: tuple[tuple[WorkflowWebhook, Webhook], ...]

    def clock(self, at: datetime, loader: RecordLoader) -> Clock:
        """Days are counted in the zone of the user who made the workflow (docs/decisions/0002)."""
        return Clock(at, loader.zone(self.created_by)) if self.criteria.counts_days else Clock(at)


def load(session: Session, modules: Catalog, module: str) -> tuple[CompiledWorkflow, ...]:
    """The active workflows of a module, compiled, in the order in which they were made."""
    query = select(*Workflow.__table__.columns).where(  # type: ignore[attr-defined]
        Workflow.module == module,  # type: ignore[arg-type]
        Workflow.active,  # type: ignore[arg-type]
        Workflow.deleted_at.is_(None),  # type: ignore[union-attr]
    )
    rows = session.execute(query.order_by(Workflow.id)).mappings().all()  # type: ignore[arg-type]
    webhooks = _webhooks(session, [row["id"] for row in rows])
    return tuple(compile_workflow(dict(row), webhooks.get(row["id"], ()), modules) for row in rows)


def compile_workflow(
    row: Mapping[str, Any], webhooks: tuple[tuple[WorkflowWebhook, Webhook], ...], modules: Catalog
) -> CompiledWorkflow:
    """A workflow's row (column → value), compiled."""
    trigger = row["trigger"]
    return CompiledWorkflow(
        id=row["id"],
        name=row["name"],
        kinds=TRIGGERS[trigger["on"]].kinds,
        first_time=trigger.get("recurrence") == "first_time",
        criteria=compile_criteria(row["criteria"], modules, row["module"]),
        created_by=row["created_by"],
        webhooks=webhooks,
    )


def _webhooks(session: Session, workflow_ids: list[int]) -> dict[int, tuple[tuple[WorkflowWebhook, Webhook], ...]]:
    """Workflow → its webhooks in order. Their secrets are not opened: a request is built without them."""
    if not workflow_ids:
        return {}
    # Columns, not objects: a row of the cache must outlive the session, and a rollback of it.
    query = select(*WorkflowWebhook.__table__.columns).where(  # type: ignore[attr-defined]
        WorkflowWebhook.workflow_id.in_(workflow_ids),  # type: ignore[attr-defined]
        WorkflowWebhook.deleted_at.is_(None),  # type: ignore[union-attr]
    )
    webhooks: dict[int, tuple[tuple[WorkflowWebhook, Webhook], ...]] = {}
    for columns in session.execute(query.order_by(WorkflowWebhook.position)).mappings():  # type: ignore[arg-type]
        row = WorkflowWebhook(**columns)
        webhooks[row.workflow_id] = (*webhooks.get(row.workflow_id, ()), (row, from_definition(row.definition, {})))
    return webhooks
