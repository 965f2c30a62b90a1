"""The form's draft ↔ the workflow document: nothing is lost either way (specification sections 3, 4 and 10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from webhookui.web.workflow_editor.form_tree import edit_rows, nest
from webhookui.web.workflow_editor.workflow_draft import (
    at_old_places,
    document_of,
    draft_of_document,
    draft_of_form,
    new_draft,
    without_blank_rows,
    workflow_draft,
)

DOCUMENT: dict[str, Any] = {
    "name": "Invoice closed deals",
    "description": "Two\nlines",
    "module": "deals",
    "active": False,
    "related_modules": ["contacts", "tasks"],
    "trigger": {"on": "create_or_update", "recurrence": "first_time"},
    "criteria": {
        "all": [
            {"field": "stage", "operator": "has_changed_to", "value": "Closed Won"},
            {"field": "amount", "operator": "between", "value": ["10", "20"]},
            {"field": "close_date", "operator": "before", "value_field": "created"},
            {"field": "name", "operator": "is_any_of", "value": ["a, b", "c"]},
            {"field": "name", "operator": "is_empty"},
        ],
        "any": [{"field": "contact.email", "operator": "contains", "value": "@example.com"}],
    },
    "actions": [
        {
            "type": "webhook",
            "id": 7,
            "title": "Create invoice",
            "description": "",
            "url": "https://api.example.com/{{ record.id }}",
            "method": "PUT",
            "content_type": "XML",
            "authorization": {"type": "api_key", "in": "query", "name": "key", "value": None},
            "headers": [{"name": "X-Source", "value": "crm"}],
            "parameters": [
                {"name": "a.b", "value": "{{ amount }}", "type": "number", "required": True, "omit_empty": False},
                {"name": "c", "value": "x\ny", "type": "auto", "required": False, "omit_empty": True},
            ],
            "related": [
                {
                    "module": "contacts",
                    "key": "contact",
                    "parameters": [
                        {"name": "e", "value": "{{ email }}", "type": "auto", "required": False, "omit_empty": False}
                    ],
                }
            ],
            "capture": {
                "type": "XPATH",
                "on_success": [{"path": "//a:id", "field": "invoice_id", "all": True}],
                "on_failure": [],
                "namespaces": {"a": "urn:a"},
            },
            "timeout_s": 30,
            "xml_root": "invoice",
            "signing": {"secret": None},
            "drop_stale_retries": True,
            "success_if": {"type": "XPATH", "path": "//ok", "equals": None},
            "rate_limit_per_s": 5,
            "follow_redirects": True,
        }
    ],
}


def fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """What a browser sends of a form that shows the draft."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            if path == "related_modules" or path.endswith("weekdays"):
                yield f"{path}[]", inner
            else:
                yield from fields(inner, f"{path}.{position}")
    elif value is True:
        yield path, "1"
    elif value is not False:
        yield path, value.replace("\n", "\r\n")


def test_a_document_survives_the_way_through_draft_and_form() -> None:
    draft = draft_of_document(DOCUMENT)
    posted = draft_of_form(MultiDict(list(fields(draft))))
    assert posted == draft
    assert document_of(posted) == DOCUMENT


def test_the_draft_of_a_new_workflow_posts_to_itself() -> None:
    draft = new_draft("deals", "Europe/Prague")
    assert draft_of_form(MultiDict(list(fields(draft)))) == draft


