"""Fields: custom ones added and removed, all of them relabelled and moved, while everything runs (specification section 2)."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.core.errors import Invalid, NotFound
from webhookui.crm import options as field_options
from webhookui.crm import record_keys
from webhookui.crm.catalog import Catalog, FieldInfo, ModuleInfo, catalog, changed
from webhookui.crm.field_types import FIELD_TYPES, UNSTORABLE
from webhookui.crm.records import lifted
from webhookui.crm.tables import Change, Link, ModuleField, Record
from webhookui.people import audit
from webhookui.people.tables import User

MAX_LABEL = 60
MAX_NAME = 40
MAX_CUSTOM = 200
"""Custom fields of one module."""
BATCH = 500

RESERVED = frozenset(
    {
        "id", "version", "created_at", "updated_at", "record", "workflow", "delivery", "now", "previous",
        "on_form", "csrf_token", "next", "q", "sort", "page", "columns", "limit", "cursor",
        "and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "self", "loop",
    }
)  # fmt: skip
"""Words that placeholders, lists and forms use for something else."""

_R = Record.__table__.c  # type: ignore[attr-defined]
_F = ModuleField.__table__.c  # type: ignore[attr-defined]


class InvalidField(Invalid):
    """A field can't be like that."""


class FieldNotFound(NotFound):
    """The module has no such field, or it is a standard one, which stays."""

    hint = "It may have been removed by somebody else."


@dataclass(frozen=True)
class FieldSpec:
    """What a field is to be. `name` and `type` are fixed once it is there; an empty name is made of the label.

    `renamed`: name of an option → its new name, the one that `options` says.
    """

    label: str
    type: str = "text"
    name: str = ""
    options: Sequence[str] = ()
    target: str = ""
    required: bool = False
    in_list: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)


def add(session: Session, module: str, spec: FieldSpec, by: User) -> FieldInfo:
    """A new custom field, the last of its module. A removed one of that name and type comes back, without values.

    Raises InvalidField.
    """
    modules = catalog(session)
    info = modules.module(module)
    rows = {row.name: row for row in session.scalars(select(ModuleField).where(_F.module == module))}
    errors: dict[str, str] = {}
    label = _label(info, spec.label, errors)
    if spec.type not in FIELD_TYPES:
        errors["type"] = "Choose a type."
    name = _name(info, rows, spec, label, errors)
    options = field_options.checked(spec.type, spec.options, errors)
    target = _target(modules, spec, errors)
    if sum(field.custom for field in info.fields.values()) >= MAX_CUSTOM:
        errors[""] = f"A module has at most {MAX_CUSTOM} custom fields."
    if errors:
        raise InvalidField(errors)
    row = rows.get(name) or ModuleField(module=module, name=name, label=label, type=spec.type, custom=True)
    row.label, row.options, row.target = label, options, target
    row.retired_options, row.former_options = [], {}
    row.required, row.in_list, row.removed_at = spec.required, spec.in_list, None
    row.position = max((field.position for field in info.fields.values()), default=0) + 1
    session.add(row)
    session.flush()
    changed(session)  # first: it waits for who is about to create a record without the field
    record_keys.add_field(session, module, row.id or 0)
    _moved(session, by, "created", row, {"type": row.type})
    return catalog(session).module(module).fields[name]


def change(session: Session, module: str, name: str, spec: FieldSpec, by: User) -> FieldInfo:
    """Label and options of any field; of a custom one also whether it is required and whether lists show it. Name and type stay.

    Raises FieldNotFound, InvalidField.
    """
    info, row = catalog(session).module(module), _row(session, module, name)
    errors: dict[str, str] = {}
    new_values: dict[str, Any] = {"label": _label(info, spec.label, errors, own=name)}
    if row.custom:
        new_values |= {"required": spec.required, "in_list": spec.in_list}
    options = None
    if row.type in field_options.WITH_OPTIONS:
        options = field_options.plan(session, info, info.fields[name], spec.options, spec.renamed, errors)
        new_values |= {"options": options.options, "retired_options": options.retired}
    if errors:
        raise InvalidField(errors)
    details = {key: [getattr(row, key), value] for key, value in new_values.items() if getattr(row, key) != value}
    for key, value in new_values.items():
        setattr(row, key, value)
    session.flush()
    if options is not None:
        field_options.save(session, info, row, options, spec.renamed, by)
    if details:
        _moved(session, by, "changed", row, details)
    return catalog(session).module(module).fields[name]


