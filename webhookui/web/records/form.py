"""Between a form and the values of a record: what was typed stays as it was typed until it is saved."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webhookui.core.database import row_number
from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.field_types import FieldError, in_zone, typed_time
from webhookui.crm.identification import identifying_fields
from webhookui.crm.records import InvalidRecord, names_of
from webhookui.crm.tables import Record
from webhookui.people import accounts
from webhookui.people.formats import FORMATS, Format, NotANumber

ON_FORM = "on_form"
"""Hidden input that names a field of the form: an unticked checkbox sends nothing, and is not the same as no checkbox."""

FORMAT = "typed.format"
"""Hidden input: the user's format when the form was opened, by which its numbers are written."""

SHOWN = "shown"
"""Hidden input `shown.<field>`: the mark of what the field's control showed when the form was opened (`_mark`)."""


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
    shown: Mapping[str, str] = field(default_factory=dict)
    """Field → mark of what its control showed at first. A field without one is taken as it comes."""
    format: str = ""
    """By which its numbers are written."""

    def marks(self) -> dict[str, str]:
        """Field → mark of what its control shows now."""
        return {name: self._mark(info) for name, info in self.info.fields.items()}

    def _mark(self, info: FieldInfo) -> str:
        value = self.values.get(info.name)
        if info.kind.family == "reference":
            return f"{_mark(info, value)}.{_mark_of(self.name_of(value) if value else '')}"
        return _mark(info, value)

    def shortened(self) -> list[FieldInfo]:
        """What a new record is asked for in place: its name, what it must have, and the two fields that identify it best."""
        identifying = {field_info.name for field_info in identifying_fields(self.info)[:2]}
        names = {*self.info.name_fields, *identifying}
        return [field_info for name, field_info in self.info.fields.items() if field_info.required or name in names]

    def name_of(self, value: Any) -> str:
        """The name of a referenced record."""
        return "" if row_number(str(value)) is None else self.names.get(int(value), f"Record {value}")


def controls(info: ModuleInfo, stored: Mapping[str, Any], zone: ZoneInfo, style: Format) -> dict[str, Any]:
    """What the controls show for stored values."""
    return {name: _control(field_info, stored.get(name), zone, style) for name, field_info in info.fields.items()}


def _control(info: FieldInfo, value: Any, zone: ZoneInfo, style: Format) -> Any:
    if info.kind.family in ("boolean", "choices") or value is None:
        return value
    if info.kind.family == "number" and isinstance(value, int | Decimal):
        return style.control(value)
    if info.kind.family == "datetime":
        time = in_zone(typed_time(value), zone)
        return time.replace(tzinfo=None).isoformat(timespec="seconds" if time.second else "minutes")
    return info.kind.text(value)


def shown_number(info: FieldInfo, text: str, style: Format) -> str:
    """A value as a URL says it, as a control shows it: a number in the user's format, all else as it is."""
    return style.control_text(text) if info.kind.family == "number" else text


def typed(info: ModuleInfo, form: MultiDict[str, str]) -> dict[str, Any]:
    """What the form sent, field by field, as its controls show it."""
    values: dict[str, Any] = {}
    for name in form.getlist(ON_FORM):
        field_info = info.fields.get(name)
        if field_info is None:
            continue
        if field_info.kind.family == "boolean":
            values[name] = name in form
        else:
            values[name] = form.getlist(name) if field_info.kind.family == "choices" else form.get(name, "")
    return values


def _mark(info: FieldInfo, value: Any) -> str:
    """A mark of what a control shows and a browser sends when nobody touches it: the same for both."""
    if info.kind.family == "boolean":
        return _mark_of("true" if value and value != "false" else "")
    if info.kind.family == "choices":
        return _mark_of("\n".join(sorted(value or [])))
    text = str(value if value is not None else "")
    if info.kind.family == "datetime":
        with suppress(ValueError):  # else it was typed and is no time
            text = datetime.fromisoformat(text).isoformat()
    return _mark_of(text)


def _mark_of(text: str) -> str:
    """HTML has no null character, forms send every line break as CR LF, and inputs drop blanks around."""
    text = re.sub(r"\r\n?", "\n", text.replace("\0", "\ufffd")).strip()
    return sha256(text.encode()).hexdigest()[:16]


def touched(info: ModuleInfo, form: MultiDict[str, str]) -> dict[str, Any]:
    """What the form sent of the fields whose controls were changed since they were shown."""
    return {
        name: value
        for name, value in typed(info, form).items()
        if form.get(f"{SHOWN}.{name}", "").partition(".")[0] != _mark(info.fields[name], value)
    }


def searched(info: ModuleInfo, form: MultiDict[str, str]) -> dict[str, str]:
    """What was typed into the searches of references without choosing a record."""
    return {reference.name: words for reference in info.references if (words := _searched(reference, form))}


