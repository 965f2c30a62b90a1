"""Many records at once in the browser, without JavaScript (specification section 2)."""

import html
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.support.log_rows import add_webhook
from webhookui.core import background_jobs
from webhookui.core.database import Database
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.definitions.tables import Workflow
from webhookui.delivery.tables import Delivery


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("many")) as app:
        yield app


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture
def ids(app: Flask) -> list[int]:
    """Four deals; the last one is in another stage."""
    with database(app).write() as session:
        return [
            records.create(session, "deals", {"name": name, "stage": stage}, Actor("person", "Ann")).id or 0
            for name, stage in (("A", "New"), ("B", "New"), ("C", "New"), ("D", "Proposal"))
        ]


def database(app: Flask) -> Database:
    db: Database = app.extensions["webhookui"].db
    return db


def work(app: Flask) -> None:
    while background_jobs.work(database(app), app.extensions["webhookui"].queue.kinds):
        pass


def values(app: Flask, ids: list[int], name: str) -> list[Any]:
    with database(app).read() as session:
        return [records.get(session, "deals", record_id).values[name] for record_id in ids]


def text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def test_the_selected_are_changed_after_a_page_that_asks(app: Flask, ann: FlaskClient, ids: list[int]) -> None:
    listed = ann.get("/records/deals").text
    assert all(f'name="ids" value="{record_id}"' in listed for record_id in ids)
    address = "/records/deals/many?" + urlencode([("act", "change"), ("ids", ids[0]), ("ids", ids[1])])
    assert "Change 2 deals" in text(ann.get(address).text)
    assert 'name="stage"' in ann.get(f"{address}&field=stage").text
    form = {"act": "change", "ids": ids[:2], "field": "stage", "on_form": "stage", "stage": "Negotiation"}
    answer = ann.post("/records/deals/many", data=form)
    assert answer.status_code == 303
    assert "waiting for a worker" in ann.get(answer.location).text
    work(app)
    page = text(ann.get(answer.location).text)
    assert "2 changed." in page and "Stage: Negotiation" in page
    assert values(app, ids, "stage") == ["Negotiation", "Negotiation", "New", "Proposal"]


def test_all_that_match_the_list_are_changed_whatever_is_ticked(app: Flask, ann: FlaskClient, ids: list[int]) -> None:
    query = urlencode({"filter[stage]": "New"})
    listed = ann.get(f"/records/deals?{query}").text
    assert html.escape(query) in listed and "all 3 that match" in listed
    form = {"act": "change", "scope": "matching", "query": query, "field": "next_step", "on_form": "next_step"}
    answer = ann.post("/records/deals/many", data={**form, "next_step": "Call"})
    work(app)
    assert "3 changed." in text(ann.get(answer.location).text)
    assert values(app, ids, "next_step") == ["Call", "Call", "Call", None]


def test_a_value_that_can_not_be_is_refused_at_its_field_and_stays_typed(
    app: Flask, ann: FlaskClient, ids: list[int]
) -> None:
    form = {"act": "change", "ids": ids, "field": "amount", "on_form": "amount", "amount": "a lot"}
    answer = ann.post("/records/deals/many", data=form)
    assert answer.status_code == 422
    assert "is not a number" in answer.text and 'value="a lot"' in answer.text
    assert all(f'name="ids" value="{record_id}"' in answer.text for record_id in ids)
    nothing = ann.post("/records/deals/many", data={"act": "change", "ids": ids})
    assert nothing.status_code == 422 and "Choose a field." in nothing.text


def test_an_empty_value_takes_the_values_away_and_a_required_field_is_refused(
    app: Flask, ann: FlaskClient, ids: list[int]
) -> None:
    ann.post(
        "/records/deals/many", data={"act": "change", "ids": ids, "field": "stage", "on_form": "stage", "stage": ""}
    )
    work(app)
    assert values(app, ids, "stage") == [None] * 4
    form = {"act": "change", "ids": ids, "field": "name", "on_form": "name", "name": ""}
    assert "is required" in ann.post("/records/deals/many", data=form).text


