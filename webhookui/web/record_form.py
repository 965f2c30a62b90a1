"""Between a form and the values of a record: what was typed stays as it was typed until it is saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.field_types import FIELD_TYPES, FieldError, typed_time
from webhookui.crm.records import names_of
from webhookui.crm.tables import Record
from webhookui.people import accounts

ON_FORM = "on_form"
"""Hidden input that names a field of the form: an unticked checkbox sends nothing, and is not the same as no checkbox."""


@dataclass(frozen=True)
class RecordForm:
    """A form to draw. `values`: field → what its control shows; `errors`: field → sentence; `names`: of referenced records."""

    info: ModuleInfo
    values: Mapping[str, Any]
    errors: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    searched: Mapping[str, str] = field(default_factory=dict)
    """Field → what was typed into its search and not chosen."""
    users: tuple[tuple[str, str], ...] = ()

    def name_of(self, value: Any) -> str:
        """The name of a referenced record."""
        return self.names.get(int(value), f"Record {value}") if str(value).isdecimal() else ""


def controls(info: ModuleInfo, stored: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """What the controls show for stored values."""
    return {name: _control(each, stored.get(name), zone) for name, each in info.fields.items()}


def _control(info: FieldInfo, value: Any, zone: ZoneInfo) -> Any:
    if info.type in ("checkbox", "multi_picklist") or value is None:
        return value
    if info.type == "datetime":
        return typed_time(value).astimezone(zone).strftime("%Y-%m-%dT%H:%M")
    return FIELD_TYPES[info.type].text(value)


def typed(info: ModuleInfo, form: MultiDict[str, str]) -> dict[str, Any]:
    """What the form sent, field by field, as its controls show it."""
    found: dict[str, Any] = {}
    for name in form.getlist(ON_FORM):
        each = info.fields.get(name)
        if each is None:
            continue
        if each.type == "checkbox":
            found[name] = name in form
        else:
            found[name] = form.getlist(name) if each.type == "multi_picklist" else form.get(name, "")
    return found


def searched(info: ModuleInfo, form: MultiDict[str, str]) -> dict[str, str]:
    """What was typed into the searches of references without choosing a record."""
    return {
        each.name: form.get(f"{each.name}.search", "").strip()
        for each in info.references
        if form.get(f"{each.name}.search", "").strip() and not form.get(each.name)
    }


def values_of(session: Session, info: ModuleInfo, form: MultiDict[str, str], zone: ZoneInfo) -> dict[str, Any]:
    """What `crm.records` is to save. Raises FormProblem for a name that means no record, or several."""
    values = typed(info, form)
    errors = {}
    for name, value in values.items():
        if info.fields[name].type == "datetime":
            values[name] = _aware(value, zone)
    for name, words in searched(info, form).items():
        try:
            values[name] = _record_named(session, info.fields[name], words)
        except FieldError as error:
            errors[name] = str(error)
    if errors:
        raise FormProblem(errors)
    return values


class FormProblem(Exception):
    """Something typed that can't be read. `errors`: field → sentence."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


def _aware(text: str, zone: ZoneInfo) -> str:
    """A time typed in the user's zone, with its offset; what is no time goes on as it is, to be refused."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return (time.replace(tzinfo=zone) if time.tzinfo is None else time).isoformat()


def _record_named(session: Session, info: FieldInfo, words: str) -> int:
    """The one record of that name: for browsers without JavaScript, and people quicker than the list."""
    statement = select(Record.id).where(Record.module == info.target, Record.name == words).limit(2)  # type: ignore[call-overload]
    found: list[int] = list(session.scalars(statement))
    if not found:
        raise FieldError(f"There is no record named “{words}”. Choose one from the list.")
    if len(found) > 1:
        raise FieldError(f"Several records are named “{words}”. Choose one from the list.")
    return found[0]


def form_of(
    session: Session,
    info: ModuleInfo,
    values: Mapping[str, Any],
    *,
    errors: Mapping[str, str] | None = None,
    searches: Mapping[str, str] | None = None,
) -> RecordForm:
    """The form with what its menus and pickers need."""
    chosen = {int(values[each.name]) for each in info.references if str(values.get(each.name) or "").isdecimal()}
    owners = {str(values[name]) for name, each in info.fields.items() if each.type == "user" and values.get(name)}
    return RecordForm(
        info, dict(values), dict(errors or {}), names_of(session, chosen), dict(searches or {}), people(session, owners)
    )


def people(session: Session, also: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """Users to choose from: the active ones, and those that are chosen already."""
    kept = set(also)
    return tuple(
        (str(user.id), user.name if user.active else f"{user.name} (deactivated)")
        for user in accounts.all_users(session)
        if user.active or str(user.id) in kept
    )
