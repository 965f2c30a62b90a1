"""Many records at once through the API, and the jobs that do it (specification section 10)."""

from typing import Any

import pytest
from flask import Flask

from tests.api.conftest import Call
from webhookui.core import background_jobs


def work(app: Flask) -> None:
    installation = app.extensions["webhookui"]
    while background_jobs.work(installation.db, installation.queue.kinds):
        pass


@pytest.fixture
def ids(call: Call) -> list[int]:
    stages = ("New", "New", "Proposal")
    answers = [call("POST", "/records/deals", {"values": {"name": "Bulk", "stage": stage}}) for stage in stages]
    return [answer.json["id"] for answer in answers]


def values(call: Call, ids: list[int], name: str) -> list[Any]:
    return [call("GET", f"/records/deals/{record_id}").json["values"][name] for record_id in ids]


def test_values_are_set_in_the_records_of_these_ids_by_a_job(app: Flask, call: Call, ids: list[int]) -> None:
    answer = call("POST", "/records/deals/bulk", {"ids": ids[:2], "values": {"amount": 12.5}})
    assert answer.status_code == 202 and answer.json["state"] == "waiting" and answer.json["total"] == 2
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json['id']}"
    work(app)
    job = call("GET", f"/jobs/{answer.json['id']}").json
    shown = {name: job[name] for name in ("kind", "state", "done", "total", "created", "updated", "rejected")}
    assert shown == {
        "kind": "change", "state": "finished", "done": 2, "total": 2, "created": 0, "updated": 2, "rejected": 0,
    }  # fmt: skip
    assert [str(amount) for amount in values(call, ids, "amount")] == ["12.50", "12.50", "None"]


@pytest.mark.parametrize(
    ("asked", "changed"),
    [
        ({"stage": "New"}, [True, True, False]),
        ({"stage": {"operator": "is_any_of", "value": ["Proposal", "Closed Won"]}}, [False, False, True]),
        ({"q": "no such words"}, [False, False, False]),
        ({"next_step": {"operator": "is_empty"}}, [True, True, True]),
    ],
)
def test_all_that_a_filter_matches_are_changed(
    app: Flask, call: Call, ids: list[int], asked: dict[str, Any], changed: list[bool]
) -> None:
    answer = call("POST", "/records/deals/bulk", {"filter": asked, "values": {"next_step": "Call"}})
    assert answer.status_code == 202, answer.text
    work(app)
    assert [step == "Call" for step in values(call, ids, "next_step")] == changed


def test_records_are_deleted(app: Flask, call: Call, ids: list[int]) -> None:
    call("POST", "/records/deals/bulk", {"ids": ids, "delete": True})
    work(app)
    assert [call("GET", f"/records/deals/{record_id}").status_code for record_id in ids] == [404] * 3


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"values": {"name": "X"}}, "ids"),
        ({"ids": [1], "filter": {}, "values": {"name": "X"}}, "ids"),
        ({"ids": [], "delete": True}, "ids"),
        ({"ids": ["1"], "delete": True}, "ids"),
        ({"ids": [1]}, "values"),
        ({"ids": [1], "values": {"name": "X"}, "delete": True}, "values"),
        ({"ids": [1], "delete": "yes"}, "delete"),
        ({"ids": [1], "values": {"amount": "much"}}, "values.amount"),
        ({"ids": [1], "values": {"nothing": "X"}}, "values.nothing"),
        ({"filter": {"amount": "much"}, "delete": True}, "filter.amount"),
        ({"filter": {"nothing": "X"}, "delete": True}, "filter.nothing"),
        ({"filter": {"amount": {"operator": "at_least", "than": 1}}, "delete": True}, "filter.amount"),
        ({"filter": {"q": 1}, "delete": True}, "filter.q"),
        ({"filter": [], "delete": True}, "filter"),
        ({"ids": [1], "delete": True, "really": True}, "really"),
    ],
)
def test_what_can_not_be_meant_is_refused_at_its_path_and_starts_nothing(
    app: Flask, call: Call, body: dict[str, Any], path: str
) -> None:
    answer = call("POST", "/records/deals/bulk", body)
    assert answer.status_code == 422 and path in answer.json["error"]["fields"], answer.text
    installation = app.extensions["webhookui"]
    with installation.db.read() as session:
        assert background_jobs.running(session, installation.queue.kinds) == []


def test_a_job_is_its_users_own_and_an_admins(app: Flask, call: Call, call_as_user: Call, ids: list[int]) -> None:
    own = call_as_user("POST", "/records/deals/bulk", {"ids": ids[:1], "delete": True}).json["id"]
    others = call("POST", "/records/deals/bulk", {"ids": ids[1:], "delete": True}).json["id"]
    assert [call_as_user("GET", f"/jobs/{job}").status_code for job in (own, others, 4711)] == [200, 403, 404]
    assert call_as_user("POST", f"/jobs/{others}/cancel").status_code == 403
    assert call("GET", f"/jobs/{own}").status_code == 200
    assert call("POST", f"/jobs/{others}/cancel").json["state"] == "cancelled"
    work(app)
    assert call("GET", f"/records/deals/{ids[2]}").status_code == 200
    assert call("GET", f"/jobs/{own}/rejected.csv").text == "id,name,Reason\r\n"


def test_a_workflow_is_run_for_records_and_one_that_is_off_is_not(app: Flask, call: Call, ids: list[int]) -> None:
    action = {"type": "webhook", "title": "Tell", "url": "https://api.example.com/", "method": "POST"}
    document = {
        "name": "On deletion", "module": "deals", "active": True, "trigger": {"on": "delete"}, "actions": [action],
        "criteria": {"all": [{"field": "stage", "operator": "is", "value": "New"}]},
    }  # fmt: skip
    workflow = call("POST", "/workflows", document).json["id"]
    answer = call("POST", f"/workflows/{workflow}/run", {"record_ids": ids})
    assert answer.status_code == 202
    work(app)
    job = call("GET", f"/jobs/{answer.json['id']}").json
    assert (job["kind"], job["updated"], job["rejected"]) == ("run", 2, 1)
    assert len(call("GET", f"/deliveries?workflow_id={workflow}").json["items"]) == 2
    call("POST", f"/workflows/{workflow}/run", {"record_ids": ids[2:], "anyway": True})
    work(app)
    newest = call("GET", f"/deliveries?workflow_id={workflow}").json["items"][0]
    assert newest["record_id"] == ids[2]
    call("PUT", f"/workflows/{workflow}", {**document, "active": False})
    refused = call("POST", f"/workflows/{workflow}/run", {"record_ids": ids})
    assert refused.status_code == 422 and "switched off" in refused.json["error"]["fields"]["workflow"]
