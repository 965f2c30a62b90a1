"""Workflows through the API: the document of specification section 10, and why one would or would not fire."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from tests.api.conftest import Call
from tests.api.test_errors import error_of
from tests.api.test_records import create_record
from tests.test_main_job import document as example

URL = "https://api.example.com"


def document(**changes: Any) -> dict[str, Any]:
    return example(URL) | changes


def created(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    answer = call("POST", "/workflows", sent)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json
    return document


def test_the_example_is_saved_and_given_back_without_its_secrets(call: Call) -> None:
    answer = call("POST", "/workflows", document())
    assert answer.status_code == 201
    workflow = answer.json
    assert answer.headers["Location"].endswith(f"/api/v1/workflows/{workflow['id']}")
    expected = document()
    expected["actions"][0]["authorization"]["password"] = None
    for key, value in expected.items():
        if key != "actions":
            assert workflow[key] == value, key
    action = dict(workflow["actions"][0])
    assert isinstance(action.pop("id"), int)
    for key, value in expected["actions"][0].items():
        if key not in ("related", "capture"):
            assert action[key] == value, key
    assert action["related"][0]["parameters"][0]["value"] == "{{ email }}"
    assert action["capture"]["on_failure"] == expected["actions"][0]["capture"]["on_failure"]
    assert {"success_if": None, "rate_limit_per_s": None, "follow_redirects": False}.items() <= action.items()
    assert call("GET", f"/workflows/{workflow['id']}").json == workflow
    assert workflow["version"] == 1


def test_what_is_left_out_gets_its_default(call: Call) -> None:
    sent = {"name": "Short", "module": "contacts", "trigger": {"on": "create"}}
    workflow = created(call, sent | {"actions": [{"type": "webhook", "title": "T", "url": URL}]})
    assert workflow["active"] is True and workflow["description"] == "" and workflow["related_modules"] == []
    assert workflow["trigger"]["recurrence"] == "every_time"
    assert workflow["criteria"] == {"all": [], "any": []}
    action = workflow["actions"][0]
    assert (action["method"], action["content_type"], action["timeout_s"]) == ("POST", "JSON", 10)
    assert action["authorization"] == {"type": "none"} and action["xml_root"] == "root" and action["signing"] is False
    assert action["drop_stale_retries"] is False and action["parameters"] == [] and action["headers"] == []


def test_an_answer_can_be_put_back_as_it_came_and_its_secrets_stay(call: Call) -> None:
    workflow = created(call, document())
    path = f"/workflows/{workflow['id']}"
    answer = call("PUT", path, workflow)
    assert answer.status_code == 200, answer.text
    same = {key: value for key, value in answer.json.items() if key not in ("version", "updated_at")}
    assert same == {key: value for key, value in workflow.items() if key not in ("version", "updated_at")}
    moved = deepcopy(answer.json)
    moved["actions"][0]["url"] = "https://elsewhere.example.com/x"
    error = error_of(call("PUT", path, moved), 422, "invalid")
    assert "again" in error["fields"]["actions.0.authorization.password"]


def test_a_version_that_has_moved_is_refused_and_none_means_as_it_is(call: Call) -> None:
    workflow = created(call, document())
    path = f"/workflows/{workflow['id']}"
    assert call("PUT", path, workflow | {"name": "First"}).json["version"] == 2
    error = error_of(call("PUT", path, workflow | {"name": "Second"}), 409, "conflict")
    assert "version" in error["fields"]
    without = {key: value for key, value in workflow.items() if key != "version"}
    assert call("PUT", path, without | {"name": "Third"}).json["version"] == 3


def test_a_signing_secret_that_is_made_is_shown_once(call: Call) -> None:
    sent = document()
    sent["actions"][0]["signing"] = {}
    workflow = created(call, sent)
    assert workflow["actions"][0]["signing"]["secret"].startswith("whsec_")
    again = call("GET", f"/workflows/{workflow['id']}").json
    assert again["actions"][0]["signing"] == {"secret": None}
    sent["actions"][0]["signing"] = {"secret": "too short"}
    error = error_of(call("POST", "/workflows", sent), 422, "invalid")
    assert list(error["fields"]) == ["actions.0.signing.secret"]


def test_the_list_goes_by_cursor_and_a_deleted_workflow_is_gone(call: Call) -> None:
    mine = [created(call, document(name=f"Listed {number}"))["id"] for number in range(3)]
    seen: list[int] = []
    cursor = ""
    while True:
        page = call("GET", f"/workflows?limit=2{cursor}").json
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == sorted(set(seen)) and set(mine) <= set(seen)
    assert call("DELETE", f"/workflows/{mine[0]}").status_code == 204
    error_of(call("GET", f"/workflows/{mine[0]}"), 404, "not_found")
    error_of(call("DELETE", f"/workflows/{mine[0]}"), 404, "not_found")
    assert mine[0] not in [item["id"] for item in call("GET", "/workflows?limit=200").json["items"]]


def at(path: str, value: Any) -> dict[str, Any]:
    """The example with another value at the path."""
    sent = document()
    *way, last = path.split(".")
    place: Any = sent
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if isinstance(place, list):
        place.insert(int(last), value)
    else:
        place[last] = value
    return sent


PARAMETER = {"name": "n", "value": "1"}
BAD: list[tuple[str, Any, str, str]] = [
    ("name", "", "name", "name"),
    ("name", 7, "name", "text"),
    ("name", "x" * 201, "name", "200"),
    ("module", "planets", "module", "planets"),
    ("module", None, "module", "module"),
    ("active", "yes", "active", "true or false"),
    ("colour", 1, "colour", "“colour”"),
    ("related_modules", ["leads"], "related_modules.0", "not related"),
    ("related_modules", "contacts", "related_modules", "list"),
    ("trigger.on", "never", "trigger.on", "never"),
    ("trigger.recurrence", "twice", "trigger.recurrence", "twice"),
    ("trigger.colour", 1, "trigger.colour", "“colour”"),
    ("trigger", {"on": "schedule"}, "trigger.schedule", ""),
    ("trigger", {"on": "schedule", "schedule": {"every": "hour"}}, "trigger.on", "do not run yet"),
    ("criteria.colour", [], "criteria.colour", "“colour”"),
    ("criteria.all.0.field", "colour", "criteria.all.0.field", "“colour”"),
    ("criteria.all.0.operator", "resembles", "criteria.all.0.operator", "resembles"),
    ("criteria.all.0.operator", "less_than", "criteria.all.0.operator", "does not fit"),
    ("criteria.all.0.value", "", "criteria.all.0.value", "needs a value"),
    ("criteria.all.0.value", "Won", "criteria.all.0.value", "not one of"),
    ("criteria.all.0.value_field", "amount", "criteria.all.0.value_field", "not both"),
    ("criteria.any.0", {"field": "close_date", "operator": "before", "value": "soon"}, "criteria.any.0.value", "not a date"),
    ("criteria.any.0", "text", "criteria.any.0", "object"),
    ("actions", [{"type": "webhook", "title": "t", "url": URL}] * 4, "actions", "at most 3"),
    ("actions.0.colour", 1, "actions.0.colour", "“colour”"),
    ("actions.0.type", "mail", "actions.0.type", "mail"),
    ("actions.0.title", "", "actions.0.title", "title"),
    ("actions.0.url", "", "actions.0.url", "URL"),
    ("actions.0.url", "ftp://x.example.com/", "actions.0.url", "http"),
    ("actions.0.url", "https://x.example.com/{{ nothing }}", "actions.0.url", "nothing"),
    ("actions.0.url", "https://x.example.com/{{ name", "actions.0.url", ""),
    ("actions.0.method", "HEAD", "actions.0.method", "HEAD"),
    ("actions.0.content_type", "YAML", "actions.0.content_type", "YAML"),
    ("actions.0.authorization.type", "magic", "actions.0.authorization.type", "magic"),
    ("actions.0.authorization.password", None, "actions.0.authorization.password", "Enter the password"),
    ("actions.0.authorization.realm", "x", "actions.0.authorization.realm", "“realm”"),
    ("actions.0.headers.0", {"name": "X Y", "value": ""}, "actions.0.headers.0.name", "not a valid header name"),
    ("actions.0.headers.0", {"name": "Host", "value": "x"}, "actions.0.headers.0.name", "can't be set"),
    ("actions.0.headers.0", {"name": "X", "value": "a\r\nB: c"}, "actions.0.headers.0.value", "line break"),
    ("actions.0.parameters.1", {"name": "", "value": "1"}, "actions.0.parameters.1.name", "name"),
    ("actions.0.parameters.1", PARAMETER | {"colour": 1}, "actions.0.parameters.1.colour", "“colour”"),
    ("actions.0.parameters.1", PARAMETER | {"type": "date"}, "actions.0.parameters.1.type", "date"),
    ("actions.0.parameters.1", PARAMETER | {"value": "{{ amout }}"}, "actions.0.parameters.1.value", "amout"),
    ("actions.0.parameters.1", PARAMETER | {"value": "abc", "type": "number"}, "actions.0.parameters.1.value", "is not a number"),
    ("actions.0.parameters.1", PARAMETER | {"value": "{{ name | round(1) }}"}, "actions.0.parameters.1.value", "can't be filled"),
    ("actions.0.parameters.1", PARAMETER | {"required": 1}, "actions.0.parameters.1.required", "true or false"),
    ("actions.0.parameters.1", PARAMETER | {"name": "invoice"}, "actions.0.parameters.1.name", "invoice"),
    ("actions.0.parameters.1", PARAMETER | {"name": "invoice.lines.2.x"}, "actions.0.parameters.1.name", ""),
    ("actions.0.parameters.1", PARAMETER | {"name": "invoice.lines.0.amount"}, "actions.0.parameters.1.name", "amount"),
    ("actions.0.parameters", {"name": "x"}, "actions.0.parameters", "list"),
    ("actions.0.related.0.module", "cases", "actions.0.related.0.module", "step 1"),
    ("actions.0.related.0.parameters.0.value", "{{ stage }}", "actions.0.related.0.parameters.0.value", "stage"),
    ("actions.0.related.0.colour", 1, "actions.0.related.0.colour", "“colour”"),
    ("actions.0.capture.type", "REGEX", "actions.0.capture.type", "REGEX"),
    ("actions.0.capture.on_success.0.path", "$.[", "actions.0.capture.on_success.0.path", "olumn"),
    ("actions.0.capture.on_success.0.field", "colour", "actions.0.capture.on_success.0.field", "colour"),
    ("actions.0.timeout_s", 61, "actions.0.timeout_s", "60"),
    ("actions.0.timeout_s", 0, "actions.0.timeout_s", "1"),
    ("actions.0", {"title": "t", "url": URL, "content_type": "XML", "xml_root": "a b"}, "actions.0.xml_root", "XML"),
    ("actions.0.rate_limit_per_s", 0, "actions.0.rate_limit_per_s", "number"),
    ("actions.0.signing", "yes", "actions.0.signing", ""),
    ("actions.0.success_if", {"type": "JSONPATH", "path": "$.["}, "actions.0.success_if.path", ""),
    ("actions.0.follow_redirects", "no", "actions.0.follow_redirects", "true or false"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "place", "words"), BAD)
def test_what_can_not_be_saved_is_told_at_its_path(call: Call, path: str, value: Any, place: str, words: str) -> None:
    before = len(call("GET", "/workflows?limit=200").json["items"])
    error = error_of(call("POST", "/workflows", at(path, value)), 422, "invalid")
    assert place in error["fields"], error["fields"]
    assert words in error["fields"][place]
    assert len(call("GET", "/workflows?limit=200").json["items"]) == before


@pytest.mark.parametrize("body", [[], "text", 7, None, True])
def test_a_body_that_is_no_workflow_is_refused(call: Call, body: Any) -> None:
    if body is None:
        answer = call("POST", "/workflows", data=b"null", content_type="application/json")
    else:
        answer = call("POST", "/workflows", body)
    assert "object" in error_of(answer, 422, "invalid")["fields"][""]


def test_six_related_modules_are_one_too_many(call: Call) -> None:
    modules = ["organizations", "leads", "deals", "cases", "invoices", "tasks"]
    sent = document(module="contacts", related_modules=modules, criteria={"all": [], "any": []})
    related = [{"module": name, "parameters": [{"name": "n", "value": "{{ record.id }}"}]} for name in modules]
    sent["actions"] = [{"type": "webhook", "title": "t", "url": URL, "related": related}]
    error = error_of(call("POST", "/workflows", sent), 422, "invalid")
    assert "At most 5" in error["fields"]["actions.0.related"]
    sent["actions"][0]["related"].pop()
    assert created(call, sent)["actions"][0]["related"][0]["key"] == "organizations"


# ---- why it would or would not fire -----------------------------------------------------------------------------------


def test_explain_tells_each_condition_with_the_value_it_saw(call: Call) -> None:
    workflow = created(call, document(name="Explained"))
    path = f"/workflows/{workflow['id']}/explain"
    deal = create_record(call, "deals", name="Explained", stage="Proposal")
    explained = call("POST", path, {"record_id": deal["id"]})
    assert explained.status_code == 200, explained.text
    assert explained.json["fires"] is False
    condition = explained.json["conditions"][0]
    assert condition["held"] is False and "Proposal" in str(condition)
    assert [check["name"] for check in explained.json["checks"] if not check["held"]] == ["all"]
    assert explained.json["stopped_by"] == "all"
    call("PATCH", f"/records/deals/{deal['id']}", {"values": {"stage": "Closed Won"}})
    after = call("POST", path, {"record_id": deal["id"]}).json
    assert after["fires"] is True and after["stopped_by"] is None and len(after["delivery_ids"]) == 1
    assert (after["version"], after["latest"]) == (1, True)
    call("PUT", f"/workflows/{workflow['id']}", workflow | {"active": False})
    past = call("POST", path, {"record_id": deal["id"]}).json
    assert (past["fires"], past["stopped_by"], past["version"], past["latest"]) == (True, None, 1, False), (
        "as it was then"
    )
    call("PATCH", f"/records/deals/{deal['id']}", {"values": {"stage": "Proposal"}})
    now = call("POST", path, {"record_id": deal["id"]}).json
    assert (now["stopped_by"], now["version"], now["latest"]) == ("active", 2, True)
    call("DELETE", f"/workflows/{workflow['id']}")
    body = {"record_id": deal["id"], "change_id": after["change_id"]}
    assert call("POST", path, body).json["delivery_ids"] == after["delivery_ids"], "of a deleted workflow too"
    assert call("POST", path, body).json["fires"] is True


@pytest.mark.parametrize(
    ("body", "path"),
    [({}, "record_id"), ({"record_id": "x"}, "record_id"), ({"record_id": 999999}, "record_id"),
     ({"record_id": 10**30}, "record_id"), ({"record_id": 1, "change_id": 999999}, "change_id"),
     ({"record_id": 1, "change_id": "x"}, "change_id"), ({"record_id": 1, "colour": 1}, "colour")],
)  # fmt: skip
def test_explain_names_what_is_wrong(call: Call, body: Any, path: str) -> None:
    workflow = created(call, document())
    error = error_of(call("POST", f"/workflows/{workflow['id']}/explain", body), 422, "invalid")
    assert list(error["fields"]) == [path]


def test_a_deleted_workflow_leaves_its_deliveries_in_the_log(call: Call) -> None:
    workflow = created(call, document(name="Goes away"))
    deal = create_record(call, "deals", name="Stays", stage="New", amount="1.00")
    call("PATCH", f"/records/deals/{deal['id']}", {"values": {"stage": "Closed Won"}})
    assert call("DELETE", f"/workflows/{workflow['id']}").status_code == 204
    deliveries = call("GET", f"/deliveries?workflow_id={workflow['id']}").json["items"]
    assert [(delivery["workflow"], delivery["record_id"], delivery["status"]) for delivery in deliveries] == [
        ("Goes away", deal["id"], "failed")
    ]
