"""Workflows in the database: made from documents, turned back into documents (specification sections 3, 4.4 and 10)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.database import bump_revision, now
from webhookui.core.errors import NotFound
from webhookui.core.secrets import SecretBox
from webhookui.crm.catalog import catalog
from webhookui.definitions.tables import Workflow, WorkflowAction
from webhookui.delivery import pending
from webhookui.delivery.webhook_cache import unseal
from webhookui.people import audit
from webhookui.people.tables import User
from webhookui.workflows import loop_guard, versions
from webhookui.workflows.actions import KINDS, webhook
from webhookui.workflows.actions.kind import StoredAction
from webhookui.workflows.changed_parts import changed_parts, changed_secrets
from webhookui.workflows.criteria.document import with_present_options
from webhookui.workflows.document import Action, InvalidDocument, WorkflowDocument, parse
from webhookui.workflows.listener import UNSAVED
from webhookui.workflows.trigger import DOES_NOT_RUN, TRIGGERS


class WorkflowNotFound(NotFound):
    """There is no such workflow, or it has been deleted."""


class WorkflowConflict(Exception):
    """The workflow was saved by somebody else since it was opened. `current` is what it is now."""

    def __init__(self, current: Workflow) -> None:
        self.current = current
        super().__init__(
            f"“{current.name}” was saved by somebody else while you were editing it (it is at version "
            f"{current.version} now). Open it again to see what changed."
        )


def get(session: Session, workflow_id: int) -> Workflow:
    """The workflow. Raises WorkflowNotFound, for a deleted one too."""
    workflow = session.get(Workflow, workflow_id)
    if workflow is None or workflow.deleted_at is not None:
        raise WorkflowNotFound(f"There is no workflow {workflow_id}.")
    return workflow


def get_even_deleted(session: Session, workflow_id: int) -> Workflow:
    """The workflow, also one that has been deleted: its past is explained all the same. Raises WorkflowNotFound."""
    workflow = session.get(Workflow, workflow_id)
    if workflow is None:
        raise WorkflowNotFound(f"There is no workflow {workflow_id}.")
    return workflow


def list_all(session: Session, module: str | None = None, there_at: datetime | None = None) -> list[Workflow]:
    """All workflows that are not deleted, or those of one module, in the order in which they were made.

    `there_at`: those that were deleted after that time too.
    """
    there = Workflow.deleted_at.is_(None)  # type: ignore[union-attr]
    if there_at is not None:
        there |= Workflow.deleted_at >= there_at  # type: ignore[operator]
    query = select(Workflow).where(there)
    if module is not None:
        query = query.where(Workflow.module == module)  # type: ignore[arg-type]
    return list(session.scalars(query.order_by(Workflow.id)))  # type: ignore[arg-type]


def actions_of(session: Session, workflow_id: int) -> list[WorkflowAction]:
    """The rows of a workflow's actions in their order, without removed ones."""
    query = select(WorkflowAction).where(
        WorkflowAction.workflow_id == workflow_id,  # type: ignore[arg-type]
        WorkflowAction.deleted_at.is_(None),  # type: ignore[union-attr]
    )
    return list(session.scalars(query.order_by(WorkflowAction.position)))  # type: ignore[arg-type]


def create(session: Session, box: SecretBox, document: Any, by: User | None) -> Workflow:
    """Saves a new workflow. Raises InvalidDocument. `by` None is the command line.

    Ids and versions in the document are not looked at: it may be an export of another installation.
    """
    parsed = parse(document, catalog(session), time_zone=_zone(by))
    workflow = Workflow(name=parsed.name, module=parsed.module, created_by=by.id if by else None)
    _fill(workflow, parsed)
    session.add(workflow)
    session.flush()
    _save_actions(session, box, workflow, parsed.actions)
    _saved(session, workflow, by, "created")
    return workflow


