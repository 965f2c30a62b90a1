"""What tells records of one name apart is one rule for every module (specification section 2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from webhookui.crm.catalog import FieldInfo, ModuleInfo
from webhookui.crm.identification import identifying_columns, identifying_values
from webhookui.crm.seed import MODULES

SEEDED = {module.name: module for module in MODULES}


@pytest.mark.parametrize(
    ("module", "values", "expected"),
    [
        ("contacts", {"email": "a@b.example", "phone": "1", "organization": 7}, ["email", "organization"]),
        ("contacts", {"email": None, "mobile": "2", "city": "Brno"}, ["mobile"]),
        ("contacts", {"interests": [], "do_not_call": False}, []),
        ("organizations", {"website": "https://a.example", "city": "Brno"}, ["website"]),
        ("organizations", {"city": "Brno"}, ["city"]),
        ("deals", {"amount": 12, "stage": "New", "organization": 7}, ["amount", "organization"]),
        ("deals", {"stage": "New", "owner": 1, "description": "Long"}, ["stage"]),
        ("leads", {"company": "Acme", "email": "a@b.example"}, ["email"]),
        ("tasks", {"due_date": "2026-12-31", "deal": 3, "contact": 4}, ["due_date", "contact"]),
    ],
)
def test_a_record_is_identified_by_its_address_or_what_its_list_shows_and_its_first_reference(
    module: str, values: dict[str, Any], expected: list[str]
) -> None:
    assert [field.name for field in identifying_values(SEEDED[module], values)] == expected


@pytest.mark.parametrize(
    ("module", "but", "expected"),
    [
        ("contacts", "", ["email", "phone", "organization", "title"]),
        ("contacts", "organization", ["email", "phone", "title"]),
        ("deals", "contact", ["amount", "stage", "organization", "close_date"]),
        ("invoices", "", ["amount", "status", "contact", "due_date"]),
    ],
)
def test_columns_begin_with_what_identifies_and_leave_out_what_all_rows_share(
    module: str, but: str, expected: list[str]
) -> None:
    assert [field.name for field in identifying_columns(SEEDED[module], 4, but)] == expected


def test_a_module_whose_list_shows_nothing_is_identified_by_its_addresses_all_the_same() -> None:
    fields = {name: replace(field, in_list=False) for name, field in SEEDED["contacts"].fields.items()}
    info = ModuleInfo("people", "People", "Person", "person", ("last_name",), fields | {"tag": FieldInfo("tag", "Tag")})
    assert [field.name for field in identifying_columns(info, 3)] == ["email", "phone", "organization"]
