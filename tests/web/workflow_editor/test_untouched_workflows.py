"""Opening a workflow's form and saving it untouched leaves the document as it is (specification section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.support.any_record import MODULE, add_fields
from tests.support.sent_form import sent_untouched
from webhookui.people import accounts, tokens

CONDITIONS: list[dict[str, Any]] = [
    {"field": "any_text", "operator": "contains", "value": "two\nlines"},
    {"field": "any_text", "operator": "is", "value": "two\nlines"},
    {"field": "any_text", "operator": "starts_with", "value": "  blanks before"},
    {"field": "any_text", "operator": "is_any_of", "value": ["one", "a, b", "c; d", '"quoted"']},
    {"field": "any_long_text", "operator": "is", "value": "\nfirst\n\nlast"},
    {"field": "any_datetime", "operator": "is", "value": "2026-10-25T00:30:15Z"},
    {"field": "any_datetime", "operator": "between", "value": ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]},
    {"field": "any_datetime", "operator": "after", "value": "2026-10-25"},
    {"field": "any_date", "operator": "between", "value": ["0001-01-01", "9999-12-31"]},
    {"field": "any_number", "operator": "is_any_of", "value": [1, "0.1234567890123456789"]},
    {"field": "any_currency", "operator": "at_least", "value": "9999999999999999999999.123456"},
    {"field": "any_checkbox", "operator": "is", "value": False},
    {"field": "any_picklist", "operator": "is_any_of", "value": ['A "quoted" one', "<b>&amp;"]},
    {"field": "any_multi_picklist", "operator": "is", "value": ["Plain", "back\\slash"]},
    {"field": "any_multi_picklist", "operator": "contains", "value": "Plain"},
    {"field": "any_email", "operator": "is", "value": "zoë@exämple.com"},
    {"field": "any_url", "operator": "is", "value": "https://example.com/a?b=1"},
    {"field": "any_user", "operator": "is", "value": 1},
    {"field": "any_date", "operator": "in_the_last_days", "value": 36_500},
    {"field": "any_date", "operator": "before", "value_field": "any_datetime"},
]

ACTION = {"type": "webhook", "title": "A", "url": "https://api.example.com/", "method": "POST", "content_type": "JSON"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("workflows")) as app:
        yield app


@pytest.fixture(scope="module")
def ann(app: Flask) -> FlaskClient:
    client = pages.admin(app)
    client.post("/account/profile", data={"name": "Ann", "time_zone": "Europe/Prague"})
    with app.extensions["webhookui"].db.write() as session:
        by = accounts.by_email(session, pages.ADMIN[0])
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {tokens.create(session, by, 'tests')}"
    add_fields(app.extensions["webhookui"].db, by)
    return client


def saved_untouched(ann: FlaskClient, document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The document before and after its form was opened and saved."""
    response = ann.post("/api/v1/workflows", json=document)
    assert response.status_code == 201, response.text
    number = response.json["id"]
    before = ann.get(f"/api/v1/workflows/{number}").json
    place = f"/settings/workflows/{number}"
    answer = ann.post(place, data=sent_untouched(ann.get(place).text, place))
    assert answer.status_code == 303, answer.text
    after = ann.get(f"/api/v1/workflows/{number}").json
    for state in (before, after):
        del state["version"], state["updated_at"]
    return before, after


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda value: f"{value['field']} {value['operator']}")
def test_a_condition_stays_as_it_is(ann: FlaskClient, condition: dict[str, Any]) -> None:
    criteria = {"all": [condition], "any": []}
    document = {"name": "W", "module": MODULE, "trigger": {"on": "create"}, "criteria": criteria, "actions": [ACTION]}
    before, after = saved_untouched(ann, document)
    assert after == before


def test_texts_of_several_lines_and_numbers_with_decimals_stay_as_they_are(ann: FlaskClient) -> None:
    action = {
        **ACTION, "title": "A\nB", "description": "x\ny\n", "timeout_s": 12.5, "rate_limit_per_s": 0.5,
        "parameters": [{"name": "p", "value": "\nfirst\nsecond "}, {"name": "q", "value": " "}],
        "success_if": {"type": "JSONPATH", "path": "$.a\n.b", "equals": "a\nb"},
    }  # fmt: skip
    document = {
        "name": "W\nX",
        "module": MODULE,
        "trigger": {"on": "create"},
        "description": "a\n\nb",
        "actions": [action],
    }
    before, after = saved_untouched(ann, document)
    assert after == before


def test_a_value_of_a_list_has_no_line_break(ann: FlaskClient) -> None:
    rows = [{"field": "any_text", "operator": "is_any_of", "value": ["one", "two\nlines"]}]
    document = {
        "name": "W",
        "module": MODULE,
        "trigger": {"on": "create"},
        "criteria": {"all": rows},
        "actions": [ACTION],
    }
    answer = ann.post("/api/v1/workflows", json=document)
    assert answer.json["error"]["fields"] == {"criteria.all.0.value.1": "A value in a list can't contain a line break."}
