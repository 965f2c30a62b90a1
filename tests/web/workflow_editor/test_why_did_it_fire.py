"""“Why did it (not) fire?” in the browser, and what the list of workflows says (specification section 3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.support.log_rows import add_delivery
from tests.support.workflow_form import FORM
from webhookui.core.database import Database, now
from webhookui.crm import history, records
from webhookui.crm.records import Actor
from webhookui.workflows import store

ANN = Actor("person", "Ann")
CAPTURE = Actor("capture", "Delivery 1")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("why")) as app:
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.WORK)
    return database


@pytest.fixture
def client(app: Flask, db: Database) -> FlaskClient:
    return pages.admin(app)


def saved(client: FlaskClient, db: Database, **changes: Any) -> int:
    assert client.post("/settings/workflows", data={**FORM, **changes}).status_code == 303
    client.get("/settings/workflows")  # where it is said that it is saved
    with db.read() as session:
        return store.list_all(session)[-1].id or 0


def new_deal(db: Database, **values: Any) -> int:
    with db.write() as session:
        return records.create(session, "deals", {"name": "Big deal", "stage": "New", **values}, ANN).id or 0


def changed(db: Database, deal: int, actor: Actor = ANN, **values: Any) -> int:
    """The id of the change."""
    with db.write() as session:
        records.update(session, "deals", deal, values, actor)
        return history.timeline(session, deal, limit=1)[0].id or 0


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def why(client: FlaskClient, workflow: int, deal: int, change: int | None = None) -> str:
    query = f"record_id={deal}" + (f"&change_id={change}" if change else "")
    return words(client.get(f"/settings/workflows/{workflow}/explain?{query}").text)


def test_each_condition_stands_there_with_what_it_saw(client: FlaskClient, db: Database) -> None:
    workflow, deal = saved(client, db), new_deal(db)
    changed(db, deal, stage="Proposal")
    page = why(client, workflow, deal)
    assert "It does not fire: “Stage has changed to Closed Won” does not hold" in page
    assert "Did not hold: all Stage has changed to Closed Won It saw New Proposal" in page
    assert "Held: Trigger On creation or update. The record was updated." in page


def test_a_past_save_is_explained_by_the_values_of_that_time(client: FlaskClient, db: Database) -> None:
    workflow, deal = saved(client, db), new_deal(db)
    won = changed(db, deal, stage="Closed Won")
    changed(db, deal, stage="Negotiation")
    assert "It does not fire" in why(client, workflow, deal)
    page = why(client, workflow, deal, won)
    assert "It fires: everything holds." in page and "It saw New Closed Won" in page
    assert "Deliveries: " in page  # what it really made


def test_it_says_where_only_the_first_time_stopped_it(client: FlaskClient, db: Database) -> None:
    workflow = saved(client, db, **{"trigger.recurrence": "first_time"})
    deal = new_deal(db)
    first = changed(db, deal, stage="Closed Won")
    changed(db, deal, stage="New")
    again = changed(db, deal, stage="Closed Won")
    assert "It fires" in why(client, workflow, deal, first)
    page = why(client, workflow, deal, again)
    assert "It does not fire" in page and "Did not hold: Recurrence" in page and "first met at" in page


def test_it_says_where_the_loop_guard_stopped_it(client: FlaskClient, db: Database) -> None:
    workflow, deal = saved(client, db), new_deal(db)
    written = changed(db, deal, CAPTURE, stage="Closed Won")
    assert "Did not hold: Loop guard" in why(client, workflow, deal, written)


def test_a_workflow_that_is_switched_off_says_so(client: FlaskClient, db: Database) -> None:
    workflow, deal = saved(client, db, active=""), new_deal(db, stage="Closed Won")
    assert "It does not fire: the workflow is switched off." in why(client, workflow, deal)


def test_a_past_save_is_explained_by_the_workflow_as_it_was_then(client: FlaskClient, db: Database) -> None:
    workflow, deal = saved(client, db), new_deal(db)
    won = changed(db, deal, stage="Closed Won")
    assert "This is based on version" not in why(client, workflow, deal, won), "it is what the workflow is now"
    client.post(f"/settings/workflows/{workflow}/active", data={"active": "0"})
    for page in (why(client, workflow, deal, won), words(client.get(f"/records/deals/{deal}/workflows").text)):
        assert "It fires: everything holds." in page and "The workflow has been switched off since." in page
        assert "This is based on version 1 of the workflow, saved" in page and "which was in force then." in page
    with db.write() as session:
        store.delete(session, workflow, None)
    for page in (why(client, workflow, deal, won), words(client.get(f"/records/deals/{deal}/workflows").text)):
        assert "It fires: everything holds." in page and "The workflow has been deleted since." in page
    later = saved(client, db)
    assert "It does not fire: the workflow was created after this save." in why(client, later, deal, won)


def test_a_record_tells_the_same_of_all_workflows_of_its_module(client: FlaskClient, db: Database) -> None:
    saved(client, db)
    saved(client, db, name="Every deal", **{"criteria.all.0.field": "", "criteria.all.0.value": ""})
    saved(client, db, name="Of contacts", module="contacts", **{
        "criteria.all.0.field": "email", "criteria.all.0.value": "a@x.org", "related_modules[]": [],
        "actions.0.parameters.0.value": "{{ email }}",
    })  # fmt: skip
    deal = new_deal(db)
    page = client.get(f"/records/deals/{deal}/workflows").text
    assert page.count("explained-one") == 2 and "Of contacts" not in page
    said = words(page)
    assert "Every deal It fires: everything holds." in said
    assert "Did not hold: all Stage has changed to Closed Won It saw nothing New" in said


def test_the_list_says_when_it_ran_and_what_became_of_the_last_day(client: FlaskClient, db: Database) -> None:
    workflow = saved(client, db, description="Makes the invoice")
    with db.write() as session:
        store.get(session, workflow).last_run_at = now()
        for status in ("success", "success", "failed"):
            add_delivery(session, status=status, workflow_id=workflow)
        add_delivery(session, status="retry", workflow_id=workflow, created_at=now() - timedelta(hours=25))
    page = client.get("/settings/workflows").text
    assert f'href="/log?workflow_id={workflow}&amp;range=24h&amp;status=success"' in page
    said = words(page)
    assert "2 Success" in said and "1 Failed" in said and "Retry" not in said
    assert "Makes the invoice" in said and "Deals" in said and "On creation or update" in said
