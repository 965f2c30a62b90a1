"""The workflow form in a browser, on an application in the test's process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.support import pages
from tests.support.form_page import new_workflow
from webhookui.core.database import Database
from webhookui.crm import records
from webhookui.crm.records import Actor

ANN = Actor("person", "Ann")


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.WORK)
    with database.write() as session:
        contact = records.create(
            session, "contacts", {"first_name": "Jo", "last_name": "Roe", "email": "jo@x.org"}, ANN
        )
        values = {"name": "Big deal", "amount": "1200.50", "stage": "New", "contact": contact.id}
        records.create(session, "deals", values, ANN)
    return database


@pytest.fixture
def form(window: Page, address: str, db: Database) -> Iterator[Page]:
    """The form of a new workflow on deals; at the end the page must not have complained about anything."""
    pages.afresh(window, address, (1280, 720), "no-preference")
    with new_workflow(window, address, "deals"):
        yield window