def _searched(info: FieldInfo, form: MultiDict[str, str]) -> str:
    words, chosen = form.get(f"{info.name}.search", "").strip(), form.get(info.name, "")
    mark, _, mark_of_name = form.get(f"{SHOWN}.{info.name}", "").partition(".")
    typed_over = bool(mark_of_name) and mark == _mark(info, chosen) and mark_of_name != _mark_of(words)
    return words if not chosen or typed_over else ""


def values_of(
    session: Session, info: ModuleInfo, form: MultiDict[str, str], zone: ZoneInfo, style: Format
) -> dict[str, Any]:
    """What `crm.records` is to save: what was touched. `style`: how numbers are written unless the form says it.

    Raises InvalidRecord for what is no number, and for a name that means no record, or several.
    """
    style = FORMATS.get(form.get(FORMAT, ""), style)
    values = touched(info, form)
    errors = {}
    for name, value in values.items():
        if info.fields[name].kind.family == "datetime":
            values[name] = _aware(value, zone)
        elif info.fields[name].kind.family == "number" and value.strip():
            try:
                values[name] = style.read_number(value)
            except NotANumber as error:
                errors[name] = str(error)
    for name, words in searched(info, form).items():
        try:
            values[name] = _record_named(session, info.fields[name], words)
        except FieldError as error:
            errors[name] = str(error)
    if errors:
        raise InvalidRecord(errors)
    return values


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
    ids: list[int] = list(session.scalars(statement))
    if not ids:
        raise FieldError(f"There is no record named “{words}”. Choose one from the list.")
    if len(ids) > 1:
        raise FieldError(f"Several records are named “{words}”. Choose one from the list.")
    return ids[0]


def named(info: ModuleInfo, words: str) -> dict[str, str]:
    """What the controls of a new record show of the words that no record was found by: an e-mail address, or the parts of a
    name, whose last field takes what is left."""
    address = next((field_info.name for field_info in info.fields.values() if field_info.type == "email"), None)
    if address is not None and "@" in words and len(words.split()) == 1:
        return {address: words.strip()}
    parts = words.split(None, max(len(info.name_fields) - 1, 0))
    return dict(zip(info.name_fields[-len(parts) :], parts, strict=False))


def form_of(
    session: Session,
    info: ModuleInfo,
    values: Mapping[str, Any],
    *,
    errors: Mapping[str, str] | None = None,
    searches: Mapping[str, str] | None = None,
    shown: Mapping[str, str] | None = None,
    style: str = "",
    also_users: Iterable[int] = (),
) -> RecordForm:
    """The form with what its menus and pickers need. `shown`: the marks that it was opened with; `style`: name of the format;
    `also_users`: to be offered although they may be deactivated."""
    chosen = {
        number
        for reference in info.references
        if (number := row_number(str(values.get(reference.name) or ""))) is not None
    }
    owners = {
        str(values[name])
        for name, field_info in info.fields.items()
        if field_info.kind.family == "user" and values.get(name)
    }
    owners |= {str(user_id) for user_id in also_users}
    return RecordForm(
        info, dict(values), dict(errors or {}), names_of(session, chosen), dict(searches or {}),
        people(session, owners), dict(shown or {}), style,
    )  # fmt: skip


def opened_form(session: Session, info: ModuleInfo, record: Record, zone: ZoneInfo, style: Format) -> RecordForm:
    """The form of a record as it stands: what its controls show now is what they are compared with when it is sent."""
    form = form_of(session, info, controls(info, record.values, zone, style), style=style.name)
    return replace(form, shown=form.marks())


def sent_form(
    session: Session,
    info: ModuleInfo,
    sent: MultiDict[str, str],
    errors: Mapping[str, str] | None = None,
    *,
    with_marks: bool = True,
) -> RecordForm:
    """The form as it was typed. Without the marks that it sent back, all that is in it is saved."""
    marks = {name: sent[f"{SHOWN}.{name}"] for name in info.fields if f"{SHOWN}.{name}" in sent and with_marks}
    return form_of(
        session, info, typed(info, sent), errors=errors, searches=searched(info, sent), shown=marks, style=sent.get(FORMAT, ""),
    )  # fmt: skip


def people(session: Session, also: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """Users to choose from: the active ones, and those that are chosen already, whoever they are."""
    kept = dict.fromkeys(also)
    users = {str(user.id): user for user in accounts.all_users(session)}
    offered = [
        (number, user.name if user.active else f"{user.name} (deactivated)")
        for number, user in users.items()
        if user.active or number in kept
    ]
    return (*offered, *((number, f"User {number}") for number in kept if number not in users))
