"""Records: create, update, delete and restore are the only ways in (specification section 2). Each writes its change and tells
the listeners inside the same transaction.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from webhookui.core.database import LARGEST_ID, now, revision
from webhookui.core.errors import Invalid, NotFound
from webhookui.crm import deleted_records, deleted_references, record_keys
from webhookui.crm.catalog import FieldInfo, ModuleInfo, Relation, catalog
from webhookui.crm.deleted_references import Target
from webhookui.crm.field_types import FieldError, iso_time
from webhookui.crm.history import RecordChange, record_saved, values_at
from webhookui.crm.tables import ASKED_NONE, Change, DeletedRecord, Link, Record, RecordKey
from webhookui.crm.targets import Targets

_R = Record.__table__.c  # type: ignore[attr-defined]
_L = Link.__table__.c  # type: ignore[attr-defined]
_K = RecordKey.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Actor:
    """Who saves. `source`: "person", "api", "import", "capture" or "system"; `by`: the name people read."""

    source: str
    by: str
    user_id: int | None = None
    delivery_id: int | None = None


class RecordNotFound(NotFound):
    """There is no such record in that module."""

    hint = "It may have been deleted."


class RecordDeleted(RecordNotFound):
    """It was deleted, and lies among the deleted records."""

    hint = "It can be restored."

    def __init__(self, deleted: DeletedRecord) -> None:
        at = iso_time(deleted.deleted_at)
        super().__init__(
            f"Record {deleted.id} of {deleted.module} was deleted by {deleted.deleted_by} at {at}; it can be restored."
        )
        self.deleted = deleted


class InvalidRecord(Invalid):
    """The values can't be saved."""


class RecordConflict(Exception):
    """Somebody saved in between. `changed`: field → (yours, theirs), both stored values, where the two differ; `contested`:
    those of them that somebody else has changed since your version."""

    def __init__(
        self, current: Record, changed: Mapping[str, tuple[Any, Any]], contested: Collection[str] = ()
    ) -> None:
        super().__init__("The record was changed in the meantime.")
        self.current = current
        self.changed = dict(changed)
        self.contested = tuple(contested)


def create(
    session: Session, module: str, values: Mapping[str, Any], actor: Actor, *, run_workflows: bool = True
) -> Record:
    """A new record. Fields that are not given start with their default, the owner with the actor. Raises InvalidRecord."""
    info = catalog(session, hold=True).module(module)
    full = complete(info, values, actor, Targets(session))
    time = now()
    record = Record(module=module, values=full, created_at=time, updated_at=time)
    _lift(info, record)
    session.add(record)
    session.flush()
    record_keys.add(session, info, {record.id or 0: record.sort_keys})
    _link(session, info, record, {}, full)
    change = note(session, record, "create", actor, filled(full), run_workflows)
    tell(session, RecordChange.of(change, record, full, {}), run_workflows)
    return record


def update(
    session: Session,
    module: str,
    record_id: int,
    values: Mapping[str, Any],
    actor: Actor,
    *,
    version: int | None = None,
    run_workflows: bool = True,
) -> Record:
    """Changes the given fields. `version`: refuse when the record has moved on. A save that changes nothing leaves no trace.

    Raises RecordNotFound, InvalidRecord, RecordConflict.
    """
    record = get(session, module, record_id, for_update=True)
    info = catalog(session).module(module)
    before = info.current(record.values)
    stored = _checked(info, values, Targets(session), before=before)
    if version is not None and version != record.version:
        differs = {name: (value, before.get(name)) for name, value in stored.items() if before.get(name) != value}
        then = values_at(session, record, version)
        raise RecordConflict(record, differs, [name for name in differs if then.get(name) != before.get(name)])
    changed = _changes(before, stored)
    if not changed:
        return record
    after = {**{name: before.get(name, field.kind.nothing()) for name, field in info.fields.items()}, **stored}
    record.values = after
    record.version += 1
    last_saved, record.updated_at = record.updated_at, now()
    keys = record.sort_keys
    _lift(info, record)
    session.flush()
    record_keys.move(session, info, record_id, keys, record.sort_keys)
    _link(session, info, record, before, after)
    change = note(session, record, "update", actor, changed, run_workflows)
    tell(session, RecordChange.of(change, record, after, before, last_saved), run_workflows)
    return record


def check(session: Session, module: str, record_id: int, values: Mapping[str, Any]) -> bool:
    """Whether `update` with these values would change something. Raises RecordNotFound, InvalidRecord."""
    info = catalog(session).module(module)
    before = info.current(get(session, module, record_id).values)
    return bool(_changes(before, _checked(info, values, Targets(session), before=before)))


