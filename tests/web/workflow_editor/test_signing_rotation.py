"""Rotating a signing secret from the webhook form (specification section 4.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.support import pages
from tests.support.workflow_form import FORM
from webhookui.core.database import Database, loads, now
from webhookui.definitions.tables import WorkflowAction
from webhookui.installation import Installation
from webhookui.people.tables import AuditEntry
from webhookui.workflows import store

HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("rotation")) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    pages.empty(app.extensions["webhookui"].db, "workflow_action", "workflow_version", "workflow")
    return pages.admin(app)


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    return database


def only(db: Database) -> WorkflowAction:
    with db.read() as session:
        return session.scalars(select(WorkflowAction)).one()


def secrets(app: Flask, row: WorkflowAction) -> list[str]:
    installation: Installation = app.extensions["webhookui"]
    signing: list[str] = loads(installation.box.open(row.secrets or ""))["signing"]
    return signing


def signed(client: FlaskClient, db: Database) -> dict[str, Any]:
    """Saves a signed webhook; gives the form of its rotation."""
    assert client.post("/settings/workflows", data={**FORM, "actions.0.signing.on": "1"}).status_code == 303
    client.get("/settings/workflows")  # where its secret is shown
    row = only(db)
    return {
        **FORM,
        "workflow_id": str(row.workflow_id),
        "actions.0.id": str(row.id),
        "actions.0.signing.on": "1",
        "actions.0.signing.stored": "1",
        "at": "actions.0",
    }


def test_a_rotation_makes_a_secret_shows_it_once_and_the_one_before_signs_for_a_day(
    app: Flask, client: FlaskClient, db: Database
) -> None:
    form = signed(client, db)
    [first] = secrets(app, only(db))
    answer = client.post("/settings/webhook-form/rotate", data=form, headers=HTMX)
    row = only(db)
    newest, before = secrets(app, row)
    assert before == first and newest != first and newest in answer.text and first not in answer.text
    assert row.previous_signing_until is not None
    assert abs(row.previous_signing_until - now() - timedelta(hours=24)) < timedelta(minutes=1)
    page = client.get(f"/settings/workflows/{row.workflow_id}").text
    assert newest not in page and re.search(r"data-signing-overlap=\"actions.0\">.*Both secrets sign until", page, re.S)


def test_a_second_rotation_lets_the_oldest_secret_go(app: Flask, client: FlaskClient, db: Database) -> None:
    form = signed(client, db)
    [first] = secrets(app, only(db))
    for _ in range(2):
        client.post("/settings/webhook-form/rotate", data=form, headers=HTMX)
    assert len(secrets(app, only(db))) == 2 and first not in secrets(app, only(db))


def test_a_rotation_leaves_the_document_its_version_and_the_other_secrets_alone(
    app: Flask, client: FlaskClient, db: Database
) -> None:
    form = signed(client, db)
    with db.read() as session:
        workflow = store.list_all(session)[0]
        before = store.to_document(session, workflow, with_ids=True)
    client.post("/settings/webhook-form/rotate", data={**form, "actions.0.title": "Not saved"}, headers=HTMX)
    with db.read() as session:
        workflow = store.list_all(session)[0]
        assert store.to_document(session, workflow, with_ids=True) == before
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()  # type: ignore[union-attr]
    installation: Installation = app.extensions["webhookui"]
    assert loads(installation.box.open(only(db).secrets or ""))["password"] == "s3cret-word"
    assert entry is not None and entry.action == "rotated the signing secret of"
    assert entry.details == {"webhook": "Create invoice"}


def test_a_save_after_a_rotation_keeps_both_secrets(app: Flask, client: FlaskClient, db: Database) -> None:
    form = signed(client, db)
    client.post("/settings/webhook-form/rotate", data=form, headers=HTMX)
    both = secrets(app, only(db))
    row = only(db)
    assert client.post(f"/settings/workflows/{row.workflow_id}", data={**form, "version": "1"}).status_code == 303
    assert secrets(app, only(db)) == both and only(db).previous_signing_until == row.previous_signing_until


def test_without_a_script_the_form_comes_back_as_typed_with_the_secret(
    app: Flask, client: FlaskClient, db: Database
) -> None:
    form = signed(client, db)
    page = client.post("/settings/webhook-form/rotate", data={**form, "actions.0.title": "Half typed"}).text
    assert secrets(app, only(db))[0] in page and "Half typed" in page and 'id="workflow-form"' in page


def test_a_webhook_that_is_not_signed_can_not_be_rotated(client: FlaskClient, db: Database) -> None:
    assert client.post("/settings/workflows", data=FORM).status_code == 303
    row = only(db)
    form = {**FORM, "workflow_id": str(row.workflow_id), "actions.0.id": str(row.id), "at": "actions.0"}
    assert client.post("/settings/webhook-form/rotate", data=form, headers=HTMX).status_code == 404
