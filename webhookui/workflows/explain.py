"""Why did a workflow (not) fire? Trigger, loop guard, recurrence, conditions and what they saw (SPEC section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.crm.catalog import catalog
from webhookui.crm.tables import Change, Record
from webhookui.delivery.tables import Delivery
from webhookui.workflows.compiled import CompiledWorkflow, compile_row
from webhookui.workflows.criteria import ConditionRow, Subject
from webhookui.workflows.reading import Reader
from webhookui.workflows.save import Save, latest_change
from webhookui.workflows.tables import FirstMet, Workflow
from webhookui.workflows.trigger import DOES_NOT_RUN, RECURRENCES, TRIGGERS

KIND_WORDS = {"create": "created", "update": "updated", "delete": "deleted", "": "looked at"}


@dataclass(frozen=True)
class Check:
    """One thing that must hold, with a sentence about what was found."""

    name: str
    """"active", "module", "trigger", "loop_guard", "all", "any" or "recurrence"."""
    label: str
    held: bool
    words: str


@dataclass(frozen=True)
class Explanation:
    """The answer for one workflow and one save: it `fires` when every check holds."""

    workflow_id: int
    workflow: str
    record_id: int
    record_name: str
    change_id: int | None
    at: datetime
    caused_by: str
    fires: bool
    summary: str
    checks: tuple[Check, ...]
    conditions: tuple[ConditionRow, ...]
    delivery_ids: tuple[int, ...]
    """Deliveries that this save really made through this workflow."""
    notes: tuple[str, ...] = ()

    @property
    def stopped_by(self) -> str | None:
        """Name of the first check that does not hold."""
        return next((check.name for check in self.checks if not check.held), None)


def explain(session: Session, workflow: Workflow, record: Record, change: Change | None = None) -> Explanation:
    """Goes through all that decides, whether or not an earlier check failed already.

    Without a `change`, the record's newest save that no capture made is explained; a record without one as it stands.
    """
    return explain_save(session, workflow, _save(session, record, change))


def explain_change(session: Session, workflow: Workflow, change: Change) -> Explanation:
    """The same for one past change, of a record that may be gone."""
    return explain_save(session, workflow, Save.past(session, change))


def _save(session: Session, record: Record, change: Change | None) -> Save:
    change = change or latest_change(session, record.id or 0, without_captures=True)
    return Save.past(session, change) if change is not None else Save.standing(session, record)


def explain_save(session: Session, workflow: Workflow, save: Save) -> Explanation:
    """What the listener did, or would do, at this save, with the workflow as it is now."""
    compiled = compile_row(workflow, catalog(session))
    reader = Reader(session)
    clock = compiled.clock(save.at, reader)
    subject = Subject(save.values, save.before, save.at, reader)
    conditions = compiled.criteria.explain(subject, clock)
    groups = (_all_group(conditions), _any_group(conditions))
    met = all(group.held for group in groups)
    checks = (
        _active(workflow),
        *_module(workflow, save),
        _trigger(workflow, compiled, save),
        _loop_guard(save),
        *groups,
        _recurrence(session, workflow, compiled, save, met),
    )
    fires = all(check.held for check in checks)
    assert workflow.id is not None
    return Explanation(
        workflow_id=workflow.id,
        workflow=workflow.name,
        record_id=save.record_id,
        record_name=save.name,
        change_id=save.change.id if save.change else None,
        at=save.at,
        caused_by=save.change.by if save.change else "",
        fires=fires,
        summary=_summary(checks, conditions),
        checks=checks,
        conditions=conditions,
        delivery_ids=_deliveries(session, workflow.id, save),
        notes=_notes(workflow, save),
    )


def _active(workflow: Workflow) -> Check:
    if workflow.deleted_at is not None:
        return Check("active", "Active", False, "The workflow has been deleted.")
    words = "The workflow is active." if workflow.active else "The workflow is switched off."
    return Check("active", "Active", workflow.active, words)


def _module(workflow: Workflow, save: Save) -> tuple[Check, ...]:
    if workflow.module == save.module:
        return ()
    words = f"The workflow looks at {workflow.module}; this is a record of {save.module}."
    return (Check("module", "Module", False, words),)


def _trigger(workflow: Workflow, compiled: CompiledWorkflow, save: Save) -> Check:
    label = TRIGGERS[workflow.trigger["on"]].label
    if not TRIGGERS[workflow.trigger["on"]].runs:
        return Check("trigger", "Trigger", False, DOES_NOT_RUN)
    if not save.kind:
        return Check("trigger", "Trigger", True, f"{label}. There is no save to look at: the record is taken as it is.")
    words = f"{label}. The record was {KIND_WORDS[save.kind]}."
    return Check("trigger", "Trigger", save.kind in compiled.kinds, words)


def _loop_guard(save: Save) -> Check:
    if save.source == "capture":
        words = "The save was made by a capture. Such a save runs no workflows, so that none can go round in circles."
        return Check("loop_guard", "Loop guard", False, words)
    return Check("loop_guard", "Loop guard", True, "The save was not made by a capture.")


def _all_group(conditions: tuple[ConditionRow, ...]) -> Check:
    rows = [row for row in conditions if row.group == "all"]
    held = sum(row.held for row in rows)
    words = f"{held} of {len(rows)} conditions held; all must." if rows else "There are none, so the group holds."
    return Check("all", "All conditions", held == len(rows), words)


def _any_group(conditions: tuple[ConditionRow, ...]) -> Check:
    rows = [row for row in conditions if row.group == "any"]
    held = sum(row.held for row in rows)
    words = f"{held} of {len(rows)} conditions held; one must." if rows else "There are none, so the group holds."
    return Check("any", "Any condition", held > 0 or not rows, words)


def _recurrence(session: Session, workflow: Workflow, compiled: CompiledWorkflow, save: Save, met: bool) -> Check:
    label = "Recurrence"
    if not compiled.first_time:
        return Check("recurrence", label, True, RECURRENCES["every_time"] + ".")
    words = RECURRENCES["first_time"] + "."
    first = session.get(FirstMet, (workflow.id, save.record_id))
    if first is None or first.at > save.at:
        return Check("recurrence", label, True, f"{words} They had not been met before.")
    if met and save.change is not None and first.at == save.at:
        return Check("recurrence", label, True, f"{words} This was the first time.")
    return Check("recurrence", label, False, f"{words} They were first met at {first.at:%Y-%m-%d %H:%M:%S} UTC.")


def _summary(checks: tuple[Check, ...], conditions: tuple[ConditionRow, ...]) -> str:
    failed = next((check for check in checks if not check.held), None)
    if failed is None:
        return "It fires: everything holds."
    if failed.name == "all":
        row = next(row for row in conditions if row.group == "all" and not row.held)
        seen = f"the value is “{row.seen}”" if row.seen else "the field is empty"
        asked = f"{row.label} {row.operator_label} {row.expected}".strip()
        return f"It does not fire: “{asked}” does not hold; {row.note[:1].lower() + row.note[1:] if row.note else seen}"
    return f"It does not fire: {failed.words[:1].lower()}{failed.words[1:]}"


def _deliveries(session: Session, workflow_id: int, save: Save) -> tuple[int, ...]:
    if save.change is None:
        return ()
    query = select(Delivery.id).where(  # type: ignore[call-overload]
        Delivery.workflow_id == workflow_id,
        Delivery.record_id == save.record_id,
        Delivery.change_id == save.change.id,
        Delivery.redelivery_of.is_(None),  # type: ignore[union-attr]
    )
    return tuple(session.scalars(query.order_by(Delivery.id)))


def _notes(workflow: Workflow, save: Save) -> tuple[str, ...]:
    notes = []
    if save.change is not None and workflow.created_at > save.at:
        notes.append("The workflow was made after this save.")
    elif save.change is not None and workflow.updated_at > save.at:
        notes.append("The workflow was edited after this save; this is what it says now.")
    if save.source == "import":
        notes.append("An import that was told not to run workflows runs none.")
    return tuple(notes)
