"""What the API refuses: the shape of errors, who may call, what it does not understand (specification section 10)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.api.conftest import Call, caller
from webhookui.people import accounts


def error_of(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The error, once its status and shape are right."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    assert list(answer.json) == ["error"]
    error: dict[str, Any] = answer.json["error"]
    assert sorted(error) == ["code", "fields", "message"]
    assert error["code"] == code and error["message"].endswith(".")
    return error


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer whui_not-a-token", "whui_x"])
def test_without_a_known_token_nothing_is_told(app: Flask, header: str | None) -> None:
    headers = {"Authorization": header} if header is not None else {}
    answer = app.test_client().get("/api/v1/modules", headers=headers)
    error_of(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_browser_session_does_not_open_the_api(app: Flask) -> None:
    from tests.support import pages

    app.config["WTF_CSRF_ENABLED"] = False
    try:
        ann = pages.admin(app)
    finally:
        app.config["WTF_CSRF_ENABLED"] = True
    assert ann.get("/records/deals").status_code == 200
    error_of(ann.get("/api/v1/records/deals"), 401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/workflows", None),
        ("POST", "/workflows", {"name": "W", "module": "deals", "trigger": {"on": "create"}}),
        ("GET", "/workflows/1", None),
        ("PUT", "/workflows/1", {}),
        ("DELETE", "/workflows/1", None),
        ("POST", "/workflows/1/explain", {"record_id": 1}),
        ("GET", "/deliveries", None),
        ("GET", "/deliveries/1", None),
        ("POST", "/deliveries/1/redeliver", {"payload": "original"}),
    ],
)
def test_workflows_and_deliveries_are_for_admins(call_as_user: Call, method: str, path: str, body: Any) -> None:
    error_of(call_as_user(method, path, body), 403, "forbidden")


def test_records_and_modules_are_for_every_user(call_as_user: Call) -> None:
    assert call_as_user("GET", "/modules").status_code == 200
    answer = call_as_user("POST", "/records/deals", {"values": {"name": "Sam's deal"}})
    assert answer.status_code == 201
    assert call_as_user("DELETE", f"/records/deals/{answer.json['id']}").status_code == 204


def test_the_token_of_a_deactivated_user_stops_working_at_once(app: Flask, call: Call) -> None:
    gone = caller(app, "gone@example.com", "user")
    assert gone("GET", "/modules").status_code == 200
    with app.extensions["webhookui"].db.write() as session:
        ann = accounts.by_email(session, "ann@example.com")
        accounts.change_user(session, accounts.by_email(session, "gone@example.com"), active=False, by=ann)
    error_of(gone("GET", "/modules"), 401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/modules/planets"),
        ("GET", "/records/planets"),
        ("POST", "/records/planets"),
        ("GET", "/records/deals/999999"),
        ("PATCH", "/records/deals/999999"),
        ("DELETE", "/records/deals/999999"),
        ("GET", "/records/deals/99999999999999999999999"),
        ("GET", "/records/deals/x"),
        ("GET", "/workflows/999999"),
        ("PUT", "/workflows/999999"),
        ("DELETE", "/workflows/999999"),
        ("POST", "/workflows/999999/explain"),
        ("GET", "/deliveries/999999"),
        ("POST", "/deliveries/999999/redeliver"),
        ("GET", "/deliveries/99999999999999999999999"),
    ],
)
def test_what_is_not_there_is_404(call: Call, method: str, path: str) -> None:
    body = {"values": {}} if method in ("POST", "PATCH", "PUT") else None
    if path.endswith("explain"):
        body = {"record_id": 1}
    if path.endswith("redeliver"):
        body = {"payload": "original"}
    error_of(call(method, path, body), 404, "not_found")


def test_a_method_that_is_not_there_is_405_and_says_which_are(call: Call) -> None:
    answer = call("DELETE", "/records/deals")
    error_of(answer, 405, "method_not_allowed")
    assert {"GET", "POST"} <= set(answer.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("sent", "kind", "status", "code"),
    [
        (b"", "application/json", 400, "bad_request"),
        (b"{oops", "application/json", 400, "bad_request"),
        (b'{"values": {"amount": NaN}}', "application/json", 400, "bad_request"),
        (b"\xff\xfe", "application/json", 400, "bad_request"),
        (b"[" * 100_000, "application/json", 400, "bad_request"),
        (b"name=x", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"[]", "application/json", 422, "invalid"),
        (b'"text"', "application/json", 422, "invalid"),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(call: Call, sent: bytes, kind: str, status: int, code: str) -> None:
    error_of(call("POST", "/records/deals", data=sent, content_type=kind), status, code)


@pytest.mark.parametrize(
    ("method", "path", "body", "key"),
    [
        ("POST", "/records/deals", {"values": {"name": "x"}, "colour": 1}, "colour"),
        ("POST", "/records/deals", {}, "values"),
        ("POST", "/records/deals", {"values": []}, "values"),
        ("POST", "/records/deals", {"values": {"name": "x", "colour": 1}}, "values.colour"),
        ("GET", "/records/deals?colour=red", None, "colour"),
        ("GET", "/records/deals?filter[colour]=red", None, "filter[colour]"),
        ("GET", "/records/deals?filter=red", None, "filter"),
        ("GET", "/records/deals?sort=colour", None, "sort"),
        ("GET", "/records/deals?filter[amount]=many", None, "filter[amount]"),
        ("GET", "/records/deals?limit=0", None, "limit"),
        ("GET", "/records/deals?limit=201", None, "limit"),
        ("GET", "/records/deals?limit=many", None, "limit"),
        ("GET", "/records/deals?cursor=nonsense", None, "cursor"),
        ("GET", "/deliveries?colour=red", None, "colour"),
        ("GET", "/deliveries?status=done", None, "status"),
        ("GET", "/deliveries?workflow_id=x", None, "workflow_id"),
        ("GET", "/deliveries?workflow_id=99999999999999999999", None, "workflow_id"),
        ("GET", "/deliveries?since=yesterday", None, "since"),
        ("GET", "/deliveries?until=0001-01-01T00:00:00%2B23:00", None, "until"),
        ("GET", "/deliveries?test=maybe", None, "test"),
        ("GET", "/workflows?limit=x", None, "limit"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(call: Call, method: str, path: str, body: Any, key: str) -> None:
    error = error_of(call(method, path, body), 422, "invalid")
    assert list(error["fields"]) == [key]
    assert error["fields"][key].endswith(".")


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        (rb'{"values": {"name": "\ud800"}}', "values.name"),
        (rb'{"values": {"name": "x", "interests": ["Events", "a\u0000b"]}}', "values.interests.1"),
        (rb'{"values": {"a\u0000b": 1}}', "values.a\ufffdb"),
        (rb'"\udfff"', ""),
    ],
)
def test_characters_that_are_no_text_are_refused_at_their_path(call: Call, sent: bytes, path: str) -> None:
    error = error_of(call("POST", "/records/contacts", data=sent, content_type="application/json"), 422, "invalid")
    assert error["fields"] == {path: "This contains a character that can't be stored."}


def test_an_emoji_written_as_a_pair_of_escapes_is_text(call: Call) -> None:
    sent = rb'{"values": {"last_name": "\ud83d\ude00"}}'
    answer = call("POST", "/records/contacts", data=sent, content_type="application/json")
    assert answer.status_code == 201 and answer.json["name"] == "😀"


@pytest.mark.parametrize("q", ["a\0b", "100%", "_", "\\", "'", '"', "ß" * 300, "😀"])
def test_any_text_can_be_searched_for(call: Call, q: str) -> None:
    for path in ("/records/deals", "/deliveries"):
        assert call("GET", path, query_string={"q": q}).status_code in (200, 422)


def test_a_huge_body_is_refused(call: Call) -> None:
    answer = call("POST", "/records/deals", data=b" " * (17 * 1024 * 1024), content_type="application/json")
    error_of(answer, 413, "too_large")
