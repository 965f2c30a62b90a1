"""A list that is read page by page shows each record once, whatever is made, changed and deleted meanwhile."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.api.conftest import Call

STAGES = ["Closed Won", "New", None, "Qualifying", "New"]
AMOUNTS: list[Any] = ["10", "9.5", None, "10.00", "-3", "123456789012345678.12"]
NAMES = ["beta", "Alpha", "alpha", "Ärger", "x" * 300, "x" * 299 + "y"]
SORTS = [
    "id",
    "name",
    "stage",
    "amount",
    "close_date",
    "organization",
    "owner",
    "created_at",
    "updated_at",
    "probability",
]


@pytest.fixture(scope="module")
def organizations(call: Call) -> list[int]:
    return [
        call("POST", "/records/organizations", {"values": {"name": name}}).json["id"]
        for name in ("Zeta", "acme", "Mid")
    ]


def deal(call: Call, number: int, organizations: list[int], marker: str) -> int:
    values = {
        "name": NAMES[number % len(NAMES)], "stage": STAGES[number % len(STAGES)], "amount": AMOUNTS[number % len(AMOUNTS)],
        "close_date": [None, "2026-02-01", "2025-12-31"][number % 3], "next_step": marker,
        "organization": [None, *organizations][number % 4], "probability": [None, 10, 9][number % 3],
        "owner": None if number % 2 else 1,
    }  # fmt: skip
    answer = call("POST", "/records/deals", {"values": values})
    assert answer.status_code == 201, answer.text
    new_id: int = answer.json["id"]
    return new_id


@pytest.mark.parametrize("direction", ["", "-"])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_shift_neither_by_what_is_deleted_nor_by_what_is_made(
    call: Call, organizations: list[int], sort: str, direction: str
) -> None:
    marker = f"cursor {direction}{sort}"
    stays = {deal(call, number, organizations, marker) for number in range(14)}
    goes = [deal(call, number, organizations, marker) for number in range(6)]
    pages: list[list[int]] = []
    cursor = ""
    for turn in itertools.count():
        query = {"sort": f"{direction}{sort}", "limit": "3", "filter[next_step]": marker, "cursor": cursor}
        answer = call("GET", "/records/deals", query_string=query)
        assert answer.status_code == 200, answer.text
        pages.append([item["id"] for item in answer.json["items"]])
        if answer.json["next_cursor"] is None:
            break
        cursor = answer.json["next_cursor"]
        if turn < 6:  # one is deleted, seen or not, and one is made, before or behind the place
            call("DELETE", f"/records/deals/{goes.pop()}")
            deal(call, turn, organizations, marker)
    seen = list(itertools.chain(*pages))
    assert len(seen) == len(set(seen)), "none is doubled"
    assert stays <= set(seen), "none is skipped"


def test_a_reference_sorts_by_its_name_and_a_picklist_by_its_options(call: Call, organizations: list[int]) -> None:
    for number in range(8):
        deal(call, number, organizations, "order")
    query = {"filter[next_step]": "order"}
    deals = call("GET", "/records/deals", query_string=query | {"sort": "organization"}).json["items"]
    names = dict(zip(organizations, ("Zeta", "acme", "Mid"), strict=True))
    shown = [names.get(row["values"]["organization"]) for row in deals]
    assert shown == ["acme", "acme", "Mid", "Mid", "Zeta", "Zeta", None, None]
    deals = call("GET", "/records/deals", query_string=query | {"sort": "-stage"}).json["items"]
    stages = [row["values"]["stage"] for row in deals]
    assert list(dict.fromkeys(stages)) == ["Closed Won", "Qualifying", "New", None]


def test_a_cursor_of_another_sort_and_one_that_is_made_up_are_refused(call: Call) -> None:
    for number in range(3):
        call("POST", "/records/tasks", {"values": {"subject": f"Cursor {number}"}})
    cursor = call("GET", "/records/tasks?sort=subject&limit=1").json["next_cursor"]
    refused = call("GET", f"/records/tasks?sort=-subject&limit=1&cursor={cursor}")
    assert refused.status_code == 422 and "sorted by “subject”" in refused.json["error"]["fields"]["cursor"]
    for made_up in ("1", "W10", "bm9uc2Vuc2U", "WyJzdWJqZWN0Iiwx", "%ff", "WyJzdWJqZWN0IixbXSwxXQ", "a" * 5000):
        refused = call("GET", f"/records/tasks?sort=subject&cursor={made_up}")
        assert refused.status_code == 422 and list(refused.json["error"]["fields"]) == ["cursor"], made_up


@pytest.mark.parametrize(
    "path",
    ["/deliveries?status=failed&status=retry", "/deliveries?q=a&q=b", "/records/deals?sort=name&sort=id",
     "/modules?limit=1&limit=2", "/records/deals?filter[stage]=New&filter[stage]=Proposal", "/workflows?cursor=1&cursor=2"],
)  # fmt: skip
def test_a_parameter_that_is_given_twice_is_refused_rather_than_half_heard(call: Call, path: str) -> None:
    answer = call("GET", path)
    name = path.partition("?")[2].partition("=")[0]
    assert answer.status_code == 422 and answer.json["error"]["fields"] == {
        name: "This is given twice; give one value."
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/modules/deals?colour=1"), ("GET", "/records/deals/1?colour=1"), ("POST", "/records/deals?colour=1"),
     ("GET", "/workflows/1?colour=1"), ("DELETE", "/workflows/1?colour=1"), ("POST", "/deliveries/1/redeliver?colour=1"),
     ("GET", "/deliveries?colour=1"), ("GET", "/records/deals?colour=1")],
)  # fmt: skip
def test_a_parameter_that_nobody_reads_is_refused_by_every_call(call: Call, method: str, path: str) -> None:
    answer = call(method, path, {} if method == "POST" else None)
    assert answer.status_code == 422 and list(answer.json["error"]["fields"]) == ["colour"]


def test_a_conflict_names_only_what_somebody_else_changed(call: Call) -> None:
    record = call("POST", "/records/deals", {"values": {"name": "Theirs", "amount": "1.00", "next_step": "a"}}).json
    path = f"/records/deals/{record['id']}"
    call("PATCH", path, {"values": {"amount": "2.00"}})
    yours = {"version": record["version"], "values": {"next_step": "b", "amount": "3.00", "name": "Mine"}}
    answer = call("PATCH", path, yours)
    assert answer.status_code == 409 and set(answer.json["error"]["fields"]) == {"version", "values.amount"}
    answer = call("PATCH", path, {"version": record["version"], "values": {"next_step": "b"}})
    assert answer.status_code == 409 and set(answer.json["error"]["fields"]) == {"version"}
    answer = call("PATCH", path, {"version": record["version"], "values": {"amount": "2.00"}})
    assert set(answer.json["error"]["fields"]) == {"version"}, "the same as theirs is no conflict"
