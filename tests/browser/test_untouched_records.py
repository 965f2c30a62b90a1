"""A real browser sends a record's form back as it was shown: nothing changes (specification section 2; the law is in
tests/web/records/test_untouched_forms.py)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import update

from tests.support import pages
from tests.support.any_record import MODULE, add_fields
from webhookui.core.database import Database
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.crm.tables import Record
from webhookui.people import accounts

pytestmark = pytest.mark.browser
SYSTEM = Actor("system", "Test")

STORED: list[dict[str, Any]] = [
    {
        "any_text": "two\nlines", "any_long_text": "\nfirst\r\n\r\n  </textarea><b>", "any_datetime": "2026-10-25T01:30:00Z",
        "any_multi_picklist": ["Plain", "Gone"], "any_picklist": "Retired", "any_email": "zoë@exämple.com",
    },
    {
        "any_text": "a\rb \"quoted\" &amp;", "any_datetime": "2026-07-01T12:30:15Z", "any_date": "0001-01-01",
        "any_reference": 999_999, "any_user": 999_999, "any_phone": "+4\n20", "any_url": "https://exämple.com/ä b",
    },
    {"any_datetime": "1-01-01T00:00:00Z", "any_date": "9999-12-31", "any_long_text": "\x0b\x00", "any_email": "nobody at all"},
]  # fmt: skip


@pytest.fixture(scope="module")
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    with database.write() as session:
        ann = accounts.by_email(session, pages.ADMIN[0])
        ann.time_zone = "Europe/Prague"
    add_fields(database, ann)
    return database


def stored(db: Database, values: dict[str, Any]) -> int:
    with db.write() as session:
        record = records.create(session, MODULE, {"name": "Acme"}, SYSTEM)
        session.execute(update(Record).where(Record.id == record.id).values(values={**record.values, **values}))  # type: ignore[arg-type]
        return record.id or 0


def values_of(db: Database, record_id: int) -> tuple[dict[str, Any], int]:
    with db.read() as session:
        record = session.get_one(Record, record_id)
        return dict(record.values), record.version


@pytest.mark.usefixtures("strict")
def test_a_form_saved_untouched_changes_nothing(db: Database, page: Page, address: str) -> None:
    pages.log_in(page.context, address)
    for values in STORED:
        record_id = stored(db, values)
        before = values_of(db, record_id)
        page.goto(f"{address}/records/{MODULE}/{record_id}/edit")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("Nothing was changed.")).to_be_visible()
        assert values_of(db, record_id) == before, values


@pytest.mark.usefixtures("strict")
def test_a_field_saved_untouched_in_place_changes_nothing(db: Database, page: Page, address: str) -> None:
    pages.log_in(page.context, address)
    record_id = stored(db, STORED[0])
    before = values_of(db, record_id)
    page.goto(f"{address}/records/{MODULE}/{record_id}")
    for name in STORED[0]:
        page.locator(f"#detail-{name} .detail-edit").click()
        page.locator(f"#detail-{name}").get_by_role("button", name="Save").click()
        expect(page.locator(f"#detail-{name} .detail-edit")).to_be_visible()
    assert values_of(db, record_id) == before