def replace(session: Session, box: SecretBox, workflow_id: int, document: Any, by: User | None) -> Workflow:
    """Saves a document over a workflow. Raises WorkflowNotFound, InvalidDocument, and WorkflowConflict.

    A conflict is a `version` in the document that is no longer the workflow's. A secret that is missing or null stays
    what it was, unless the scheme, host or port that it goes to has changed.
    """
    workflow = get(session, workflow_id)
    version = document.get("version") if isinstance(document, Mapping) else None
    if isinstance(version, int) and version != workflow.version:
        raise WorkflowConflict(workflow)
    stored, was_active = stored_actions(session, box, workflow_id), workflow.active
    before = to_document(session, workflow, with_ids=False)
    parsed = parse(document, catalog(session), stored=stored, time_zone=_zone(by))
    _fill(workflow, parsed)
    workflow.version += 1
    workflow.updated_at = now()
    for removed in _save_actions(session, box, workflow, parsed.actions):
        words = f"The action was removed from the workflow{_by(by)} while this delivery waited."
        pending.end(session, pending.of_webhook(removed), words)
    if workflow.active and not was_active:
        pending.notify_workers_for(session, pending.of_workflow(workflow_id))
    changed = changed_parts(before, to_document(session, workflow, with_ids=False))
    changed |= changed_secrets(stored, stored_actions(session, box, workflow_id))
    _saved(session, workflow, by, "changed", changed)
    return workflow


def delete(session: Session, workflow_id: int, by: User | None) -> None:
    """Takes a workflow away. Its rows stay, so that the log keeps its deliveries and their names; what waits of it ends."""
    workflow = get(session, workflow_id)
    workflow.deleted_at = now()
    workflow.active = False
    workflow.version += 1
    for row in actions_of(session, workflow_id):
        row.deleted_at = workflow.deleted_at
    session.flush()
    words = f"The workflow was deleted{_by(by)} while this delivery waited."
    pending.end(session, pending.of_workflow(workflow_id), words)
    loop_guard.forget(session, workflow_id)
    _saved(session, workflow, by, "deleted")


def duplicate(session: Session, box: SecretBox, workflow_id: int, by: User | None) -> Workflow:
    """A copy that is switched off, with the secrets of the original; its signing secrets are its own."""
    original = get(session, workflow_id)
    copy = Workflow(
        name=f"{original.name} (copy)",
        description=original.description,
        module=original.module,
        active=False,
        related_modules=list(original.related_modules),
        trigger=dict(original.trigger),
        criteria=dict(original.criteria),
        created_by=by.id if by else original.created_by,
    )
    session.add(copy)
    session.flush()
    for row in actions_of(session, workflow_id):
        twin = WorkflowAction(
            workflow_id=copy.id or 0,
            type=row.type,
            position=row.position,
            title=row.title,
            definition=dict(row.definition),
        )
        session.add(twin)
        KINDS[row.type].copy(session, box, row, twin)
    _saved(session, copy, by, "created", {"copy_of": workflow_id})
    return copy


def rotate_signing(
    session: Session, box: SecretBox, workflow_id: int, webhook_id: int, by: User | None
) -> WorkflowAction:
    """Makes a new signing secret for one webhook; the one before signs too until the row's `previous_signing_until`.

    The new one is among `actions.webhook.fresh_signing_secrets`. The document stays as it is, and so does its version. Raises
    WorkflowNotFound, for a webhook that is not of the workflow or does not sign, too.
    """
    workflow = get(session, workflow_id)
    row = next((row for row in actions_of(session, workflow_id) if row.id == webhook_id), None)
    if row is None or not webhook.rotate_signing(session, box, row):
        raise WorkflowNotFound("This webhook is not signed. Save it with “Sign the request” first.")
    _moved(session, workflow, by, "rotated the signing secret of", {"webhook": row.title})
    return row


def set_active(session: Session, workflow_id: int, active: bool, by: User | None) -> Workflow:
    """Switches a workflow on or off. Nothing happens when it is so already.

    Nothing of a workflow that is off goes out: what waits is held, and goes on when it is on again (specification section 3).
    Raises InvalidDocument for a trigger that does not run.
    """
    workflow = get(session, workflow_id)
    if active and not TRIGGERS[workflow.trigger["on"]].runs:
        raise InvalidDocument({"trigger.on": DOES_NOT_RUN})
    if workflow.active != active:
        workflow.active = active
        workflow.version += 1
        workflow.updated_at = now()
        if active:
            pending.notify_workers_for(session, pending.of_workflow(workflow_id))
        details = {"active": [not active, active]}
        _saved(session, workflow, by, "activated" if active else "deactivated", details)
    return workflow


