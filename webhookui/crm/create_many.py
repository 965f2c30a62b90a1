"""Many new records at once: the same as `records.create` of each, in a few statements (specification section 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.crm import record_keys
from webhookui.crm.catalog import ModuleInfo
from webhookui.crm.history import RecordChange, record_saved
from webhookui.crm.records import Actor, filled, lifted, note, runs_workflows, tell
from webhookui.crm.tables import ASKED_NONE, Change, Link, Record

_R = Record.__table__  # type: ignore[attr-defined]
_NEW_IDS = insert(_R).returning(_R.c.id, sort_by_parameter_order=True)


def create_many(
    session: Session,
    info: ModuleInfo,
    values: Sequence[Mapping[str, Any]],
    actor: Actor,
    *,
    run_workflows: bool,
) -> list[int]:
    """New records of these values, each as `records.complete` gives them. Their ids, in the same order."""
    if not values:
        return []
    time = now()
    rows = [_row(info, full, time) for full in values]
    ids = list(session.connection().scalars(_NEW_IDS, rows))
    record_keys.add(session, info, {number: row["sort_keys"] for number, row in zip(ids, rows, strict=True)})
    links = [
        {"record_id": record_id, "field": field.name, "target_id": full[field.name]}
        for record_id, full in zip(ids, values, strict=True)
        for field in info.references
        if full[field.name]
    ]
    if links:
        session.connection().execute(insert(Link), links)
    if runs_workflows(actor.source, run_workflows) and record_saved.has_listeners(session):
        for record_id, row, full in zip(ids, rows, values, strict=True):
            record = Record(id=record_id, **row)
            change = note(session, record, "create", actor, filled(full), run_workflows)
            tell(session, RecordChange.of(change, record, full, {}), run_workflows)
    else:
        changes = [_change(record_id, row, actor) for record_id, row in zip(ids, rows, strict=True)]
        session.connection().execute(insert(Change), changes)
    return ids


def _row(info: ModuleInfo, full: Mapping[str, Any], time: Any) -> dict[str, Any]:
    name, search_text, sort_keys = lifted(info, full)
    return {
        "module": info.name, "name": name, "owner_id": full.get("owner"), "version": 1, "values": full,
        "search_text": search_text, "sort_keys": sort_keys, "created_at": time, "updated_at": time,
    }  # fmt: skip


def _change(record_id: int, row: Mapping[str, Any], actor: Actor) -> dict[str, Any]:
    return {
        "record_id": record_id, "module": row["module"], "record_name": row["name"], "kind": "create", "at": row["updated_at"],
        "source": actor.source, "user_id": actor.user_id, "by": actor.by, "delivery_id": actor.delivery_id, "version": 1,
        "workflows_revision": ASKED_NONE, "values": filled(row["values"]),
    }  # fmt: skip