def move(session: Session, module: str, name: str, by: User, *, up: bool) -> None:
    """One place up or down in the order of the form, of any field. At the end nothing happens. Raises FieldNotFound."""
    info = catalog(session).module(module)
    order = list(info.fields)
    if name not in order:
        raise FieldNotFound(f"{info.label} has no field “{name}”.")
    place = order.index(name)
    other = place + (-1 if up else 1)
    if not 0 <= other < len(order):
        return
    order[place], order[other] = order[other], order[place]
    rows = {row.name: row for row in session.scalars(_fields_of(module))}
    for position, field_name in enumerate(order):
        rows[field_name].position = position
    session.flush()
    _moved(session, by, "moved", rows[name], {"position": [place, other]})


def remove(session: Session, module: str, name: str, by: User) -> int:
    """Takes a custom field away, with its values; these stay in the timelines. Returns how many records had one.

    Raises FieldNotFound.
    """
    row = _custom(session, module, name)
    info = catalog(session).module(module)
    row.removed_at = now()
    session.flush()
    changed(session)
    left = catalog(session).module(module)
    number = sum(
        _strip(session, left, info.fields[name], batch, by) for batch in _holding(session, info.fields[name], module)
    )
    record_keys.remove_field(session, info.fields[name].id)
    if info.fields[name].kind.family == "reference":
        mine = select(_R.id).where(_R.module == module)
        session.execute(delete(Link).where(Link.field == name, Link.record_id.in_(mine)))  # type: ignore[arg-type, attr-defined]
    _moved(session, by, "deleted", row, {"records": number})
    return number


def in_use(session: Session, module: str, name: str) -> int:
    """How many records have a value in the field."""
    field = catalog(session).module(module).fields[name]
    return session.scalar(select(func.count()).select_from(Record).where(_has_value(module, field))) or 0


def without(modules: Catalog, module: str, name: str) -> Catalog:
    """The catalog as it would be without the field."""
    info = modules.module(module)
    fields = {key: field for key, field in info.fields.items() if key != name}
    left = replace(info, fields=fields)
    return Catalog({key: left if key == module else module_info for key, module_info in modules.modules.items()})


def _fields_of(module: str) -> Any:
    return select(ModuleField).where(_F.module == module, _F.removed_at.is_(None))


def _row(session: Session, module: str, name: str) -> ModuleField:
    info = catalog(session).module(module)
    row: ModuleField | None = session.scalar(_fields_of(module).where(_F.name == name))
    if row is None:
        raise FieldNotFound(f"{info.label} has no field “{name}”.")
    return row


def _custom(session: Session, module: str, name: str) -> ModuleField:
    row = _row(session, module, name)
    if not row.custom:
        info = catalog(session).module(module)
        raise FieldNotFound(f"“{row.label}” is a standard field of {info.label} and can't be removed.")
    return row


def _moved(session: Session, by: User, action: str, row: ModuleField, details: Mapping[str, Any]) -> None:
    changed(session)
    audit.note(session, by, action, "field", f"{row.module}.{row.name}", row.label, details)


# ---- what may be ------------------------------------------------------------------------------------------------------


