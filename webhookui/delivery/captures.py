"""Captures: values taken out of a response and written into the record, without triggering workflows
(specification section 5)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from webhookui.crm import records
from webhookui.crm.catalog import ModuleInfo, catalog
from webhookui.crm.field_types import FIELD_TYPES, FieldError, as_text
from webhookui.crm.records import Actor, InvalidRecord
from webhookui.crm.tables import Record
from webhookui.delivery.claim import Claimed
from webhookui.delivery.tables import CapturedValue
from webhookui.webhooks.capture import Taken

CUT = "The response was longer than the limit; captures saw only its beginning."
NO_RECORD = "The record was deleted; captured values were not written."


def write_captures(session: Session, claimed: Claimed, taken: Sequence[Taken], *, was_cut: bool) -> str | None:
    """Writes what the capture rows took into the record, as far as it fits, and notes each row. Returns what is to be added to
    the delivery's note."""
    if not taken:
        return None
    note = CUT if was_cut else None
    if claimed.test:
        _note_all(session, claimed, taken, "test", "A test writes nothing into the record.")
        return note
    module = catalog(session).modules.get(claimed.module)
    record = session.get(Record, claimed.record_id) if claimed.record_id is not None else None
    if module is None or record is None or record.module != module.name:
        _note_all(session, claimed, taken, "no_record", NO_RECORD)
        return f"{note} {NO_RECORD}" if note else NO_RECORD
    _write(session, claimed, module, taken)
    return note


def _write(session: Session, claimed: Claimed, module: ModuleInfo, taken: Sequence[Taken]) -> None:
    """One save for all rows; a value that does not fit its field is left out and said so."""
    values: dict[str, Any] = {}
    notes: list[tuple[Taken, str, Any, str]] = []
    for capture in taken:
        if capture.outcome != "found":
            notes.append((capture, capture.outcome, None, capture.message))
            continue
        field = module.fields.get(capture.row.field)
        if field is None:
            notes.append((capture, "does_not_fit", _plain(capture), f"The field {capture.row.field} no longer exists."))
            continue
        raw = fitting(capture, field.type)
        try:
            stored = FIELD_TYPES[field.type].parse(raw, field)
        except FieldError as error:
            notes.append((capture, "does_not_fit", _plain(capture), str(error)))
            continue
        values[field.name] = stored
        notes.append((capture, "written", stored, capture.message))
    refused = _save(session, claimed, values)
    for capture, outcome, value, message in notes:
        if outcome == "written" and capture.row.field in refused:
            outcome, message = "does_not_fit", refused[capture.row.field]
        _note(session, claimed, capture, outcome, value, message)


def _save(session: Session, claimed: Claimed, values: dict[str, Any]) -> dict[str, str]:
    """Saves the values that the record takes; returns those that it refused, with the reason."""
    by = f"Delivery {claimed.id}"
    actor = Actor("capture", by, None, claimed.id)
    refused: dict[str, str] = {}
    while values:
        try:
            with session.begin_nested():
                records.update(session, claimed.module, claimed.record_id or 0, values, actor)
            return refused
        except InvalidRecord as error:
            bad = {field: message for field, message in error.errors.items() if field in values}
            if not bad:
                return refused | dict.fromkeys(values, "; ".join(error.errors.values()))
            refused |= bad
            values = {field: value for field, value in values.items() if field not in bad}
    return refused


def fitting(taken: Taken, field_type: str) -> Any:
    """What the row takes, in the shape that the field takes."""
    return FIELD_TYPES[field_type].fitted(list(taken.values if taken.row.all else taken.values[:1]))


def shown(row: CapturedValue) -> str:
    """A captured value in the Details of the log."""
    if row.outcome not in ("written", "does_not_fit", "test"):
        return "–"
    if row.value is None:
        return "(empty)" if row.outcome == "written" else "null"
    if row.outcome == "written" and isinstance(row.value, list):
        return ", ".join(map(as_text, row.value))
    return as_text(row.value)


def _plain(taken: Taken) -> Any:
    values = list(taken.values)
    return values if taken.row.all or len(values) != 1 else values[0]


def _note_all(session: Session, claimed: Claimed, taken: Sequence[Taken], outcome: str, message: str) -> None:
    for capture in taken:
        has_value = capture.outcome == "found"
        _note(session, claimed, capture, outcome if has_value else capture.outcome, _plain(capture) if has_value else None,
              message if has_value else capture.message)  # fmt: skip


def _note(session: Session, claimed: Claimed, capture: Taken, outcome: str, value: Any, message: str) -> None:
    session.add(
        CapturedValue(
            delivery_id=claimed.id,
            attempt_number=claimed.number,
            path=capture.row.path,
            field=capture.row.field,
            outcome=outcome,
            value=value,
            message=message,
        )
    )
