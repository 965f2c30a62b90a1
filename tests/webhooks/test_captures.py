"""Captures into the record (specification section 5): what a third party answered, through the engine,
into fields of every type."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.support.receiver import Answer, Receiver, receiving
from tests.support.working import Working, working
from webhookui.crm import history, records
from webhookui.crm.tables import Change
from webhookui.delivery.tables import CapturedValue
from webhookui.web.log.detail import read_detail
from webhookui.webhooks.document import parse_webhook
from webhookui.webhooks.templating.template import Schema
from webhookui.workflows import store
from webhookui.workflows.redelivery import send_test


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Working]:
    with working(tmp_path, retry_delays=(0, 0)) as crm:
        yield crm.start()


def action(
    receiver: Receiver, *rows: tuple[Any, ...], on_failure: tuple[tuple[str, str], ...] = (), **more: Any
) -> dict[str, Any]:
    capture = {
        "type": more.pop("type", "JSONPATH"),
        "on_success": [{"path": row[0], "field": row[1], **({"all": True} if len(row) > 2 else {})} for row in rows],
        "on_failure": [{"path": path, "field": field} for path, field in on_failure],
        **({"namespaces": more.pop("namespaces")} if "namespaces" in more else {}),
    }
    return {"url": receiver.url, "capture": capture, **more}


def outcomes(crm: Working, delivery: int) -> list[tuple[str, str, Any]]:
    return [(capture.field, capture.outcome, capture.value) for capture in crm.captured(delivery)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Working, Receiver]]:
    """One installation for the table of field types: every case has a workflow and a record of its own."""
    with receiving() as receiver, working(tmp_path_factory.mktemp("captures")) as crm:
        crm.create("organizations", name="Acme")  # record 1
        yield crm.start(), receiver


REQUIRED = {"contacts": "last_name", "deals": "name", "organizations": "name", "cases": "title"}
D = Decimal

FITS: list[tuple[str, str, str, Any]] = [
    # module, field, JSON in the response, stored value
    ("contacts", "title", '"Dr."', "Dr."),
    ("contacts", "title", "981", "981"),
    ("contacts", "title", "12345678901234567890", "12345678901234567890"),
    ("contacts", "title", "1250.00", "1250.00"),
    ("contacts", "title", "1e3", "1000"),
    ("contacts", "title", "true", "true"),
    ("contacts", "title", '["a", 1.50]', '["a",1.50]'),
    ("contacts", "title", '{"a": null}', '{"a":null}'),
    ("contacts", "title", '"00420"', "00420"),
    ("contacts", "title", "null", None),
    ("contacts", "title", '""', None),
    ("contacts", "description", '"a\\nb"', "a\nb"),
    ("contacts", "email", '"zoe@example.com"', "zoe@example.com"),
    ("contacts", "phone", '"+420 123 456"', "+420 123 456"),
    ("contacts", "birthday", '"1985-02-28"', "1985-02-28"),
    ("contacts", "birthday", '"1985-02-28T23:59:59-08:00"', "1985-02-28"),
    ("contacts", "birthday", '"1985-03-01T00:30:00+01:00"', "1985-03-01"),
    ("contacts", "birthday", '"1985-02-28T00:00:00.0000000Z"', "1985-02-28"),
    ("contacts", "birthday", '" 1985-02-28 10:30 "', "1985-02-28"),
    ("contacts", "birthday", '"1985-02-28Z"', "1985-02-28"),
    ("contacts", "birthday", '"1985-02-28+01:00"', "1985-02-28"),
    ("contacts", "do_not_call", "true", True),
    ("contacts", "do_not_call", "0", False),
    ("contacts", "do_not_call", '"yes"', True),
    ("contacts", "interests", '["Events", "support"]', ["Events", "Support"]),
    ("contacts", "interests", '"Events"', ["Events"]),
    ("contacts", "organization", "1", 1),
    ("contacts", "organization", '"1"', 1),
    ("contacts", "owner", "1", 1),
    ("deals", "amount", "1250.00", D("1250.00")),
    ("deals", "amount", "1250", D("1250.00")),
    ("deals", "amount", '"1,250.5"', D("1250.50")),
    ("deals", "amount", "0.1", D("0.10")),
    ("deals", "amount", "1234567890123456789.12", D("1234567890123456789.12")),
    ("deals", "probability", "0.5", D("0.5")),
    ("deals", "probability", "12345678901234567890", 12345678901234567890),
    ("deals", "probability", '"7"', 7),
    ("deals", "stage", '"closed won"', "Closed Won"),
    ("organizations", "website", '"https://example.com/a"', "https://example.com/a"),
    ("cases", "due_at", '"2026-12-31T14:30:00+01:00"', "2026-12-31T13:30:00Z"),
    ("cases", "due_at", '"2026-12-31"', "2026-12-31T00:00:00Z"),
]
DOES_NOT_FIT: list[tuple[str, str, str, str]] = [
    # module, field, JSON in the response, words
    ("contacts", "title", '"' + "x" * 1001 + '"', "At most 1000 characters"),
    ("contacts", "title", '"a\\u0000b"', "can't be stored"),
    ("contacts", "last_name", "null", "required"),
    ("contacts", "email", '"nobody"', "not an e-mail address"),
    ("contacts", "phone", '"call me"', "not a phone number"),
    ("contacts", "birthday", '"28.2.1985"', "not a date"),
    ("contacts", "birthday", '"1985-02-30T00:00:00Z"', "not a date"),
    ("contacts", "birthday", '"1985-02-28T25:00:00Z"', "not a date"),
    ("contacts", "birthday", '"1985-02-28 and so on"', "not a date"),
    ("contacts", "birthday", "19850228", "not a date"),
    ("contacts", "do_not_call", '"perhaps"', "yes or no"),
    ("contacts", "do_not_call", "2", "yes or no"),
    ("contacts", "interests", '["Events", "Chess"]', "“Chess” is not one of"),
    ("contacts", "organization", "999", "no record 999"),
    ("contacts", "organization", '"Acme"', "record's id"),
    ("contacts", "organization", "true", "record's id"),
    ("contacts", "owner", "999", "no user 999"),
    ("deals", "amount", '"a lot"', "not a number"),
    ("deals", "amount", "true", "not a number"),
    ("deals", "amount", "[1]", "not a number"),
    ("deals", "amount", '{"amount": 1}', "not a number"),
    ("deals", "amount", "1.1234567", "six decimal places"),
    ("deals", "amount", "1e40", "too many digits"),
    ("deals", "amount", "1e26", "too many digits"),
    ("deals", "probability", "1e-300", "too many digits"),
    ("cases", "due_at", '"0001-01-01T00:00:00Z"', "date-times range from"),
    ("contacts", "title", '"a\\u000bb"', "can't be stored"),
    ("deals", "probability", '""x', "unreadable"),
    ("deals", "stage", '"Won"', "“Won” is not one of"),
    ("organizations", "website", '"not an address"', "not a web address"),
    ("cases", "due_at", '"tomorrow"', "not a time"),
    ("cases", "due_at", "1767139200", "not a time"),
]


def captured(shared: tuple[Working, Receiver], module: str, field: str, json: str) -> tuple[CapturedValue, Any, Any]:
    """(what the log says of the row, the field before and after)"""
    crm, receiver = shared
    receiver.default = Answer(200, b'{"it": ' + json.encode() + b"}")
    workflow = crm.workflow(module, action(receiver, ("$.it", field)))
    record = crm.create(module, **{REQUIRED[module]: "A"})
    delivery = crm.last()[0].id
    assert crm.ended(delivery).status == "success"
    with crm.db.write() as session:
        store.delete(session, workflow, crm.user)
    (row,) = crm.captured(delivery)
    with crm.db.read() as session:
        first = session.scalars(select(Change).where(Change.record_id == record).order_by(Change.id)).first()  # type: ignore[arg-type]
        assert first is not None
        before = first.values.get(field, [None, None])[1]
    return row, before, crm.values(module, record)[field]


@pytest.mark.parametrize(("module", "field", "json", "stored"), FITS, ids=lambda value: str(value)[:24])
def test_a_value_is_written_with_the_type_of_its_field(
    shared: tuple[Working, Receiver], module: str, field: str, json: str, stored: Any
) -> None:
    row, _, after = captured(shared, module, field, json)
    assert (row.outcome, row.message) == ("written", "")
    assert (type(after), str(after)) == (type(stored), str(stored))
    assert str(row.value) == str(stored)


@pytest.mark.parametrize(("module", "field", "json", "words"), DOES_NOT_FIT, ids=lambda value: str(value)[:24])
def test_a_value_that_does_not_fit_is_not_written_and_the_log_says_why(
    shared: tuple[Working, Receiver], module: str, field: str, json: str, words: str
) -> None:
    row, before, after = captured(shared, module, field, json)
    if words == "unreadable":
        assert row.outcome == "unreadable"
    else:
        assert row.outcome == "does_not_fit"
        assert words in row.message
        assert row.value is not None or json == "null"
    assert (after or None) == (before or None)


def test_no_match_leaves_the_field_alone_and_says_so(crm: Working, receiver: Receiver) -> None:
    crm.workflow("contacts", action(receiver, ("$.nothing", "title"), ("$.ok", "city")))
    contact = crm.create("contacts", last_name="A", title="Dr.")
    crm.ended(1)
    assert outcomes(crm, 1) == [("title", "no_match", None), ("city", "written", "true")]
    assert crm.captured(1)[0].message == "Nothing in the response matches this path."
    assert crm.values("contacts", contact)["title"] == "Dr."


def test_of_several_matches_the_first_is_taken_or_all_when_asked(crm: Working, receiver: Receiver) -> None:
    receiver.default = Answer(200, b'{"rows": [{"n": "Events", "id": 1}, {"n": "Support", "id": 2}]}')
    crm.workflow(
        "contacts",
        action(receiver, ("$.rows[*].n", "title"), ("$.rows[*].n", "city", "all"), ("$.rows[*].n", "interests", "all"),
               ("$.rows[*].id", "street", "all"), ("$.rows[0].n", "country", "all")),
    )  # fmt: skip
    contact = crm.create("contacts", last_name="A")
    crm.ended(1)
    values = crm.values("contacts", contact)
    assert (values["title"], values["city"], values["street"], values["country"]) == (
        "Events", "Events, Support", "1, 2", "Events")  # fmt: skip
    assert values["interests"] == ["Events", "Support"]
    messages = {capture.field: capture.message for capture in crm.captured(1)}
    assert messages == {
        "title": "2 values match; the first was taken.", "city": "", "interests": "", "street": "", "country": "",
    }  # fmt: skip


def test_xml_is_captured_by_xpath_with_its_namespaces(crm: Working, receiver: Receiver) -> None:
    soap = b'<s:E xmlns:s="urn:s"><r xmlns="urn:r"><id>00981</id><paid>true</paid><sum>12.50</sum></r></s:E>'
    receiver.default = Answer(200, soap, {"Content-Type": "text/xml"})
    rows = (
        ("/e:E/r:r/r:id", "invoice_id"),
        ("//r:sum", "amount"),
        ("count(//r:id)", "probability"),
        ("//id", "invoice_error"),
    )
    crm.workflow("deals", action(receiver, *rows, type="XPATH", namespaces={"e": "urn:s", "r": "urn:r"}))
    deal = crm.create("deals", name="A")
    crm.ended(1)
    values = crm.values("deals", deal)
    assert (values["invoice_id"], values["amount"], values["probability"]) == ("00981", D("12.50"), 1)
    assert [capture.outcome for capture in crm.captured(1)] == ["written", "written", "written", "no_match"]


ON_FAILURE = (("$.error.message", "invoice_error"),)


def test_failure_rows_run_after_the_last_failed_attempt_only(crm: Working, receiver: Receiver) -> None:
    receiver.answers = [Answer(500, b'{"error": {"message": "%d"}}' % number) for number in (1, 2, 3)]
    crm.workflow("deals", action(receiver, ("$.id", "invoice_id"), on_failure=ON_FAILURE))
    deal = crm.create("deals", name="A")
    assert crm.ended(1).status == "failed"
    (row,) = crm.captured(1)
    assert (row.attempt_number, row.field, row.value) == (3, "invoice_error", "3")
    assert crm.values("deals", deal)["invoice_error"] == "3"
    assert crm.values("deals", deal)["invoice_id"] is None


def test_failure_rows_do_not_run_when_a_retry_succeeds(crm: Working, receiver: Receiver) -> None:
    receiver.answers = [
        Answer(500, b'{"error": {"message": "x"}, "id": 1}'),
        Answer(200, b'{"id": 2, "error": {"message": "y"}}'),
    ]
    crm.workflow("deals", action(receiver, ("$.id", "invoice_id"), on_failure=ON_FAILURE))
    deal = crm.create("deals", name="A")
    assert crm.ended(1).status == "success"
    assert outcomes(crm, 1) == [("invoice_id", "written", "2")]
    assert crm.values("deals", deal)["invoice_error"] is None


def test_an_answer_that_ends_it_at_once_is_the_last_one(crm: Working, receiver: Receiver) -> None:
    receiver.answers = [Answer(410, b'{"error": {"message": "moved away"}}')]
    crm.workflow("deals", action(receiver, on_failure=ON_FAILURE))
    deal = crm.create("deals", name="A")
    crm.ended(1)
    assert len(receiver.requests) == 1
    assert crm.values("deals", deal)["invoice_error"] == "moved away"


def test_a_2xx_that_is_no_success_runs_the_failure_rows(crm: Working, receiver: Receiver) -> None:
    receiver.default = Answer(200, b'{"ok": false, "id": 1, "error": {"message": "no money"}}')
    success_if = {"type": "JSONPATH", "path": "$.ok", "equals": "true"}
    crm.workflow("deals", action(receiver, ("$.id", "invoice_id"), on_failure=ON_FAILURE, success_if=success_if))
    deal = crm.create("deals", name="A")
    ended = crm.ended(1)
    assert (ended.status, ended.attempt_count, ended.status_code) == ("failed", 3, 200)
    assert "$.ok is “false”, not “true”" in (ended.error or "")
    values = crm.values("deals", deal)
    assert (values["invoice_id"], values["invoice_error"]) == (None, "no money")
    receiver.default = Answer(200, b'{"ok": true, "id": 2}')
    crm.update("deals", deal, next_step="again")
    assert crm.ended(2).status == "success"
    assert crm.values("deals", deal)["invoice_id"] == "2"


def test_a_capture_runs_no_workflow_and_the_timeline_names_its_delivery(crm: Working, receiver: Receiver) -> None:
    crm.workflow("deals", action(receiver, ("$.ok", "invoice_id"), ("$.ok", "next_step")))
    watching = {"all": [{"field": "invoice_id", "operator": "has_changed"}], "any": []}
    crm.workflow(
        "deals", {"url": receiver.url}, criteria=watching, trigger={"on": "update", "recurrence": "every_time"}
    )
    deal = crm.create("deals", name="A")
    crm.ended(1)
    assert crm.values("deals", deal)["invoice_id"] == "true"
    with crm.db.read() as session:
        newest, first = history.timeline(session, deal)
    assert (newest.source, newest.by, newest.delivery_id) == ("capture", "Delivery 1", 1)
    assert newest.values == {"invoice_id": [None, "true"], "next_step": [None, "true"]}
    assert (first.source, first.version, newest.version) == ("person", 1, 2)
    crm.update("deals", deal, amount="1")
    crm.ended(2)
    assert len(crm.deliveries()) == len(receiver.requests) == 2


def test_a_row_that_does_not_fit_keeps_no_other_from_being_written(crm: Working, receiver: Receiver) -> None:
    receiver.default = Answer(200, b'{"a": "text", "b": 99, "c": "fine", "d": null}')
    crm.workflow(
        "contacts",
        action(receiver, ("$.a", "birthday"), ("$.b", "organization"), ("$.c", "title"), ("$.d", "last_name")),
    )
    contact = crm.create("contacts", last_name="A")
    crm.ended(1)
    assert [(field, outcome) for field, outcome, _ in outcomes(crm, 1)] == [
        ("birthday", "does_not_fit"), ("organization", "does_not_fit"), ("title", "written"), ("last_name", "does_not_fit"),
    ]  # fmt: skip
    assert crm.values("contacts", contact)["title"] == "fine"


def test_a_deleted_record_is_noted_and_the_snapshot_still_goes_out(crm: Working, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(503, b"{}", before=lambda: go.wait(20) and None), Answer(200, b'{"id": 7}')]
    crm.workflow("deals", action(receiver, ("$.id", "invoice_id"), parameters=[{"name": "n", "value": "{{ name }}"}]))
    deal = crm.create("deals", name="A")
    receiver.wait_for(1)
    crm.delete("deals", deal)
    go.set()
    ended = crm.ended(1)
    assert [request.body for request in receiver.requests] == [b'{"n":"A"}'] * 2
    assert outcomes(crm, 1) == [("invoice_id", "no_record", 7)]
    assert ended.note == "The record was deleted; captured values were not written."


UNREADABLE = {
    b"": "The response is empty.",
    b"  ": "The response is empty.",
    b"<html>": "The response can't be read as JSON",
    b'{"ok": true, "ok": false}': "“ok” appears twice",
}


@pytest.mark.parametrize("body", UNREADABLE)
def test_an_answer_that_cannot_be_read_is_a_success_whose_captures_say_so(
    crm: Working, receiver: Receiver, body: bytes
) -> None:
    receiver.default = Answer(200, body)
    crm.workflow("deals", action(receiver, ("$.ok", "invoice_id")))
    deal = crm.create("deals", name="A")
    assert crm.ended(1).status == "success"
    (row,) = crm.captured(1)
    assert row.outcome == "unreadable"
    assert UNREADABLE[body] in row.message
    assert crm.values("deals", deal)["invoice_id"] is None


def test_an_answer_longer_than_what_is_read_is_noted(tmp_path: Path, receiver: Receiver) -> None:
    receiver.default = Answer(200, b'{"ok": 1, "x": "' + b"x" * 100_000 + b'"}')
    with working(tmp_path, read_limit=65536) as crm:
        crm.start()
        crm.workflow("deals", action(receiver, ("$.ok", "invoice_id")))
        crm.create("deals", name="A")
        assert crm.ended(1).note == "The response was longer than the limit; captures saw only its beginning."
        assert crm.captured(1)[0].outcome == "unreadable"


def test_a_test_shows_what_it_would_take_and_writes_nothing(crm: Working, receiver: Receiver) -> None:
    deal = crm.create("deals", name="A")
    document = {"title": "T", **action(receiver, ("$.ok", "invoice_id"), ("$.no", "next_step"))}
    webhook = parse_webhook(document, "", {}, Schema({}), {}, {"invoice_id": "text", "next_step": "text"})
    assert webhook is not None
    with crm.db.write() as session:
        send_test(session, crm.box, webhook, records.get(session, "deals", deal), by="Ann", address="", workflow="W")
    assert crm.ended(1).status == "success"
    assert outcomes(crm, 1) == [("invoice_id", "test", True), ("next_step", "no_match", None)]
    assert crm.values("deals", deal)["invoice_id"] is None


def test_two_captures_at_once_lose_nothing_of_each_other_or_of_people(crm: Working, receiver: Receiver) -> None:
    crm.workflow("deals", action(receiver, ("$.ok", "invoice_id")), action(receiver, ("$.ok", "invoice_error")))
    deal = crm.create("deals", name="A")
    crm.update("deals", deal, next_step="call")
    for delivery in (1, 2, 3, 4):
        crm.ended(delivery)
    values = crm.values("deals", deal)
    assert (values["invoice_id"], values["invoice_error"], values["next_step"]) == ("true", "true", "call")


DETAILS: list[tuple[str, str, str]] = [
    # field of a contact, JSON in the response, what Details say
    ("title", '{"a": [1.50, true, null, "ž"]}', '{"a":[1.50,true,null,"ž"]}'),
    ("title", '["a", "b"]', '["a","b"]'),
    ("title", "true", "true"),
    ("title", "1e20", "100000000000000000000"),
    ("title", "null", "(empty)"),
    ("last_name", "null", "null"),
    ("do_not_call", "false", "false"),
    ("do_not_call", '{"a": true}', '{"a":true}'),
    ("do_not_call", "[null]", "[null]"),
    ("interests", '["Events", "support"]', "Events, Support"),
    ("interests", '["Events", "Chess"]', '["Events","Chess"]'),
]


@pytest.mark.parametrize(("field", "json", "words"), DETAILS, ids=lambda value: str(value)[:24])
def test_details_show_a_value_as_json_never_as_a_programming_language(
    shared: tuple[Working, Receiver], field: str, json: str, words: str
) -> None:
    row, _, _ = captured(shared, "contacts", field, json)
    with shared[0].db.read() as session:
        view = read_detail(session, row.delivery_id)
    assert [value for _, value, _, _ in view.captures] == [words]


def test_success_may_equal_what_json_says(crm: Working, receiver: Receiver) -> None:
    receiver.default = Answer(200, b'{"ok": {"a": true}, "n": 1.50}')
    crm.workflow(
        "contacts", {"url": receiver.url, "success_if": {"type": "JSONPATH", "path": "$.ok", "equals": {"a": True}}}
    )
    crm.workflow(
        "contacts", {"url": receiver.url, "success_if": {"type": "JSONPATH", "path": "$.n", "equals": D("1.50")}}
    )
    crm.create("contacts", last_name="A")
    assert [crm.ended(number).status for number in (1, 2)] == ["success", "success"]