def _label(info: ModuleInfo, typed: str, errors: dict[str, str], own: str = "") -> str:
    label = " ".join(typed.split())
    if not label:
        errors["label"] = "Enter a label for the field."
    elif len(label) > MAX_LABEL:
        errors["label"] = f"At most {MAX_LABEL} characters; this has {len(label)}."
    elif UNSTORABLE.search(label):
        errors["label"] = "The label contains a character that can't be stored."
    elif any(field.label.casefold() == label.casefold() and field.name != own for field in info.fields.values()):
        errors["label"] = f"{info.label} already has a field “{label}”."
    return label


def _name(
    info: ModuleInfo, rows: Mapping[str, ModuleField], spec: FieldSpec, label: str, errors: dict[str, str]
) -> str:
    """The name that programs and placeholders use."""
    if spec.name.strip():
        name = spec.name.strip()
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or len(name) > MAX_NAME:
            errors["name"] = (
                f"Start with a letter, then lower-case letters, digits and underscores; at most {MAX_NAME} characters."
            )
        elif name in RESERVED:
            errors["name"] = f"“{name}” is reserved; choose another name."
        elif name in info.fields:
            errors["name"] = f"{info.label} already has a field “{name}”."
        elif not _is_free(rows, name, spec.type):
            errors["name"] = (
                f"“{name}” was once a field of another type, with values in timelines. Choose another name."
            )
        return name
    slug = _slug(label)
    for name in (slug, *(f"{slug}_{number}" for number in range(2, MAX_CUSTOM + 3))):
        if name not in RESERVED and _is_free(rows, name, spec.type):
            return name
    return slug


def _is_free(rows: Mapping[str, ModuleField], name: str, type_name: str) -> bool:
    row = rows.get(name)
    return row is None or (row.removed_at is not None and row.custom and row.type == type_name)


def _slug(label: str) -> str:
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    slug = slug if slug[:1].isalpha() else f"field_{slug}".rstrip("_")
    return slug[: MAX_NAME - 4].rstrip("_")


def _target(modules: Catalog, spec: FieldSpec, errors: dict[str, str]) -> str | None:
    if spec.type not in FIELD_TYPES or FIELD_TYPES[spec.type].family != "reference":
        return None
    if spec.target not in modules.modules:
        errors["target"] = "Choose the module that it points to."
    return spec.target


# ---- values of a removed field ----------------------------------------------------------------------------------------


def _has_value(module: str, field: FieldInfo) -> ColumnElement[bool]:
    value = _R["values"][field.name]
    if field.kind.family == "boolean":
        return (_R.module == module) & (value.as_boolean() == True)  # noqa: E712 - SQL's comparison
    text = value.as_string()
    return (_R.module == module) & text.is_not(None) & (text != "[]")


def _holding(session: Session, field: FieldInfo, module: str) -> Iterator[Sequence[Any]]:
    """Ids, names, versions and values of the records that have a value in the field, in batches."""
    columns = select(_R.id, _R.name, _R.version, _R["values"])
    last = 0
    while True:
        query = columns.where(_has_value(module, field), _R.id > last).order_by(_R.id).limit(BATCH).with_for_update()
        rows = session.execute(query).all()
        if not rows:
            return
        yield rows
        last = rows[-1].id


def _strip(session: Session, info: ModuleInfo, field: FieldInfo, rows: Sequence[Any], by: User) -> int:
    """Takes the values out of these records, and notes them in their timelines."""
    time = now()
    changes, records = [], []
    for record_id, name, version, values in rows:
        left = {key: value for key, value in values.items() if key != field.name}
        record_name, search_text, sort_keys = lifted(info, left)
        records.append(
            {"id": record_id, "values": left, "version": version + 1, "updated_at": time, "name": record_name,
             "search_text": search_text, "sort_keys": sort_keys}
        )  # fmt: skip
        changes.append(
            {"record_id": record_id, "module": info.name, "record_name": name, "kind": "update", "at": time, "source": "system",
             "user_id": by.id, "by": by.name, "version": version + 1, "values": {field.name: [values[field.name], None]}}
        )  # fmt: skip
    session.execute(insert(Change), changes)
    session.execute(update(Record), records)
    return len(rows)
