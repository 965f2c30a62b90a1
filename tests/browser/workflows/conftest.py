"""The workflow form in a browser, on an application in the test's process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.support import pages
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.db import Database

ANN = Actor("person", "Ann")


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(
        database, "delivery_request", "delivery", "workflow_first_met", "workflow_webhook", "workflow", "link", "change",
        "record",
    )  # fmt: skip
    with database.write() as session:
        contact = records.create(
            session, "contacts", {"first_name": "Jo", "last_name": "Roe", "email": "jo@x.org"}, ANN
        )
        values = {"name": "Big deal", "amount": "1200.50", "stage": "New", "contact": contact.id}
        records.create(session, "deals", values, ANN)
    return database


@pytest.fixture
def form(page: Page, address: str, db: Database) -> Iterator[Page]:
    """The form of a new workflow on deals; at the end the page must not have complained about anything."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    pages.log_in(page, address)
    page.goto(f"{address}/settings/workflows/new?module=deals")
    yield page
    assert complaints == []
