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
from webhookui.webhooks.template import Schema
from webhookui.workflows import store
from webhookui.workflows.redeliver import redeliver, send_test

DOWN, UP = Answer(503), Answer(200)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Working]:
    with working(tmp_path, retry_delays=(3600, 3600)) as made:
        yield made.start()


def put(receiver: Receiver, **more: Any) -> dict[str, Any]:
    rows = [{"name": "name", "value": "{{ last_name }}"}]
    return {"url": receiver.url, "method": "PUT", "parameters": rows, "drop_stale_retries": True, **more}


def states(made: Working) -> list[tuple[str, str | None]]:
    return [(each.status, each.error if "superseded" in (each.error or "") else None) for each in made.deliveries()]


def test_a_waiting_retry_ends_when_newer_data_is_saved_and_is_never_sent(made: Working, receiver: Receiver) -> None:
    receiver.answers = [DOWN, UP]
    made.workflow("contacts", put(receiver))
    contact = made.create("contacts", last_name="old")
    made.ended(1, "retry")
    made.update("contacts", contact, last_name="new")
    made.ended(2)
    first = made.ended(1)
    assert states(made) == [("failed", "superseded by delivery 2"), ("success", None)]
    assert (first.next_attempt_at, first.finished_at is not None) == (None, True)
    assert [each.body for each in receiver.requests] == [b'{"name":"old"}', b'{"name":"new"}']


def test_an_attempt_in_the_air_gets_no_retry_when_newer_data_is_there(made: Working, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(503, before=lambda: go.wait(20) and None), UP]
    made.workflow("contacts", put(receiver))
    contact = made.create("contacts", last_name="old")
    receiver.wait_for(1)
    made.update("contacts", contact, last_name="new")
    go.set()
    made.ended(2)
    assert made.ended(1).error == "superseded by delivery 2"


def test_an_attempt_in_the_air_that_succeeds_is_a_success(made: Working, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(200, before=lambda: go.wait(20) and None), UP]
    made.workflow("contacts", put(receiver))
    contact = made.create("contacts", last_name="old")
    receiver.wait_for(1)
    made.update("contacts", contact, last_name="new")
    go.set()
    assert (made.ended(1).status, made.ended(2).status) == ("success", "success")


def test_without_the_option_both_wait(made: Working, receiver: Receiver) -> None:
    receiver.default = DOWN
    made.workflow("contacts", put(receiver, drop_stale_retries=False))
    contact = made.create("contacts", last_name="old")
    made.ended(1, "retry")
    made.update("contacts", contact, last_name="new")
    made.ended(2, "retry")
    assert states(made) == [("retry", None), ("retry", None)]


def test_other_records_and_other_webhooks_are_left_alone(made: Working, receiver: Receiver) -> None:
    receiver.default = DOWN
    made.workflow("contacts", put(receiver), put(receiver, drop_stale_retries=False))
    first = made.create("contacts", last_name="a")
    made.create("contacts", last_name="b")
    for delivery in (1, 2, 3, 4):
        made.ended(delivery, "retry")
    made.update("contacts", first, last_name="a2")
    for delivery in (5, 6):
        made.ended(delivery, "retry")
    assert [status for status, _ in states(made)] == ["failed", "retry", "retry", "retry", "retry", "retry"]


def test_newer_data_that_could_not_be_built_supersedes_nothing(made: Working, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(503, before=lambda: go.wait(20) and None)]
    rows = [{"name": "name", "value": "{{ title }}", "required": True}]
    made.workflow("contacts", put(receiver, parameters=rows))
    contact = made.create("contacts", last_name="A", title="old")
    receiver.wait_for(1)
    made.update("contacts", contact, title=None)
    go.set()
    assert made.ended(1, "retry").error != "superseded by delivery 2"
    assert made.ended(2).status == "failed"


def test_a_test_supersedes_nothing(made: Working, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answers = [Answer(503, before=lambda: go.wait(20) and None), UP]
    workflow = made.workflow("contacts", put(receiver))
    contact = made.create("contacts", last_name="old")
    receiver.wait_for(1)
    action = {key: value for key, value in made.document(workflow)["actions"][0].items() if key != "id"}
    webhook = parse_webhook(action, "", {}, Schema({"last_name": "text"}), {}, {})
    assert webhook is not None
    with made.db.write() as session:
        send_test(
            session, made.box, webhook, records.get(session, "contacts", contact), by="Ann", address="", workflow="W",
            workflow_id=workflow, webhook_row=store.webhooks_of(session, workflow)[0],
        )  # fmt: skip
    go.set()
    made.ended(2)
    made.ended(1, "retry")


def again(made: Working, delivery: int, payload: str) -> int:
    with made.db.write() as session:
        return redeliver(session, delivery, payload, "Ann", "http://crm").id or 0


def test_sending_old_data_again_does_not_end_the_retry_of_newer_data(made: Working, receiver: Receiver) -> None:
    receiver.default = DOWN
    made.workflow("contacts", put(receiver))
    contact = made.create("contacts", last_name="old")
    made.ended(1, "retry")
    made.update("contacts", contact, last_name="new")
    made.ended(2, "retry")
    third = again(made, 1, "original")
    until(lambda: len(made.attempts(third)) == 1, 20)
    assert made.ended(2, "retry").status == "retry"
    assert made.ended(third).error == "superseded by delivery 2", "it carries older data than what waits"


def test_sending_the_record_as_it_is_now_ends_the_retries_before_it(made: Working, receiver: Receiver) -> None:
    receiver.answers = [UP, DOWN, UP]
    workflow = made.workflow("contacts", put(receiver))
    contact = made.create("contacts", last_name="older")
    made.ended(1)
    made.update("contacts", contact, last_name="old")
    made.ended(2, "retry")
    with made.db.write() as session:
        store.set_active(session, workflow, False, made.user)
    made.update("contacts", contact, last_name="new")
    third = again(made, 1, "current")
    with made.db.write() as session:
        store.set_active(session, workflow, True, made.user)
    assert made.ended(third).status == "success"
    assert made.ended(2).error == f"superseded by delivery {third}"
    assert receiver.requests[-1].body == b'{"name":"new"}'