def test_parts_that_are_switched_off_stay_in_the_draft_and_out_of_the_document() -> None:
    draft = draft_of_document(DOCUMENT)
    action = draft["actions"][0]
    action["capture"]["on"] = action["related_on"] = action["signing"]["on"] = False
    posted = draft_of_form(MultiDict(list(fields(draft))))
    assert posted["actions"][0]["capture"]["on_success"][0]["path"] == "//a:id"
    document = document_of(posted)["actions"][0]
    assert (document["capture"], document["related"], document["signing"]) == (None, [], False)


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("hour", {"at": "02:30"}),
        ("day", {"at": "02:30"}),
        ("week", {"at": "02:30", "weekdays": ["1", "5"]}),
        ("month", {"at": "02:30", "day": 31}),
        ("year", {"at": "02:30", "month": 12, "day": 31}),
        ("once", {"at": "02:30", "date": "2026-12-31"}),
    ],
)
def test_a_schedule_has_the_keys_of_its_kind(every: str, expected: dict[str, Any]) -> None:
    draft = new_draft("deals")
    draft["trigger"]["on"] = "schedule"
    draft["trigger"]["schedule"] = {
        "every": every, "at": "02:30", "weekdays": ["1", "5"], "day": "31", "month": "12", "date": "2026-12-31",
        "time_zone": "Europe/Prague",
    }  # fmt: skip
    schedule = document_of(draft)["trigger"]["schedule"]
    assert schedule == {"every": every, "time_zone": "Europe/Prague", **expected}


def test_what_is_no_number_goes_to_the_check_as_it_was_typed() -> None:
    draft = draft_of_document(DOCUMENT)
    draft["actions"][0]["timeout_s"] = "soon"
    assert document_of(draft)["actions"][0]["timeout_s"] == "soon"


def test_secrets_of_a_document_are_not_taken_into_the_draft() -> None:
    document = {
        **DOCUMENT,
        "actions": [{**DOCUMENT["actions"][0], "authorization": {"type": "bearer", "token": "T0P"}}],
    }
    assert "T0P" not in str(draft_of_document(document))


def test_rows_that_nobody_typed_into_are_dropped_and_errors_find_their_old_rows() -> None:
    draft = draft_of_document(DOCUMENT)
    parameters = draft["actions"][0]["parameters"]
    blank = {**parameters[0], "name": "", "value": ""}
    draft["actions"][0]["parameters"] = [blank, parameters[0], blank, parameters[1]]
    kept, moved = without_blank_rows(draft)
    assert kept["actions"][0]["parameters"] == parameters
    errors = at_old_places({"actions.0.parameters.1.name": "x", "name": "y"}, moved)
    assert errors == {"actions.0.parameters.3.name": "x", "name": "y"}


def test_a_condition_without_a_value_is_not_a_blank_row() -> None:
    draft = workflow_draft({"criteria": {"all": [{"field": "stage", "operator": "is"}]}})
    assert len(without_blank_rows(draft)[0]["criteria"]["all"]) == 1


@pytest.mark.parametrize(
    ("command", "names", "where"),
    [
        ("add:rows", ["a", "b", "c", ""], "rows.3"),
        ("remove:rows.1", ["a", "c"], "rows"),
        ("up:rows.2", ["a", "c", "b"], "rows.1"),
        ("down:rows.0", ["b", "a", "c"], "rows.1"),
        ("up:rows.0", ["a", "b", "c"], "rows.0"),
        ("down:rows.2", ["a", "b", "c"], "rows.2"),
        ("remove:rows.9", ["a", "b", "c"], ""),
        ("add:nowhere", ["a", "b", "c"], ""),
        ("dance:rows.1", ["a", "b", "c"], "rows.1"),
    ],
)
def test_row_buttons_work_without_a_script(command: str, names: list[str], where: str) -> None:
    draft = {"rows": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}
    assert edit_rows(draft, command) == where
    assert [row.get("name", "") for row in draft["rows"]] == names


def test_gaps_between_rows_close_up_in_the_order_of_their_numbers() -> None:
    assert nest([("rows.10.name", ["b"]), ("rows.9.name", ["a"])]) == {"rows": [{"name": "a"}, {"name": "b"}]}


paths = st.lists(st.sampled_from(["a", "b", "0", "1", "actions", "parameters", "criteria", "all", ""]), max_size=5)


@given(st.lists(st.tuples(paths.map(".".join), st.lists(st.text(max_size=3), max_size=2)), max_size=12))
def test_no_made_up_form_breaks_the_draft(form: list[tuple[str, list[str]]]) -> None:
    document_of(without_blank_rows(workflow_draft(nest(form)))[0])