def _changes(before: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What a save changes: field → its values before and after. Nothing becomes an empty checkbox or list without a trace."""
    pairs = {name: [before.get(name), value] for name, value in stored.items() if before.get(name) != value}
    return {name: pair for name, pair in pairs.items() if pair not in ([None, False], [None, []])}


def delete(session: Session, module: str, record_id: int, actor: Actor, *, run_workflows: bool = True) -> None:
    """Puts a record among the deleted ones; references to it become empty. Raises RecordNotFound."""
    record = get(session, module, record_id, for_update=True)
    before = dict(record.values)
    record.version += 1  # a save that began before is told of it, even when the record was restored in between
    kept = {name: [value, None] for name, value in before.items() if value not in (None, [], False)}
    change = note(session, record, "delete", actor, kept, run_workflows)
    # Listeners see the record while what it refers to, and what refers to it, is still there.
    tell(session, RecordChange.of(change, record, before, before), run_workflows)
    deleted_references.keep(session, record_id)
    record_keys.remove(session, catalog(session).module(module), record_id, record.sort_keys)
    session.add(
        DeletedRecord(
            id=record_id, module=module, name=record.name, owner_id=record.owner_id, version=record.version, values=before,
            search_text=record.search_text, created_at=record.created_at, updated_at=record.updated_at,
            deleted_at=change.at, deleted_by=actor.by, user_id=actor.user_id, change_id=change.id or 0,
        )
    )  # fmt: skip
    session.delete(record)
    session.flush()
    deleted_references.follow(session, Target(module, record_id, record.name, actor.user_id, restored=False))


def restore(session: Session, module: str, record_id: int, actor: Actor) -> tuple[Record, list[str]]:
    """The record as it was when it was deleted, under its id, and what could not be set again, in sentences.

    It runs no workflows: nothing is new, and what its creation caused was caused then. Raises NotDeleted.
    """
    deleted = deleted_records.get(session, record_id, module, for_update=True)
    info = catalog(session, hold=True).module(module)
    values, notes = deleted_records.values_again(session, info, deleted)
    record = Record(
        id=record_id, module=module, values=values, version=deleted.version + 1, created_at=deleted.created_at,
        updated_at=now(),
    )  # fmt: skip
    _lift(info, record)
    session.delete(deleted)
    session.add(record)
    session.flush()
    record_keys.add(session, info, {record_id: record.sort_keys})
    _link(session, info, record, {}, values)
    deleted_references.settled_with(session, record_id)
    note(session, record, "restore", actor, filled(values), run_workflows=False)
    notes += deleted_references.left_alone(session, record_id)
    deleted_references.follow(session, Target(module, record_id, record.name, actor.user_id, restored=True))
    return record, notes


def get(session: Session, module: str, record_id: int, *, for_update: bool = False) -> Record:
    """Raises RecordNotFound, of one that is deleted RecordDeleted."""
    record = session.get(Record, record_id, with_for_update=for_update or None, populate_existing=for_update)
    if record is None or record.module != module:
        deleted = session.get(DeletedRecord, record_id) if record is None else None
        if deleted is not None and deleted.module == module:
            raise RecordDeleted(deleted)
        raise RecordNotFound(f"There is no record {record_id} in {module}.")
    return record


def names_of(session: Session, ids: set[int] | list[int]) -> dict[int, str]:
    """Names of records, for references in lists. Absent ids are left out."""
    ids = {record_id for record_id in ids if record_id <= LARGEST_ID}
    if not ids:
        return {}
    return dict(session.execute(select(_R.id, _R.name).where(_R.id.in_(ids))).all())


def owners_of(session: Session, ids: Collection[int]) -> dict[int, int]:
    """Record → its owner; of one that is deleted, the last one. Those without an owner are left out."""
    if not ids:
        return {}
    owners: dict[int, int | None] = {}
    for table in (Record, DeletedRecord):
        rows = select(table.id, table.owner_id).where(table.id.in_(ids))  # type: ignore[call-overload, union-attr]
        owners |= dict(session.execute(rows).all())
    purged = [record_id for record_id in ids if record_id not in owners]
    if purged:
        last = select(Change.record_id, Change.values).where(Change.record_id.in_(purged), Change.kind == "delete")  # type: ignore[call-overload, attr-defined]
        rows = session.execute(last.order_by(Change.id))  # type: ignore[arg-type]
        owners |= {record_id: values.get("owner", [None])[0] for record_id, values in rows}
    return {record_id: owner for record_id, owner in owners.items() if owner is not None}


MOST_REFERRING = 1000
"""So many records of one relation are counted."""


def referring(session: Session, record: Record) -> dict[Relation, int]:
    """How many records refer to this one, by relation: what a deletion leaves with an empty reference. Of more than
    MOST_REFERRING, one more."""
    modules = catalog(session)
    numbers = {}
    for relation in modules.relations(record.module):
        if relation.to_many:
            field = modules.module(relation.module).fields[relation.field]
            mine = (_K.field_id == field.id, _K.key == field.kind.key(record.id), _K.record_id != record.id)
            ids = select(_K.record_id).where(*mine).limit(MOST_REFERRING + 1)
            numbers[relation] = session.scalar(select(func.count()).select_from(ids.subquery())) or 0
    return {relation: number for relation, number in numbers.items() if number}


def checked(session: Session, module: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Stored forms of values that are to be set. Raises InvalidRecord."""
    return _checked(catalog(session).module(module), values, Targets(session))


def complete(info: ModuleInfo, values: Mapping[str, Any], actor: Actor, targets: Targets) -> dict[str, Any]:
    """The stored values of a new record, every field of the module among them. Raises InvalidRecord."""
    started = {name: field.default for name, field in info.fields.items() if field.default is not None}
    if "owner" in info.fields and actor.user_id is not None:
        started["owner"] = actor.user_id
    stored = _checked(info, {**started, **values}, targets, whole=True)
    return {name: stored.get(name, field.kind.nothing()) for name, field in info.fields.items()}


def filled(values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What the change of a new record notes: its fields that are not empty."""
    return {name: [None, value] for name, value in values.items() if value not in (None, [], False)}


def _checked(
    info: ModuleInfo,
    values: Mapping[str, Any],
    targets: Targets,
    *,
    whole: bool = False,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Stored forms of the given values. Raises InvalidRecord with every error found."""
    errors: dict[str, str] = {}
    stored: dict[str, Any] = {}
    for name, raw in values.items():
        field = info.fields.get(name)
        if field is None:
            errors[name] = f"{info.label} has no field “{name}”."
            continue
        try:
            value = field.kind.parse(raw, _with_retired(field, before))
            if value is not None and (before is None or value != before.get(name)):
                targets.check(field, value)
            stored[name] = value
        except FieldError as error:
            if before is not None and raw == before.get(name):
                stored[name] = raw  # it stood there before the field's options changed, and nobody touched it
            else:
                errors[name] = str(error)
    for name, field in info.fields.items():
        asked = whole or name in values
        if field.required and asked and name not in errors and stored.get(name) in (None, []):
            errors[name] = f"{field.label} is required."
    if errors:
        raise InvalidRecord(errors)
    return stored


def _with_retired(field: FieldInfo, before: Mapping[str, Any] | None) -> FieldInfo:
    """The field with the options that were retired and still stand in the record: they may stay."""
    stands = (before or {}).get(field.name) if field.options else None
    retired = [
        option
        for option in (stands if isinstance(stands, list) else [stands] if stands else [])
        if option not in field.options
    ]
    return replace(field, options=(*field.options, *retired)) if retired else field


def _lift(info: ModuleInfo, record: Record) -> None:
    """Keeps the columns that lists and searches use in step with the values."""
    record.name, record.search_text, record.sort_keys = lifted(info, record.values)
    record.owner_id = record.values.get("owner")


def lifted(info: ModuleInfo, values: Mapping[str, Any]) -> tuple[str, str, dict[str, str]]:
    """(the record's name, what a search looks into, its sort keys)"""
    name = " ".join(str(values[name]) for name in info.name_fields if values.get(name))[:500]
    texts = (field.kind.searched(values.get(name)) for name, field in info.fields.items() if field.kind.is_searched)
    search_text = " ".join(text for text in texts if text).casefold()
    return name, search_text, record_keys.keys_of(info, values, name)


def _link(
    session: Session, info: ModuleInfo, record: Record, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Keeps the rows of references in step with the values."""
    moved = [field.name for field in info.references if before.get(field.name) != after.get(field.name)]
    if not moved:
        return
    if any(before.get(name) for name in moved):
        session.execute(sql_delete(Link).where(_L.record_id == record.id, _L.field.in_(moved)))
    rows = [{"record_id": record.id, "field": name, "target_id": after[name]} for name in moved if after.get(name)]
    if rows:
        session.execute(insert(Link), rows)


def note(
    session: Session, record: Record, kind: str, actor: Actor, values: dict[str, list[Any]], run_workflows: bool
) -> Change:
    """The trace of a save. `run_workflows`: it may run some, and will be told to the listeners that there are."""
    asks = runs_workflows(actor.source, run_workflows) and record_saved.has_listeners(session)
    change = Change(
        record_id=record.id or 0,
        module=record.module,
        record_name=record.name,
        kind=kind,
        at=record.updated_at if kind != "delete" else now(),
        source=actor.source,
        user_id=actor.user_id,
        by=actor.by,
        delivery_id=actor.delivery_id,
        version=record.version,
        workflows_revision=revision(session, "workflows") if asks else ASKED_NONE,
        values=values,
    )
    session.add(change)
    session.flush()
    return change


def tell(session: Session, saved: RecordChange, run_workflows: bool) -> None:
    if runs_workflows(saved.source, run_workflows):
        record_saved.send(session, saved)


def runs_workflows(source: str, run_workflows: bool) -> bool:
    """Whether the listeners are told of a save. Captures never run workflows: no loops (specification section 3)."""
    return run_workflows and source != "capture"