def end_waiting(session: Session, workflow_id: int, by: User | None) -> int:
    """Ends what waits of a workflow as Failed, on or off, without mails. Returns how many deliveries. Raises WorkflowNotFound."""
    workflow = get(session, workflow_id)
    number = pending.end(
        session,
        pending.of_workflow(workflow_id),
        f"Given up{_by(by)}, with everything of the workflow that was waiting.",
    )
    if number:
        audit.note(
            session,
            by,
            "ended the waiting deliveries of",
            "workflow",
            str(workflow_id),
            workflow.name,
            {"deliveries": number},
        )
    return number


def _by(by: User | None) -> str:
    return f" by {by.name}" if by else ""


def to_document(session: Session, workflow: Workflow, with_ids: bool) -> dict[str, Any]:
    """The workflow's document (specification section 10), secrets left out (null).

    With ids it is the API's answer: it adds id, version, times and the ids of actions, and shows a signing secret that
    was made in this session. Without, it is an export.
    """
    actions = []
    for row in actions_of(session, workflow.id or 0):
        kind = KINDS[row.type]
        action = kind.document(row)
        actions.append({"id": row.id, **action, **kind.shown_once(session, row)} if with_ids else action)
    document = {
        "name": workflow.name,
        "description": workflow.description,
        "module": workflow.module,
        "active": workflow.active,
        "related_modules": list(workflow.related_modules),
        "trigger": workflow.trigger,
        "criteria": with_present_options(workflow.criteria, catalog(session), workflow.module),
        "actions": actions,
    }
    if not with_ids:
        return document
    times = {key: f"{getattr(workflow, key):%Y-%m-%dT%H:%M:%SZ}" for key in ("created_at", "updated_at")}
    return {"id": workflow.id, "version": workflow.version, **document, **times}


def stored_actions(session: Session, box: SecretBox, workflow_id: int) -> list[StoredAction]:
    """The actions of a workflow as an edit of it is checked against, their secrets opened."""
    return [
        StoredAction(row.id or 0, row.definition, *unseal(box, row.definition, row.secrets), type=row.type)
        for row in actions_of(session, workflow_id)
    ]


def _zone(by: User | None) -> str:
    return by.time_zone if by else "UTC"


def _fill(workflow: Workflow, parsed: WorkflowDocument) -> None:
    workflow.name = parsed.name
    workflow.description = parsed.description
    workflow.module = parsed.module
    workflow.active = parsed.active
    workflow.related_modules = list(parsed.related_modules)
    workflow.trigger = dict(parsed.trigger)
    workflow.criteria = dict(parsed.criteria)


def _save_actions(session: Session, box: SecretBox, workflow: Workflow, actions: Sequence[Action]) -> list[int]:
    """Writes the actions over the rows that they replace, so that the log of each stays attached to it. Returns the ids of
    those that are removed."""
    rows = {row.id: row for row in actions_of(session, workflow.id or 0)}
    for position, action in enumerate(actions):
        row = rows.pop(action.replaces, None)
        if row is None:
            row = WorkflowAction(workflow_id=workflow.id or 0, type=action.type, position=position, title="")
            session.add(row)
        row.position = position
        KINDS[action.type].save(session, box, row, action.checked)
    for row in rows.values():
        row.deleted_at = now()
    session.flush()
    return [row.id for row in rows.values() if row.id is not None]


def _saved(
    session: Session, workflow: Workflow, by: User | None, action: str, details: Mapping[str, Any] | None = None
) -> None:
    """What every save ends with: it is kept as a version, and told."""
    _moved(session, workflow, by, action, details)
    versions.note(session, workflow, actions_of(session, workflow.id or 0), by, action)


def _moved(
    session: Session, workflow: Workflow, by: User | None, action: str, details: Mapping[str, Any] | None = None
) -> None:
    """Tells every process that compiled workflows are stale, and the audit list who did what."""
    session.info[UNSAVED] = True
    bump_revision(session, "workflows")
    audit.note(session, by, action, "workflow", str(workflow.id), workflow.name, dict(details or {}))


__all__ = [
    "InvalidDocument",
    "WorkflowConflict",
    "WorkflowNotFound",
    "actions_of",
    "create",
    "delete",
    "duplicate",
    "end_waiting",
    "get",
    "get_even_deleted",
    "list_all",
    "replace",
    "rotate_signing",
    "set_active",
    "stored_actions",
    "to_document",
]