def test_the_owner_of_the_selected_is_changed(app: Flask, ann: FlaskClient, ids: list[int]) -> None:
    page = ann.get("/records/deals/many?" + urlencode([("act", "owner"), ("ids", ids[0])])).text
    owner = re.findall(r'<option value="(\d+)"[^>]*>Ann', page)[0]
    form = {"act": "owner", "ids": ids[:1], "on_form": "owner", "owner": owner}
    job = ann.post("/records/deals/many", data=form).location
    work(app)
    assert values(app, ids[:1], "owner") == [int(owner)] and "Owner: Ann" in text(ann.get(job).text)


def test_the_selected_are_deleted(app: Flask, ann: FlaskClient, ids: list[int]) -> None:
    assert "Delete 1 deal" in text(ann.get(f"/records/deals/many?act=delete&ids={ids[0]}").text)
    job = ann.post("/records/deals/many", data={"act": "delete", "ids": ids[:1]}).location
    work(app)
    assert "1 deleted." in text(ann.get(job).text)
    assert ann.get(f"/records/deals/{ids[0]}").location == f"/records/deleted/{ids[0]}"


def test_a_workflow_runs_for_those_that_meet_its_criteria_or_for_all_when_that_was_asked(
    app: Flask, ann: FlaskClient, ids: list[int]
) -> None:
    with database(app).write() as session:
        add_webhook(session)
        workflow = session.query(Workflow).one()
        workflow.module, workflow.active = "deals", True
        workflow.criteria = {"all": [{"field": "stage", "operator": "is", "value": "New"}], "any": []}
        number = workflow.id
    assert f'<option value="{number}"' in ann.get(f"/records/deals/many?act=run&ids={ids[0]}").text
    form = {"act": "run", "ids": ids[2:], "workflow": str(number)}
    job = ann.post("/records/deals/many", data=form).location
    work(app)
    page = text(ann.get(job).text)
    assert "1 run, 1 rejected." in page and "The entry criteria are not met." in page
    ann.post("/records/deals/many", data={**form, "anyway": "1"})
    work(app)
    with database(app).read() as session:
        deliveries = [(delivery.record_id, delivery.caused_by) for delivery in session.query(Delivery)]
    assert sorted(deliveries) == sorted((record_id, "Ann") for record_id in (ids[2], ids[2], ids[3]))
    assert ann.post("/records/deals/many", data={**form, "workflow": "4711"}).status_code == 404


def test_a_job_is_seen_by_who_asked_and_by_admins_and_its_rejected_rows_are_a_file(
    app: Flask, ann: FlaskClient, ids: list[int]
) -> None:
    sam = pages.user(app)
    job = sam.post("/records/deals/many", data={"act": "delete", "ids": ids[:2]}).location
    with database(app).write() as session:
        records.delete(session, "deals", ids[0], Actor("person", "Ann"))
    work(app)
    file = sam.get(f"{job}/rejected.csv")
    assert file.mimetype == "text/csv"
    assert file.text.splitlines() == ["id,name,Reason", f"{ids[0]},,It was deleted in the meantime."]
    assert ann.get(job).status_code == 200 and job in ann.get("/jobs/").text
    others = ann.post("/records/deals/many", data={"act": "delete", "ids": ids[2:]}).location
    for path in (others, f"{others}/rejected.csv"):
        assert sam.get(path).status_code == 403
    assert sam.post(f"{others}/cancel").status_code == 403 and others not in sam.get("/jobs/").text
    ann.post(f"{others}/cancel")
    work(app)
    assert "Cancelled by Ann" in text(ann.get(others).text) and "2 not processed." in text(ann.get(others).text)


def test_nothing_selected_leads_back_with_words_and_an_unreadable_filter_does_nothing(
    app: Flask, ann: FlaskClient, ids: list[int]
) -> None:
    answer = ann.get("/records/deals/many?act=change")
    assert answer.status_code == 303 and "Select the deals first." in ann.get(answer.location).text
    query = urlencode({"filter[amount]": "much", "op[amount]": "at_least"})
    form = {"act": "delete", "scope": "matching", "query": query}
    assert ann.post("/records/deals/many", data=form).status_code == 422
    assert (
        "is not a number"
        in ann.get(f"/records/deals/many?act=delete&scope=matching&{urlencode({'query': query})}").text
    )
    work(app)
    assert len(values(app, ids, "name")) == 4
