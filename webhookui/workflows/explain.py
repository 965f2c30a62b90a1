"""Why did a workflow (not) fire? Trigger, loop guard, recurrence, conditions and what they saw (specification section 3)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.crm.catalog import catalog
from webhookui.crm.history import RecordChange, latest_trigger
from webhookui.crm.tables import ASKED_NONE, Change, Record
from webhookui.definitions.tables import FirstMet, Workflow
from webhookui.delivery import pending
from webhookui.delivery.pending import Hold
from webhookui.delivery.tables import Delivery
from webhookui.workflows.actions import KINDS
from webhookui.workflows.compiled import CompiledWorkflow, compile_workflow
from webhookui.workflows.criteria.evaluation import ConditionRow, Subject
from webhookui.workflows.record_loader import PastRecordLoader, RecordLoader
from webhookui.workflows.trigger import DOES_NOT_RUN, RECURRENCES, TRIGGERS
from webhookui.workflows.versions import KEYS, InForce, in_force

_D = Delivery.__table__.c  # type: ignore[attr-defined]
KIND_WORDS = {"create": "created", "update": "updated", "delete": "deleted", "restore": "restored", "": "looked at"}


@dataclass(frozen=True)
class Check:
    """One thing that must hold, with a sentence about what was found."""

    name: str
    """"version", "active", "module", "trigger", "loop_guard", "run", "all", "any" or "recurrence"."""
    label: str
    held: bool
    words: str


@dataclass(frozen=True)
class Explanation:
    """The answer for one workflow and one save: it `fires` when every check holds, and it did when the log says so."""

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
    version: int | None = None
    """The version of the workflow that this goes by; None when there was none yet, or it is not known."""
    version_at: datetime | None = None
    """When that version was saved."""
    latest: bool = True
    """Whether that version is the workflow as it is now."""

    @property
    def stopped_by(self) -> str | None:
        """Name of the first check that does not hold; None when it fires."""
        return None if self.fires else next((check.name for check in self.checks if not check.held), None)


def explain(session: Session, workflow: Workflow, record: Record) -> Explanation:
    """Goes through all that decides, whether or not an earlier check failed already.

    The record's newest save that no capture made is explained; a record without one as it stands.
    """
    change = latest_trigger(session, record.id or 0)
    if change is not None:
        return explain_change(session, workflow, change)
    return _explained(session, workflow, RecordChange.standing(session, record))


def explain_change(session: Session, workflow: Workflow, change: Change) -> Explanation:
    """The same for one past change, of a record that may be gone."""
    return _explained(session, workflow, RecordChange.past(session, change))


def _explained(session: Session, workflow: Workflow, saved: RecordChange) -> Explanation:
    """What the listener did at this past save, by the version in force then; or would do, with the record as it stands."""
    assert workflow.id is not None
    was = in_force(session, workflow, saved.change) if saved.change is not None else _now(workflow)
    row = {**workflow.model_dump(), **was.document}
    delivery_ids, hold = _deliveries(session, workflow.id, saved)
    is_known = was.state != "not_made"
    conditions: tuple[ConditionRow, ...] = ()
    if not is_known:
        words = "The workflow was created after this save."
        checks: tuple[Check, ...] = (Check("version", "Version", False, words),)
    else:
        compiled = compile_workflow(row, (), catalog(session))
        loader = PastRecordLoader(session, saved.change) if saved.change is not None else RecordLoader(session)
        clock = compiled.clock(saved.at, loader)
        conditions = compiled.criteria.explain(Subject(saved.values, saved.before, saved.at, loader), clock)
        groups = (_group("all", "All conditions", conditions), _group("any", "Any condition", conditions))
        checks = (
            _active(was),
            *_module(row["module"], saved),
            _trigger(row["trigger"]["on"], compiled, saved),
            _loop_guard(saved, hold),
            *_run(saved),
            *groups,
            _recurrence(session, compiled, saved, all(group.held for group in groups)),
        )
    held = all(check.held or (hold is not None and check.name == "loop_guard") for check in checks)
    if hold:
        summary = "It fired, but the loop guard holds its deliveries."
    elif held or not delivery_ids:
        summary = _summary(checks, conditions)
    else:
        summary = "It fired: the log has deliveries of this save."
    return Explanation(
        workflow_id=workflow.id,
        workflow=workflow.name,
        record_id=saved.record_id,
        record_name=saved.name,
        change_id=saved.change.id if saved.change else None,
        at=saved.at,
        caused_by=saved.change.by if saved.change else "",
        fires=held or bool(delivery_ids),
        summary=summary,
        checks=checks,
        conditions=conditions,
        delivery_ids=delivery_ids,
        notes=_notes(workflow, was, saved, held, delivery_ids),
        version=was.number if is_known else None,
        version_at=was.since if is_known else None,
        latest=is_known and was.number == workflow.version,
    )


def _now(workflow: Workflow) -> InForce:
    document = {key: getattr(workflow, key) for key in KEYS}
    state: Literal["deleted", "known"] = "deleted" if workflow.deleted_at else "known"
    return InForce(state, document, workflow.version, workflow.updated_at)


def _active(was: InForce) -> Check:
    if was.state == "deleted":
        return Check("active", "Active", False, "The workflow had been deleted.")
    if was.document["active"]:
        return Check("active", "Active", True, "The workflow is active.")
    return Check("active", "Active", False, "The workflow is switched off.")


def _module(module: str, saved: RecordChange) -> tuple[Check, ...]:
    if module == saved.module:
        return ()
    return (Check("module", "Module", False, f"The workflow looks at {module}; this is a record of {saved.module}."),)


def _trigger(on: str, compiled: CompiledWorkflow, saved: RecordChange) -> Check:
    label = TRIGGERS[on].label
    if not TRIGGERS[on].runs:
        return Check("trigger", "Trigger", False, DOES_NOT_RUN)
    if not saved.kind:
        return Check("trigger", "Trigger", True, f"{label}. There is no save to look at: the record is taken as it is.")
    words = f"{label}. The record was {KIND_WORDS[saved.kind]}."
    return Check("trigger", "Trigger", saved.kind in compiled.kinds, words)


def _loop_guard(saved: RecordChange, hold: Hold | None) -> Check:
    if hold is not None:
        return Check("loop_guard", "Loop guard", False, hold.sentence)
    if saved.source == "capture":
        words = "The save was made by a capture. Such a save triggers no workflows, so that none can run in circles."
        return Check("loop_guard", "Loop guard", False, words)
    return Check("loop_guard", "Loop guard", True, "The save was not made by a capture.")


def _run(saved: RecordChange) -> tuple[Check, ...]:
    """A save that no capture made, and that ran no workflows even so."""
    if saved.change is None or saved.change.workflows_revision != ASKED_NONE or saved.source == "capture":
        return ()
    words = "The save was made without running workflows."
    if saved.kind == "restore":
        words = "Restoring a deleted record runs no workflows."
    if saved.source == "import":
        words = "The import was told not to run workflows."
    return (Check("run", "Workflows run", False, words),)


def _group(name: str, label: str, conditions: tuple[ConditionRow, ...]) -> Check:
    rows = [row for row in conditions if row.group == name]
    held = sum(row.held for row in rows)
    must, enough = ("all", held == len(rows)) if name == "all" else ("one", held > 0)
    words = f"{held} of {len(rows)} conditions held; {must} must." if rows else "There are none, so the group holds."
    return Check(name, label, enough or not rows, words)


def _recurrence(session: Session, compiled: CompiledWorkflow, saved: RecordChange, met: bool) -> Check:
    """As of the save: what was met later is not looked at."""
    label = "Recurrence"
    if not compiled.first_time:
        return Check("recurrence", label, True, RECURRENCES["every_time"] + ".")
    words = RECURRENCES["first_time"] + "."
    first = session.get(FirstMet, (compiled.id, saved.record_id))
    if first is None or first.at > saved.at:
        return Check("recurrence", label, True, f"{words} They had not been met before.")
    if met and saved.change is not None and first.at == saved.at:
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


def _deliveries(session: Session, workflow_id: int, saved: RecordChange) -> tuple[tuple[int, ...], Hold | None]:
    """Those that the save made, and the hold that keeps them because the workflow fires in a loop."""
    if saved.change is None:
        return (), None
    of_save = (_D.workflow_id == workflow_id, _D.record_id == saved.record_id, _D.change_id == saved.change.id)
    query = select(Delivery).where(*of_save, _D.redelivery_of.is_(None)).order_by(_D.id)
    deliveries = list(session.scalars(query))
    holds = pending.holds(session, deliveries)  # type: ignore[arg-type]
    loop = next((hold for hold in holds.values() if hold.name == "loop"), None)
    return tuple(delivery.id for delivery in deliveries if delivery.id is not None), loop


def _notes(
    workflow: Workflow, was: InForce, saved: RecordChange, held: bool, delivery_ids: tuple[int, ...]
) -> tuple[str, ...]:
    notes = []
    if saved.change is None:
        return ()
    if was.state == "known" and workflow.deleted_at is not None:
        notes.append("The workflow has been deleted since.")
    elif was.state == "known" and was.document["active"] and not workflow.active:
        notes.append("The workflow has been switched off since.")
    if delivery_ids and not held:
        notes.append(
            "What did not hold is judged by what is known today: what it looks at has changed since, or can't be checked."
        )
    elif held and not delivery_ids and any(KINDS[action["type"]].delivers for action in was.document["actions"]):
        notes.append("The log has no delivery of this save, or no longer has it.")
    if saved.source == "import" and saved.change.workflows_revision is None:
        notes.append("An import that was told not to run workflows runs none.")
    return tuple(notes)
