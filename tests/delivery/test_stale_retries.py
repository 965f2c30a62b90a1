"""Stale retries (specification section 4.5): a late retry never overwrites newer data."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Answer, Receiver
from tests.support.running import until
from tests.support.working import Working, working
from webhookui.crm import records
from webhookui.webhooks.document import parse_webhook
from webhookui.webhooks.templating.template import Schema
from webhookui.workflows import store
from webhookui.workflows.redelivery import redeliver, send_test

DOWN, UP = Answer(503), Answer(200)


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Working]:
    with working(tmp_path, retry_delays=(3600, 3600)) as crm:
        yield crm.start()


def put(receiver: Receiver, **more: Any) -> dict[str, Any]:
    rows = [{"name": "name", "value": "{{ last_name }}"}]
    return {"url": receiver.url, "method": "PUT", "parameters": rows, "drop_stale_retries": True, **more}


def states(crm: Working) -> list[tuple[str, str | None]]:
    return [
        (delivery.status, delivery.error if "superseded" in (delivery.error or "") else None)
        for delivery in crm.deliveries()
    ]


def test_a_waiting_retry_ends_when_newer_data_is_saved_and_is_never_sent(crm: Working, receiver: Receiver) -> None:
    receiver.answers = [DOWN, UP]
    crm.workflow("contacts", put(receiver))
    contact = crm.create("contacts", last_name="old")
    crm.ended(1, "retry")
    crm.update("contacts", contact, last_name="new")
    crm.ended(2)
    first = crm.ended(1)
    assert states(crm) == [("failed", "superseded by delivery 2"), ("success", None)]
    assert (first.next_attempt_at, first.finished_at is not None) == (None, True)
    assert [request.body for request in receiver.requests] == [b'{"name":"old"}', b'{"name":"new"}']


def test_an_attempt_in_the_air_gets_no_retry_when_newer_data_is_there(crm: Working, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(503, before=lambda: go.wait(20) and None), UP]
    crm.workflow("contacts", put(receiver))
    contact = crm.create("contacts", last_name="old")
    receiver.wait_for(1)
    crm.update("contacts", contact, last_name="new")
    go.set()
    crm.ended(2)
    assert crm.ended(1).error == "superseded by delivery 2"


def test_an_attempt_in_the_air_that_succeeds_is_a_success(crm: Working, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(200, before=lambda: go.wait(20) and None), UP]
    crm.workflow("contacts", put(receiver))
    contact = crm.create("contacts", last_name="old")
    receiver.wait_for(1)
    crm.update("contacts", contact, last_name="new")
    go.set()
    assert (crm.ended(1).status, crm.ended(2).status) == ("success", "success")


def test_without_the_option_both_wait(crm: Working, receiver: Receiver) -> None:
    receiver.default = DOWN
    crm.workflow("contacts", put(receiver, drop_stale_retries=False))
    contact = crm.create("contacts", last_name="old")
    crm.ended(1, "retry")
    crm.update("contacts", contact, last_name="new")
    crm.ended(2, "retry")
    assert states(crm) == [("retry", None), ("retry", None)]


def test_other_records_and_other_webhooks_are_left_alone(crm: Working, receiver: Receiver) -> None:
    receiver.default = DOWN
    crm.workflow("contacts", put(receiver), put(receiver, drop_stale_retries=False))
    first = crm.create("contacts", last_name="a")
    crm.create("contacts", last_name="b")
    for delivery in (1, 2, 3, 4):
        crm.ended(delivery, "retry")
    crm.update("contacts", first, last_name="a2")
    for delivery in (5, 6):
        crm.ended(delivery, "retry")
    assert [status for status, _ in states(crm)] == ["failed", "retry", "retry", "retry", "retry", "retry"]


def test_newer_data_that_could_not_be_built_supersedes_nothing(crm: Working, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(503, before=lambda: go.wait(20) and None)]
    rows = [{"name": "name", "value": "{{ title }}", "required": True}]
    crm.workflow("contacts", put(receiver, parameters=rows))
    contact = crm.create("contacts", last_name="A", title="old")
    receiver.wait_for(1)
    crm.update("contacts", contact, title=None)
    go.set()
    assert crm.ended(1, "retry").error != "superseded by delivery 2"
    assert crm.ended(2).status == "failed"


def test_a_test_supersedes_nothing(crm: Working, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(503, before=lambda: go.wait(20) and None), UP]
    workflow = crm.workflow("contacts", put(receiver))
    contact = crm.create("contacts", last_name="old")
    receiver.wait_for(1)
    action = {key: value for key, value in crm.document(workflow)["actions"][0].items() if key != "id"}
    webhook = parse_webhook(action, "", {}, Schema({"last_name": "text"}), {}, {})
    assert webhook is not None
    with crm.db.write() as session:
        send_test(
            session, crm.box, webhook, records.get(session, "contacts", contact), by="Ann", address="", workflow="W",
            workflow_id=workflow, webhook_row=store.actions_of(session, workflow)[0],
        )  # fmt: skip
    go.set()
    crm.ended(2)
    crm.ended(1, "retry")


def again(crm: Working, delivery: int, payload: str) -> int:
    with crm.db.write() as session:
        return redeliver(session, delivery, payload, "Ann", "http://crm").id or 0


def test_sending_old_data_again_does_not_end_the_retry_of_newer_data(crm: Working, receiver: Receiver) -> None:
    receiver.default = DOWN
    crm.workflow("contacts", put(receiver))
    contact = crm.create("contacts", last_name="old")
    crm.ended(1, "retry")
    crm.update("contacts", contact, last_name="new")
    crm.ended(2, "retry")
    third = again(crm, 1, "original")
    until(lambda: len(crm.attempts(third)) == 1, 20)
    assert crm.ended(2, "retry").status == "retry"
    assert crm.ended(third).error == "superseded by delivery 2", "it carries older data than what waits"


def test_sending_the_record_as_it_is_now_ends_the_retries_before_it(crm: Working, receiver: Receiver) -> None:
    receiver.answers = [UP, DOWN, UP]
    workflow = crm.workflow("contacts", put(receiver))
    contact = crm.create("contacts", last_name="older")
    crm.ended(1)
    crm.update("contacts", contact, last_name="old")
    crm.ended(2, "retry")
    with crm.db.write() as session:
        store.set_active(session, workflow, False, crm.user)
    crm.update("contacts", contact, last_name="new")
    third = again(crm, 1, "current")
    with crm.db.write() as session:
        store.set_active(session, workflow, True, crm.user)
    assert crm.ended(third).status == "success"
    assert crm.ended(2).error == f"superseded by delivery {third}"
    assert receiver.requests[-1].body == b'{"name":"new"}'
