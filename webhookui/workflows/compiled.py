"""Workflows compiled from their rows: what the listener asks at every save, and what an explanation goes through."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.crm.catalog import Catalog
from webhookui.crm.operators import Clock
from webhookui.definitions.tables import Workflow, WorkflowAction
from webhookui.workflows.actions import KINDS
from webhookui.workflows.actions.kind import ActionKind, Firing
from webhookui.workflows.criteria.evaluation import Criteria, compile_criteria
from webhookui.workflows.record_loader import RecordLoader
from webhookui.workflows.trigger import TRIGGERS


@dataclass(frozen=True)
class LoadedAction:
    """One action, ready to be run. `loaded` is its kind's."""

    id: int | None
    kind: ActionKind
    loaded: Any

    def run(self, session: Session, firing: Firing) -> None:
        self.kind.run(session, self.id, self.loaded, firing)


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
    actions: tuple[LoadedAction, ...]

    def clock(self, at: datetime, loader: RecordLoader) -> Clock:
        """Days are counted in the zone of the user who made the workflow (docs/decisions/0002)."""
        return Clock(at, loader.zone(self.created_by)) if self.criteria.counts_days else Clock(at)


def load(
    session: Session, modules: Catalog, module: str, workflow_id: int | None = None
) -> tuple[CompiledWorkflow, ...]:
    """The active workflows of a module, or one of them, compiled, in the order in which they were made."""
    query = select(*Workflow.__table__.columns).where(  # type: ignore[attr-defined]
        Workflow.module == module,  # type: ignore[arg-type]
        Workflow.active,  # type: ignore[arg-type]
        Workflow.deleted_at.is_(None),  # type: ignore[union-attr]
    )
    if workflow_id is not None:
        query = query.where(Workflow.id == workflow_id)  # type: ignore[arg-type]
    rows = session.execute(query.order_by(Workflow.id)).mappings().all()  # type: ignore[arg-type]
    actions = _actions(session, [row["id"] for row in rows])
    return tuple(compile_workflow(dict(row), actions.get(row["id"], ()), modules) for row in rows)


def compile_workflow(row: Mapping[str, Any], actions: tuple[LoadedAction, ...], modules: Catalog) -> CompiledWorkflow:
    """A workflow's row (column → value), compiled."""
    trigger = row["trigger"]
    return CompiledWorkflow(
        id=row["id"],
        name=row["name"],
        kinds=TRIGGERS[trigger["on"]].kinds,
        first_time=trigger.get("recurrence") == "first_time",
        criteria=compile_criteria(row["criteria"], modules, row["module"]),
        created_by=row["created_by"],
        actions=actions,
    )


def _actions(session: Session, workflow_ids: list[int]) -> dict[int, tuple[LoadedAction, ...]]:
    """Workflow → its actions in order. Their secrets are not opened: they run without them."""
    if not workflow_ids:
        return {}
    columns = (WorkflowAction.workflow_id, WorkflowAction.id, WorkflowAction.type, WorkflowAction.definition)
    query = select(*columns).where(  # type: ignore[call-overload]
        WorkflowAction.workflow_id.in_(workflow_ids),  # type: ignore[attr-defined]
        WorkflowAction.deleted_at.is_(None),  # type: ignore[union-attr]
    )
    actions: dict[int, tuple[LoadedAction, ...]] = {}
    for workflow_id, action_id, name, definition in session.execute(query.order_by(WorkflowAction.position)):
        action = LoadedAction(action_id, KINDS[name], KINDS[name].load(definition))
        actions[workflow_id] = (*actions.get(workflow_id, ()), action)
    return actions
