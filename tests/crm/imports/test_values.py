"""Dates and decimals as people write them, per column (specification section 2)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.field_types import FieldError
from webhookui.crm.imports.values import ID, form_of, guessed_fields, read_cell

PRAGUE = ZoneInfo("Europe/Prague")
DAY, TIME, AMOUNT = (FieldInfo(type, type.title(), type) for type in ("date", "datetime", "currency"))

FORMS = [
    (DAY, ["2026-01-02"], ";", ("ymd", True)),
    (DAY, ["01.02.2026", "13.02.2026"], ";", ("dmy", True)),
    (DAY, ["1/2/2026", "1/13/2026"], ",", ("mdy", True)),
    (DAY, ["01.02.2026"], ";", ("dmy", True)),
    (DAY, ["1.02.2026", "1.13.2026"], ";", ("dmy", True)),
    (DAY, ["1/2/2026", "13/2/2026", "2/13/2026", "14/1/2026"], ",", ("dmy", False)),
    (DAY, ["2/1/2026"], ",", ("mdy", False)),
    (DAY, ["", "rubbish"], ",", ("ymd", True)),
    (TIME, ["31/12/2026 14:30"], ",", ("dmy", True)),
    (AMOUNT, ["1 250,50"], ",", (",", True)),
    (AMOUNT, ["1.250,50", "3"], ",", (",", True)),
    (AMOUNT, ["1,250.50"], ";", (".", True)),
    (AMOUNT, ["1.250.000"], ",", (",", True)),
    (AMOUNT, ["1,250"], ";", (",", False)),
    (AMOUNT, ["1250"], ",", (".", True)),
]


@pytest.mark.parametrize(("field", "cells", "separator", "told"), FORMS)
def test_how_a_column_is_written_is_told_from_its_values(
    field: FieldInfo, cells: list[str], separator: str, told: tuple[str, bool]
) -> None:
    assert form_of(field, cells, separator) == told


READ = [
    (DAY, "dmy", "01.02.2026", "2026-02-01"),
    (DAY, "dmy", "1. 2. 2026", "2026-02-01"),
    (DAY, "mdy", "2/1/26", "2026-02-01"),
    (DAY, "mdy", "2/1/71", "1971-02-01"),
    (DAY, "dmy", "2026-02-01", "2026-02-01"),
    (DAY, "dmy", "01.02.2026 00:00:00", "2026-02-01"),
    (TIME, "dmy", "01.07.2026 14:30", "2026-07-01T12:30:00Z"),
    (TIME, "mdy", "7/1/2026 2:30 PM", "2026-07-01T12:30:00Z"),
    (TIME, "mdy", "7/1/2026 12:05 am", "2026-06-30T22:05:00Z"),
    (TIME, "ymd", "2026-07-01T14:30:59Z", "2026-07-01T14:30:59Z"),
    (TIME, "ymd", "2026-07-01 14:30:00.000+05:30", "2026-07-01T09:00:00Z"),
    (TIME, "ymd", "2026-07-01", "2026-06-30T22:00:00Z"),
    (AMOUNT, ",", "1.250,50", "1250.50"),
    (AMOUNT, ",", "1 250,50", "1250.50"),
    (AMOUNT, ",", "1\u202f250,5 €", "1250.5"),
    (AMOUNT, ".", "$1,250.50", "1250.50"),
    (AMOUNT, ".", "1'250.50", "1250.50"),
    (AMOUNT, ",", "-5", "-5"),
    (AMOUNT, ".", "'-5", "-5"),
    (AMOUNT, ".", "\u22125", "-5"),
    (AMOUNT, ".", "", None),
]


@pytest.mark.parametrize(("field", "form", "cell", "value"), READ)
def test_a_cell_is_read_as_its_column_is_written(field: FieldInfo, form: str, cell: str, value: str | None) -> None:
    read = read_cell(field, cell, form, PRAGUE)
    assert read == value
    assert read is None or field.kind.parse(read, field) is not None


REFUSED = [
    (DAY, "dmy", "31.02.2026"), (DAY, "mdy", "13/13/2026"), (DAY, "dmy", "1.2.202"), (DAY, "dmy", "01.02.2026 14:30"),
    (TIME, "dmy", "01.02.2026 25:00"), (TIME, "mdy", "1/2/2026 13:00 PM"), (AMOUNT, ",", "1.25"), (AMOUNT, ".", "1,25"),
    (AMOUNT, ",", "1,2,3"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "form", "cell"), REFUSED)
def test_what_does_not_fit_its_column_is_refused_and_not_guessed(field: FieldInfo, form: str, cell: str) -> None:
    with pytest.raises(FieldError):
        field.kind.parse(read_cell(field, cell, form, PRAGUE), field)


def test_fields_are_guessed_by_label_and_name_each_once() -> None:
    fields = [FieldInfo("first_name", "First name"), FieldInfo("email", "E-mail", "email"), FieldInfo("note", "E-mail")]
    info = ModuleInfo("contacts", "Contacts", "Contact", "person", (), {field.name: field for field in fields})
    header = ["FIRST NAME", "first_name", "email", "E-Mail", "e mail", "", "Record ID", "Shoe size"]
    assert guessed_fields(info, header) == ["first_name", "", "email", "note", "", "", ID, ""]
