"""Which records and users the cells of a file mean: by name, by number, by e-mail address (specification section 2)."""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webhookui.core.database import row_number
from webhookui.crm.catalog import FieldInfo, catalog
from webhookui.crm.field_types import LONGEST_KEY, FieldError, text_key
from webhookui.crm.imports.csv_files import restored
from webhookui.crm.tables import Record, RecordKey
from webhookui.people import accounts

_R = Record.__table__.c  # type: ignore[attr-defined]
_K = RecordKey.__table__.c  # type: ignore[attr-defined]
_NUMBERED = re.compile(r"(?:(?P<name>(?s:.*)) )?\(#(?P<number>\d+)\)|#(?P<alone>\d+)", re.ASCII)
_MOST_NAMESAKES = 50
_KEPT = 20_000
"""Texts whose record is remembered."""


def written(name: str, record_id: int) -> str:
    """A reference in an export: what people recognise, and what an import finds again."""
    return f"{name} (#{record_id})"


def ids_by_key(session: Session, field_id: int, keys: Collection[str]) -> dict[str, tuple[int, int]]:
    """Key of a field → the least and the greatest id of the records that have it."""
    statement = select(_K.key, func.min(_K.record_id), func.max(_K.record_id))
    rows = session.execute(statement.where(_K.field_id == field_id, _K.key.in_(keys)).group_by(_K.key))
    return {key: (first, last) for key, first, last in rows}


def _name_and_number(text: str) -> tuple[str, int]:
    """("Acme", 12) of "Acme (#12)"; an empty name of "#12"; 0 where no number is named."""
    match = _NUMBERED.fullmatch(text)
    number = row_number(match["number"] or match["alone"]) if match else None
    return (text, 0) if match is None or number is None else (match["name"] or "", number)


class References:
    """The ids that the cells of reference and user fields mean. Asks the database for a batch of rows at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._modules = catalog(session)
        self._users = {user.email: user.id or 0 for user in accounts.all_users(session)}
        self._ids: dict[tuple[str, str], int | str] = {}
        """(module, text) → its record, or why there is none."""

    def expect(self, field: FieldInfo, cells: Collection[str]) -> None:
        """These will be asked for."""
        target = field.target or ""
        texts = {restored(cell).strip() for cell in cells} - {""}
        texts = {text for text in texts if (target, text) not in self._ids}
        parts = {text: _name_and_number(text) for text in texts}
        names = self._names(target, [number for _, number in parts.values() if number])
        by_name: dict[str, str] = {}
        for text, (name, record_id) in parts.items():
            if record_id in names and (not name or names[record_id] == name):
                self._ids[target, text] = record_id
            elif name:
                by_name[text] = name
            else:
                self._ids[target, text] = f"There is no record {text} in {self._label(target)}."
        if by_name:
            self._find_by_name(target, by_name)

    def ids(self, field: FieldInfo, cells: Collection[str]) -> list[int]:
        """Those that expected cells mean."""
        meant = (self._ids.get((field.target or "", restored(cell).strip())) for cell in cells)
        return [record_id for record_id in meant if isinstance(record_id, int)]

    def trim(self) -> None:
        """Forgets what was asked, when it is much."""
        if len(self._ids) > _KEPT:
            self._ids.clear()

    def _names(self, module: str, ids: Collection[int]) -> dict[int, str]:
        if not ids:
            return {}
        rows = self._session.execute(select(_R.id, _R.name).where(_R.id.in_(set(ids)), _R.module == module))
        return dict(rows.all())  # type: ignore[arg-type]

    def _find_by_name(self, target: str, names: dict[str, str]) -> None:
        """`names`: text of a cell → the name in it."""
        field_id = -self._modules.module(target).id
        keys = {text_key(name) for name in names.values()}
        spans = ids_by_key(self._session, field_id, keys)
        candidates = {key: [first] for key, (first, last) in spans.items() if first == last}
        for key, (first, last) in spans.items():
            if first != last:
                same = select(_K.record_id).where(_K.field_id == field_id, _K.key == key).limit(_MOST_NAMESAKES)
                candidates[key] = list(self._session.scalars(same))
        called = self._names(target, [record_id for ids in candidates.values() for record_id in ids])
        for text, name in names.items():
            alike = [record_id for record_id in candidates.get(text_key(name), []) if record_id in called]
            alike = [record_id for record_id in alike if called[record_id].casefold() == name.casefold()]
            exact = [record_id for record_id in alike if called[record_id] == name] or alike
            self._ids[target, text] = exact[0] if len(exact) == 1 else self._problem(target, name, len(exact))

    def _problem(self, target: str, name: str, number: int) -> str:
        shown = name if len(name) <= 60 else f"{name[:60]}…"
        if not number:
            return f"There is no “{shown}” in {self._label(target)}."
        return f"{number} {self._label(target).lower()} are called “{shown}”. Write the number behind the name: {shown} (#12)."

    def _label(self, module: str) -> str:
        return self._modules.module(module).label

    def read(self, field: FieldInfo, cell: str) -> int | None:
        """The id that an expected cell means; None for an empty one. Raises FieldError."""
        text = restored(cell).strip()
        if not text:
            return None
        if field.kind.family == "user":
            user_id = self._users.get(text.lower())
            if user_id is None:
                raise FieldError(f"There is no user “{text[:60]}”. Write the user’s e-mail address.")
            return user_id
        meant = self._ids[field.target or "", text]
        if isinstance(meant, str):
            raise FieldError(meant)
        return meant


class Matches:
    """The records that rows of a file are duplicates of, by one field."""

    def __init__(self, session: Session, module: str, field: FieldInfo | None) -> None:
        """`field`: None for the record's number."""
        self._session, self._module, self._field = session, module, field

    def key(self, value: object) -> str:
        """Of a stored value: equal ones are duplicates, without regard to case. Empty for nothing.
        Raises FieldError."""
        if value in (None, ""):
            return ""
        key = str(value) if self._field is None else self._field.kind.key(value)
        if len(key) >= LONGEST_KEY:
            raise FieldError(f"Too long to find duplicates by: at most {LONGEST_KEY - 1} characters.")
        return key

    def find(self, keys: Collection[str]) -> dict[str, list[int]]:
        """Key → the records that have it: one, or two of several."""
        keys = {key for key in keys if key}
        if not keys:
            return {}
        if self._field is None:
            numbers = {number for key in keys if (number := row_number(key)) is not None}
            own = select(_R.id).where(_R.id.in_(numbers), _R.module == self._module)
            return {str(record_id): [record_id] for record_id in self._session.scalars(own)}
        spans = ids_by_key(self._session, self._field.id, keys)
        return {key: sorted({first, last}) for key, (first, last) in spans.items()}
