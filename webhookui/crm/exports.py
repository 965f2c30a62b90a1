"""A list of records as a CSV file that an import takes in again (specification section 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from webhookui.core.database import Database
from webhookui.crm import records
from webhookui.crm.catalog import FieldInfo, ModuleInfo, catalog
from webhookui.crm.imports.csv_files import csv_lines, neutralised
from webhookui.crm.imports.references import written
from webhookui.crm.imports.values import ID_LABEL
from webhookui.crm.listing import ListQuery, page_after
from webhookui.crm.tables import Record
from webhookui.people import accounts

BATCH = 500
"""Records that are in memory at once."""


def exported(
    db: Database, query: ListQuery, columns: Sequence[str] = (), *, with_bom: bool = False
) -> tuple[ModuleInfo, Iterator[bytes]]:
    """(the module, the file in parts). `columns`: names of fields beside those of the record's name; none: all fields.

    Raises UnknownModule, InvalidListing, before the first part is asked for.
    """
    if query.sort.removeprefix("-") == "updated_at":
        query = replace(query, sort="id")  # what is saved meanwhile would leave its place, and be left out
    with db.read() as session:
        info = catalog(session).module(query.module)
        page_after(session, query, "", 1)
    names = [*info.name_fields, *columns] if columns else info.fields
    fields = [info.fields[name] for name in dict.fromkeys(names) if name in info.fields]
    return info, csv_lines(_rows(db, query, fields), with_bom=with_bom)


def _rows(db: Database, query: ListQuery, fields: Sequence[FieldInfo]) -> Iterator[list[str]]:
    yield [ID_LABEL, *(neutralised(field.label) for field in fields)]
    references = [field.name for field in fields if field.kind.family == "reference"]
    cursor: str | None = ""
    while cursor is not None:
        with db.read() as session:
            page = page_after(session, query, cursor, BATCH)
            names = records.names_of(session, _targets(page.items, references))
            emails = {user.id or 0: user.email for user in accounts.all_users(session)}
        for record in page.items:
            yield [str(record.id), *(_cell(field, record.values.get(field.name), names, emails) for field in fields)]
        cursor = str(page.next_page) if page.next_page is not None else None


def _targets(page: Sequence[Record], references: Sequence[str]) -> set[int]:
    return {record.values[name] for record in page for name in references if record.values.get(name)}


def _cell(field: FieldInfo, value: Any, names: Mapping[int, str], emails: Mapping[int, str]) -> str:
    """A value as an import reads it. What people have typed can't be run as a formula."""
    if value is None:
        return ""
    match field.kind.family:
        case "reference":
            return neutralised(written(names.get(value, ""), value))
        case "user":
            return neutralised(emails.get(value, ""))
        case "datetime":
            return str(value)  # in UTC, to the second
        case "number" | "date" | "boolean":
            return field.kind.text(value)
    return neutralised(field.kind.text(value))
