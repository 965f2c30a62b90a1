"""Fields through the API: custom ones, and labels and options of standard ones (specification section 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.api.conftest import Call

FIELDS = "/modules/invoices/fields"


def field(call: Call, name: str, module: str = "invoices") -> dict[str, Any]:
    return next(each for each in call("GET", f"/modules/{module}").json["fields"] if each["name"] == name)


def test_a_custom_field_is_made_changed_and_removed(call: Call) -> None:
    answer = call(
        "POST", FIELDS, {"label": "Sent by", "type": "picklist", "options": ["Post", "Mail"], "in_list": True}
    )
    assert answer.status_code == 201
    assert answer.json == {
        "name": "sent_by", "label": "Sent by", "type": "picklist", "required": False, "custom": True, "in_list": True,
        "options": ["Post", "Mail"], "retired_options": [], "module": None,
    }  # fmt: skip
    assert field(call, "sent_by") == answer.json
    answer = call("PATCH", f"{FIELDS}/sent_by", {"label": "Sent through", "required": True})
    assert answer.status_code == 200
    assert (
        answer.json["label"] == "Sent through"
        and answer.json["required"]
        and answer.json["options"] == ["Post", "Mail"]
    )
    assert call("DELETE", f"{FIELDS}/sent_by").status_code == 204
    assert call("DELETE", f"{FIELDS}/sent_by").status_code == 404
    answer = call("POST", FIELDS, {"label": "Case", "type": "reference", "module": "cases"})
    assert answer.status_code == 201 and answer.json["module"] == "cases"


def test_options_of_a_standard_field_are_renamed_added_and_retired(call: Call) -> None:
    invoice = call("POST", "/records/invoices", {"values": {"number": "1", "status": "Overdue"}}).json["id"]
    paid = call("POST", "/records/invoices", {"values": {"number": "2", "status": "Paid"}}).json["id"]
    answer = call("PATCH", f"{FIELDS}/status", {
        "label": "State", "options": ["Draft", "Sent", "Settled", "Disputed"], "rename_options": {"Paid": "Settled"},
    })  # fmt: skip
    assert answer.status_code == 200
    assert answer.json["options"] == ["Draft", "Sent", "Settled", "Disputed"], "the order is the one that was sent"
    assert answer.json["retired_options"] == ["Overdue"], "Cancelled, which no record has, is gone"
    assert call("GET", f"/records/invoices/{paid}").json["values"]["status"] == "Settled"
    assert call("GET", f"/records/invoices/{invoice}").json["values"]["status"] == "Overdue"
    assert call("PATCH", f"/records/invoices/{paid}", {"values": {"status": "Disputed"}}).status_code == 200
    refused = call("PATCH", f"/records/invoices/{paid}", {"values": {"status": "Overdue"}})
    assert refused.status_code == 422 and "is not one of" in refused.json["error"]["fields"]["values.status"]
    answer = call("PATCH", f"{FIELDS}/status", {"rename_options": {"Settled": "Paid"}})
    assert answer.json["options"] == ["Draft", "Sent", "Paid", "Disputed"], "without options the others stay"
    assert answer.json["label"] == "State"


REFUSED: Mapping[str, tuple[str, str, Any, str, str]] = {
    "no label": ("POST", "", {"label": " ", "type": "text"}, "label", "Enter a label"),
    "no type": ("POST", "", {"label": "A"}, "type", "required"),
    "a type that is none": ("POST", "", {"label": "A", "type": "colour"}, "type", "Choose a type"),
    "a key that is none": ("POST", "", {"label": "A", "type": "text", "colour": 1}, "colour", "no key"),
    "a module that is none": ("POST", "", {"label": "A", "type": "reference", "module": "planets"}, "module", "Choose"),
    "options that are no list": (
        "POST",
        "",
        {"label": "A", "type": "picklist", "options": "A"},
        "options",
        "list of texts",
    ),
    "a flag that is none": ("POST", "", {"label": "A", "type": "text", "required": "yes"}, "required", "true or false"),
    "an option twice": ("PATCH", "/amount_kind", {"options": ["A", "a"]}, "options", "twice"),
    "no options": ("PATCH", "/amount_kind", {"options": []}, "options", "at least one"),
    "a rename of nothing": ("PATCH", "/amount_kind", {"rename_options": {"X": "Y"}}, "rename_options", "no option “X”"),
    "a rename to nothing": ("PATCH", "/amount_kind", {"rename_options": {"Net": ""}}, "rename_options", "an object"),
    "a standard field's own": ("PATCH", "/status", {"required": True}, "required", "keeps this"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_is_refused_at_its_place(call: Call, case: str) -> None:
    if not any(each["name"] == "amount_kind" for each in call("GET", "/modules/invoices").json["fields"]):
        call("POST", FIELDS, {"label": "Amount kind", "type": "picklist", "options": ["Net", "Gross"]})
    before = call("GET", "/modules/invoices").json
    method, path, body, place, words = REFUSED[case]
    answer = call(method, FIELDS + path, body)
    assert answer.status_code == 422 and words in answer.json["error"]["fields"][place], answer.json
    assert call("GET", "/modules/invoices").json == before


def test_what_is_not_there_is_404_and_users_change_nothing(call: Call, call_as_user: Call) -> None:
    assert call("PATCH", f"{FIELDS}/nothing", {"label": "A"}).status_code == 404
    assert call("POST", "/modules/planets/fields", {"label": "A", "type": "text"}).status_code == 404
    assert call("DELETE", f"{FIELDS}/amount").status_code == 404, "a standard field stays"
    for method, path in (("POST", FIELDS), ("PATCH", f"{FIELDS}/status"), ("DELETE", f"{FIELDS}/status")):
        assert call_as_user(method, path, {"label": "A", "type": "text"}).status_code == 403
