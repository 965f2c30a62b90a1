"""A workflow that is held because it fires in a loop, in the browser: where it is seen, and the two ways out
(specification section 6)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.support.log_rows import add_delivery, add_webhook
from webhookui.core.database import Database
from webhookui.definitions.tables import Workflow, WorkflowAction, WorkflowHold
from webhookui.delivery.tables import Delivery


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("loops")) as app:
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, "workflow_hold", "delivery_request", "delivery")
    return database


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture
def workflow(db: Database) -> int:
    with db.write() as session:
        row = session.get_one(WorkflowAction, add_webhook(session))
        workflow_row = session.get_one(Workflow, row.workflow_id)
        workflow_row.name, workflow_row.active = "Sync <deal>", True
        return row.workflow_id


def hold(db: Database, workflow: int, record: int, name: str, waits: int = 2) -> list[int]:
    """Holds it for a record for which some deliveries wait; their ids."""
    with db.write() as session:
        session.add(WorkflowHold(workflow_id=workflow, record_id=record, module="deals", record_name=name, fired=21))
        return [
            add_delivery(session, status="queued", workflow_id=workflow, record_id=record, record_name=name).id or 0
            for _ in range(waits)
        ]


def statuses(db: Database) -> set[tuple[str, str | None]]:
    with db.read() as session:
        return {(delivery.status, delivery.error) for delivery in session.query(Delivery)}


def test_it_is_seen_above_the_log_in_the_row_in_the_detail_and_on_the_workflow(
    client: FlaskClient, db: Database, workflow: int
) -> None:
    delivery = hold(db, workflow, 7, "Kettle & co")[0]
    log = client.get("/log").text
    assert "“Sync &lt;deal&gt;” is held for Kettle &amp; co: it fires in a loop." in log
    assert "It fired 21 times within a minute because of saves through the API. 2 deliveries wait" in log
    assert ">workflow loops</span>" in log
    detail = client.get(f"/log/{delivery}").text
    assert "Held: workflow loops." in detail and "The workflow is held for this record: it fired 21" in detail
    release = f'action="/settings/workflows/{workflow}/holds/release?record_id=7"'
    assert release in log and release in detail and release in client.get(f"/settings/workflows/{workflow}").text
    assert "held for Kettle &amp; co: it fires in a loop" in client.get("/settings/workflows").text


def test_an_open_log_shows_it_when_it_begins_and_when_it_ends(client: FlaskClient, db: Database, workflow: int) -> None:
    assert "fires in a loop" not in client.get("/log/live?recount=1&paused=&counts=").text
    hold(db, workflow, 7, "Kettles")
    moved = client.get("/log/live?recount=1&paused=&counts=")
    assert moved.status_code == 200 and "is held for Kettles: it fires in a loop" in moved.text
    token = moved.text.partition('data-paused="')[2].partition('"')[0]
    client.post(f"/settings/workflows/{workflow}/holds/release?record_id=7")
    ended = client.get("/log/live", query_string={"recount": 1, "paused": token}).text
    assert 'id="log-paused"' in ended and "fires in a loop" not in ended


ACTS = {
    "release": ("2 held deliveries go out now.", ("queued", None)),
    "give-up": (
        "2 held deliveries ended as Failed.",
        ("failed", "Given up by Ann while the workflow was held for the record."),
    ),
}


@pytest.mark.parametrize("act", ACTS)
def test_release_and_give_up_act_on_one_record_or_on_all_and_say_what_they_did(
    act: str, client: FlaskClient, db: Database, workflow: int
) -> None:
    for record in (7, 8):
        hold(db, workflow, record, f"D{record}")
    several = client.get("/log").text
    assert "is held for 2 records: it fires in a loop" in several and ">D7</a>" in several and "Release all" in several
    done = client.post(f"/settings/workflows/{workflow}/holds/{act}?record_id=7", follow_redirects=True)
    assert done.request.full_path == f"/log?workflow_id={workflow}&record_id=7"
    assert ACTS[act][0] in done.text
    assert ACTS[act][1] in statuses(db) and ("queued", None) in statuses(db)
    assert "“Sync &lt;deal&gt;” is held for " + ("D8" if act == "release" else "2 records") in client.get("/log").text
    client.post(f"/settings/workflows/{workflow}/holds/{act}")
    assert statuses(db) == {ACTS[act][1]}
    client.post(f"/settings/workflows/{workflow}/holds/release")
    again = client.post(f"/settings/workflows/{workflow}/holds/release", follow_redirects=True).text
    assert "The workflow is not (or no longer) held for any record." in again
