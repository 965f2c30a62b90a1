"""Records through the API (specification section 10)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.api.conftest import Call
from tests.api.test_errors import error_of
from webhookui.core import exact_json


def create_record(call: Call, module: str, **values: Any) -> dict[str, Any]:
    answer = call("POST", f"/records/{module}", {"values": values})
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = exact_json.loads(answer.data)
    return record


def items(call: Call, path: str, **query: str) -> list[dict[str, Any]]:
    answer = call("GET", path, query_string=query)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = exact_json.loads(answer.data)["items"]
    return items


# ---- modules ----------------------------------------------------------------------------------------------------------

STANDARD = {
    "contacts": {"first_name", "last_name", "email", "phone", "organization"},
    "organizations": {"name", "website"},
    "deals": {"name", "amount", "stage", "close_date", "contact", "organization"},
    "cases": {"title", "status", "priority", "contact"},
    "leads": {"first_name", "last_name", "company", "email", "status"},
    "invoices": {"number", "amount", "status", "due_date", "contact", "deal", "organization"},
    "tasks": {"subject", "status", "due_date", "contact", "deal"},
}


def test_modules_have_the_names_that_callers_rely_on(call: Call) -> None:
    modules = {item["name"]: item for item in items(call, "/modules")}
    assert set(modules) == set(STANDARD)
    for name, expected in STANDARD.items():
        fields = {field["name"]: field for field in modules[name]["fields"]}
        assert expected | {"owner", "description"} <= set(fields)
        assert fields["description"]["type"] == "long_text"
        assert call("GET", f"/modules/{name}").json == modules[name]


def test_a_module_tells_types_options_and_relations(call: Call) -> None:
    deals = call("GET", "/modules/deals").json
    fields = {field["name"]: field for field in deals["fields"]}
    assert fields["stage"]["options"] == ["New", "Qualifying", "Proposal", "Negotiation", "Closed Won", "Closed Lost"]
    assert fields["amount"] == {
        "name": "amount", "label": "Amount", "type": "currency", "required": False, "custom": False, "options": [],
        "retired_options": [], "in_list": True, "module": None,
    }  # fmt: skip
    assert fields["contact"]["module"] == "contacts"
    assert {"module": "contacts", "label": "Contact", "field": "contact", "kind": "to_one"} in deals["relations"]
    assert {"module": "tasks", "label": "Tasks", "field": "deal", "kind": "to_many"} in deals["relations"]
    contacts = call("GET", "/modules/contacts").json
    assert len({relation["module"] for relation in contacts["relations"]}) >= 6


def test_modules_have_pages_like_every_list(call: Call) -> None:
    first = call("GET", "/modules?limit=5").json
    assert len(first["items"]) == 5
    rest = call("GET", f"/modules?limit=5&cursor={first['next_cursor']}").json
    assert rest["next_cursor"] is None
    assert len({item["name"] for item in first["items"] + rest["items"]}) == 7


# ---- one record -------------------------------------------------------------------------------------------------------


def test_a_record_is_created_read_changed_and_deleted(call: Call) -> None:
    answer = call("POST", "/records/deals", {"values": {"name": "Big deal", "amount": "12500.50"}})
    assert answer.status_code == 201
    record = exact_json.loads(answer.data)
    assert {key: record[key] for key in ("module", "version", "name")} == {
        "module": "deals", "version": 1, "name": "Big deal",
    }  # fmt: skip
    assert record["values"]["amount"] == Decimal("12500.50") and b"12500.50" in answer.data
    assert record["values"]["stage"] == "New", "fields start with their default"
    assert record["values"]["close_date"] is None
    path = f"/records/deals/{record['id']}"
    assert answer.headers["Location"].endswith("/api/v1" + path)
    assert exact_json.loads(call("GET", path).data) == record
    changed = call("PATCH", path, {"values": {"stage": "Closed Won"}, "version": 1})
    assert changed.status_code == 200 and changed.json["version"] == 2
    assert changed.json["values"] == exact_json.loads(call("GET", path).data)["values"]
    assert changed.json["values"]["name"] == "Big deal", "what is not given stays"
    deleted = call("DELETE", path)
    assert deleted.status_code == 204 and deleted.data == b""
    error_of(call("GET", path), 404, "not_found")


def test_a_record_of_another_module_is_not_found_under_this_one(call: Call) -> None:
    deal = create_record(call, "deals", name="Here")
    error_of(call("GET", f"/records/contacts/{deal['id']}"), 404, "not_found")


def test_a_change_needs_no_version_and_one_that_has_moved_is_refused(call: Call) -> None:
    deal = create_record(call, "deals", name="Moves")
    path = f"/records/deals/{deal['id']}"
    assert call("PATCH", path, {"values": {"next_step": "Call"}}).json["version"] == 2
    answer = call("PATCH", path, {"values": {"next_step": "Write"}, "version": 1})
    error = error_of(answer, 409, "conflict")
    assert set(error["fields"]) == {"version", "values.next_step"}
    assert "version 2" in error["message"]
    assert call("GET", path).json["values"]["next_step"] == "Call"
    assert call("PATCH", path, {"values": {"next_step": "Write"}, "version": 2}).json["version"] == 3
    assert call("PATCH", path, {"values": {"next_step": "Write"}, "version": None}).json["version"] == 3


@pytest.mark.parametrize("version", ["1", True, 1.5, []])
def test_a_version_that_is_no_number_is_refused(call: Call, version: Any) -> None:
    deal = create_record(call, "deals", name="V")
    error = error_of(call("PATCH", f"/records/deals/{deal['id']}", {"values": {}, "version": version}), 422, "invalid")
    assert list(error["fields"]) == ["version"]


BAD = [
    ("deals", {}, "name", "required"),
    ("deals", {"name": "x", "amount": "a lot"}, "amount", "not a number"),
    ("deals", {"name": "x", "amount": True}, "amount", "not a number"),
    ("deals", {"name": "x", "amount": "1e400"}, "amount", "digits"),
    ("deals", {"name": "x", "amount": ["1"]}, "amount", "not a number"),
    ("deals", {"name": "x", "stage": "Won"}, "stage", "not one of"),
    ("deals", {"name": "x", "close_date": "31.12.2026"}, "close_date", "not a date"),
    ("deals", {"name": "x", "close_date": "2026-02-30"}, "close_date", "not a date"),
    ("deals", {"name": "x", "contact": 999999}, "contact", "no record"),
    ("deals", {"name": "x", "contact": "Ada"}, "contact", "id"),
    ("deals", {"name": "x", "contact": 10**30}, "contact", "id"),
    ("deals", {"name": "x", "owner": 999999}, "owner", "no user"),
    ("deals", {"name": {"a": 1}}, "name", "text"),
    ("deals", {"name": "x" * 1001}, "name", "1000"),
    ("contacts", {"last_name": "x", "email": "nobody"}, "email", "not an e-mail"),
    ("contacts", {"last_name": "x", "interests": ["Golf"]}, "interests", "not one of"),
    ("contacts", {"last_name": "x", "do_not_call": "maybe"}, "do_not_call", "yes or no"),
    ("organizations", {"name": "x", "website": "javascript:alert(1)"}, "website", "not a web address"),
    ("organizations", {"name": "x", "website": "mailto:a@b.example"}, "website", "not a web address"),
    ("organizations", {"name": "x", "website": "example.com:port"}, "website", "not a web address"),
    ("organizations", {"name": "x", "website": "https://"}, "website", "not a web address"),
    ("cases", {"title": "x", "due_at": "soon"}, "due_at", "not a time"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "values", "field", "words"), BAD)
def test_a_value_that_can_not_be_is_refused_at_its_path(
    call: Call, module: str, values: dict[str, Any], field: str, words: str
) -> None:
    error = error_of(call("POST", f"/records/{module}", {"values": values}), 422, "invalid")
    assert list(error["fields"]) == [f"values.{field}"]
    assert words in error["fields"][f"values.{field}"]


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_saved(call: Call) -> None:
    deal = create_record(call, "deals", name="Kept", amount="1.00")
    path = f"/records/deals/{deal['id']}"
    answer = call("PATCH", path, {"values": {"name": "", "amount": "x", "next_step": "fine"}})
    error = error_of(answer, 422, "invalid")
    assert set(error["fields"]) == {"values.name", "values.amount"}
    assert exact_json.loads(call("GET", path).data) == deal


def test_values_keep_their_type(call: Call) -> None:
    organization = create_record(
        call, "organizations", name="Typed", employees=12, postal_code="00420", website="x.example.com:8080/a"
    )
    assert organization["values"]["employees"] == 12
    assert organization["values"]["postal_code"] == "00420"
    assert organization["values"]["website"] == "https://x.example.com:8080/a"
    contact = create_record(
        call, "contacts", last_name="Typed", interests=["Events", "Newsletter"], do_not_call=True, birthday="1990-05-01",
        organization=organization["id"],
    )  # fmt: skip
    assert contact["values"]["interests"] == ["Newsletter", "Events"], "in the order of the options"
    assert contact["values"]["do_not_call"] is True
    assert contact["values"]["organization"] == organization["id"]
    case = create_record(call, "cases", title="Typed", due_at="2026-03-01T09:30:00+02:00")
    assert case["values"]["due_at"] == "2026-03-01T07:30:00Z"


# ---- lists ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def leads(call: Call) -> list[int]:
    """Seven leads of one made-up company; their ids in the order in which they were made."""
    rows = [
        ("Ada", "Berg", "New", "Web"), ("Bo", "Adler", "Contacted", "Web"), ("Cy", "Éclair", "New", "Event"),
        ("Di", "Dunn", "Qualified", None), ("Ed", "evans", "New", "Web"), ("Fi", "Fox_1", "Contacted", "Event"),
        ("Gus", "Gale%", "New", None),
    ]  # fmt: skip
    return [
        create_record(call, "leads", first_name=first, last_name=last, status=status, source=source, company="Listing Ltd",
             email=f"{first.lower()}@listing.example.com")["id"]
        for first, last, status, source in rows
    ]  # fmt: skip


def test_a_list_goes_by_cursor_and_shows_each_record_once(call: Call, leads: list[int]) -> None:
    for sort in ("id", "-id", "last_name", "-last_name", "updated_at", "-status", "name"):
        seen: list[int] = []
        cursor: dict[str, str] = {}
        while True:
            query = {"limit": "3", "sort": sort, "filter[company]": "listing ltd", **cursor}
            page = call("GET", "/records/leads", query_string=query).json
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            assert len(page["items"]) == 3
            cursor = {"cursor": page["next_cursor"]}
        assert sorted(seen) == leads and len(seen) == 7, sort


def test_without_a_sort_records_made_meanwhile_shift_nothing(call: Call) -> None:
    first = [create_record(call, "tasks", subject=f"Task {number}")["id"] for number in range(3)]
    page = call("GET", "/records/tasks?limit=2").json
    assert call("DELETE", f"/records/tasks/{first[0]}").status_code == 204
    later = create_record(call, "tasks", subject="Later")["id"]
    rest = call("GET", f"/records/tasks?limit=2&cursor={page['next_cursor']}").json
    assert [item["id"] for item in page["items"] + rest["items"]] == [*first, later]


def ids(listed: list[dict[str, Any]]) -> list[int]:
    return [record["id"] for record in listed]


def test_a_list_is_sorted_by_any_field_without_regard_to_case(call: Call, leads: list[int]) -> None:
    by_name = items(call, "/records/leads", sort="last_name", q="listing")
    assert [record["values"]["last_name"] for record in by_name][:4] == ["Adler", "Berg", "Dunn", "evans"]
    newest = items(call, "/records/leads", sort="-id", q="listing")
    assert ids(newest) == leads[::-1]
    by_source = [record["values"]["source"] for record in items(call, "/records/leads", sort="source", q="listing")]
    assert by_source == ["Web", "Web", "Web", "Event", "Event", None, None], (
        "by the order of options; what is empty last"
    )


def test_amounts_are_sorted_as_numbers(call: Call) -> None:
    for amount in ("9.50", "100.00", "20", None):
        create_record(call, "deals", name="Sorted amounts", amount=amount)
    records_found = items(call, "/records/deals", sort="-amount", q="sorted amounts")
    assert [record["values"]["amount"] for record in records_found] == [Decimal(100), Decimal(20), Decimal("9.5"), None]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"filter[status]": "New"}, [0, 2, 4, 6]),
        ({"filter[status]": "new", "filter[source]": "web"}, [0, 4]),
        ({"filter[last_name]": "E"}, [0, 1, 4, 6]),
        ({"filter[last_name]": "é"}, [2]),
        ({"filter[last_name]": "%"}, [6]),
        ({"filter[last_name]": "_"}, [5]),
        ({"filter[email]": "ada@"}, [0]),
        ({"q": "listing evans"}, [4]),
        ({"q": "EVANS Listing"}, [4]),
        ({"q": "éclair"}, [2]),
        ({"q": "ÉCLAIR"}, [2]),
        ({"q": "qualified"}, [3]),
        ({"q": "nobody at all"}, []),
    ],
)
def test_a_list_is_searched_and_filtered(
    call: Call, leads: list[int], query: dict[str, str], expected: list[int]
) -> None:
    records_found = items(call, "/records/leads", **{"filter[company]": "Listing Ltd", **query})
    assert ids(records_found) == [leads[place] for place in expected]


def test_filters_read_each_type(call: Call) -> None:
    organization = create_record(call, "organizations", name="Filtered Inc", employees=40)
    contact = create_record(
        call, "contacts", last_name="Filtered", interests=["Events"], do_not_call=True, birthday="1980-01-02",
        organization=organization["id"],
    )  # fmt: skip
    create_record(call, "contacts", last_name="Filtered", interests=["Training"])
    deal = create_record(call, "deals", name="Filtered", amount="77.10", close_date="2031-01-01", contact=contact["id"])
    case = create_record(call, "cases", title="Filtered", due_at="2031-01-01T10:00:00Z")
    for module, field, text, expected in (
        ("organizations", "employees", "40", organization["id"]),
        ("contacts", "interests", "Events", contact["id"]),
        ("contacts", "do_not_call", "true", contact["id"]),
        ("contacts", "birthday", "1980-01-02", contact["id"]),
        ("contacts", "organization", str(organization["id"]), contact["id"]),
        ("deals", "amount", "77.1", deal["id"]),
        ("deals", "close_date", "2031-01-01", deal["id"]),
        ("deals", "contact", str(contact["id"]), deal["id"]),
        ("cases", "due_at", "2031-01-01T10:00:00Z", case["id"]),
    ):
        assert ids(items(call, f"/records/{module}", q="filtered", **{f"filter[{field}]": text})) == [expected], field
    owner = contact["values"]["owner"]
    assert len(items(call, "/records/contacts", q="filtered", **{"filter[owner]": str(owner)})) == 2


# ---- deleted records --------------------------------------------------------------------------------------------------


def test_a_deleted_record_is_listed_and_restored_under_its_id(call: Call, call_as_user: Call) -> None:
    contact = create_record(call, "contacts", last_name="Leaver", email="leaver@example.com")
    deal = create_record(call, "deals", name="Stays", contact=contact["id"])
    place = f"/records/contacts/{contact['id']}"
    assert call("DELETE", place).status_code == 204
    for method, body in (("GET", None), ("PATCH", {"values": {"last_name": "X"}}), ("DELETE", None)):
        gone = error_of(call(method, place, body), 404, "not_found")
        assert "was deleted by Ann" in gone["message"] and "it can be restored" in gone["message"]
    listed = items(call_as_user, "/deleted", module="contacts", q="leaver@")
    assert [(item["id"], item["deleted_by"], item["values"]["email"]) for item in listed] == [
        (contact["id"], "Ann", "leaver@example.com")
    ]
    assert items(call, "/deleted", module="deals", q="leaver@") == []
    answer = call_as_user("POST", f"{place}/restore")
    assert answer.status_code == 200 and answer.json["notes"] == []
    assert answer.json["values"] == contact["values"] and answer.json["version"] == contact["version"] + 2
    assert answer.json["created_at"] == contact["created_at"]
    assert call("GET", f"/records/deals/{deal['id']}").json["values"]["contact"] == contact["id"]
    assert "There is no deleted record" in error_of(call("POST", f"{place}/restore"), 404, "not_found")["message"]


def test_deleted_records_have_pages_the_newest_first(call: Call) -> None:
    ids = [create_record(call, "leads", last_name=f"Number {number}")["id"] for number in range(3)]
    for number in ids:
        call("DELETE", f"/records/leads/{number}")
    first = call("GET", "/deleted?module=leads&limit=2").json
    second = call("GET", f"/deleted?module=leads&limit=2&cursor={first['next_cursor']}").json
    assert [item["id"] for item in first["items"] + second["items"]] == ids[::-1] and second["next_cursor"] is None
    assert error_of(call("GET", "/deleted?cursor=x"), 422, "invalid")
    assert error_of(call("GET", "/deleted?module=x"), 404, "not_found")


def test_a_restoration_says_what_could_not_be_set_again(call: Call) -> None:
    contact = create_record(call, "contacts", last_name="Target")
    deal = create_record(call, "deals", name="Pointing", contact=contact["id"])
    call("DELETE", f"/records/deals/{deal['id']}")
    call("DELETE", f"/records/contacts/{contact['id']}")
    answer = call("POST", f"/records/deals/{deal['id']}/restore").json
    assert answer["values"]["contact"] is None
    assert answer["notes"] == ["Contact is empty: Target is deleted too. It is set when that is restored."]
