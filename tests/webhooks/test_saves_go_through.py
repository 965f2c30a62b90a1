"""Whatever a workflow's template, value or setting raises, the save goes through and the delivery says why
(specification section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from tests.conftest import BOTH, database_url
from tests.support.working import Working, working
from webhookui.crm.operators import OPERATORS
from webhookui.crm.tables import Change
from webhookui.delivery.events import deliveries_failed
from webhookui.delivery.tables import Delivery, DeliveryRequest

ANYWHERE = "http://127.0.0.1:9/"
HEALTHY = {"url": ANYWHERE, "parameters": [{"name": "n", "value": "{{ last_name }}"}]}


@pytest.fixture(params=BOTH)
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Working]:
    url = database_url(request.param, request)
    with working(tmp_path, **({"database_url": url} if url else {})) as crm:
        yield crm


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Working]:
    with working(tmp_path) as crm:
        yield crm


def raising(error: BaseException) -> Any:
    def it(*_args: Any, **_kwargs: Any) -> Any:
        raise error

    return it


EXCEPTIONS: list[tuple[Exception, str]] = [
    (AssertionError("expected length >= 3"), "expected length >= 3"),
    (AssertionError(), "an error of type AssertionError"),
    (OverflowError("int too large"), "too large"),
    (MemoryError(), "too much memory"),
    (RecursionError("maximum recursion depth"), "nested too deeply"),
    (ZeroDivisionError("division by zero"), "a division by zero"),
    (KeyError("nowhere"), "nowhere"),
    (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), "half a character"),
    (NameError("name 'inf' is not defined"), "'inf'"),
    (SyntaxError("too many statically nested blocks"), "statically nested"),
    (StopIteration(), "StopIteration"),
    (RuntimeError("half \ud800, \0, and long" + "x" * 10_000), "half \\ud800, \\0"),
]


@pytest.mark.parametrize(("error", "words"), EXCEPTIONS, ids=lambda value: type(value).__name__)
def test_whatever_a_value_raises_ends_its_own_delivery_with_its_place(
    on_sqlite: Working, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    crm = on_sqlite
    bad = {"url": ANYWHERE, "parameters": [{"name": "a.b", "value": "{{ record.url }}"}]}
    crm.workflow("contacts", bad, HEALTHY)
    crm.workflow("contacts", HEALTHY)
    monkeypatch.setattr("webhookui.webhooks.templating.template.plain", raising_for("/records/", error))
    contact = crm.create("contacts", last_name="A")
    first, second, third = crm.deliveries()
    assert [first.status, second.status, third.status] == ["failed", "queued", "queued"]
    assert (first.error or "").startswith("Parameter a.b: ")
    assert words in (first.error or "")
    assert len(first.error or "") < 2000
    assert crm.values("contacts", contact)["last_name"] == "A"


def raising_for(part: str, error: Exception) -> Any:
    from webhookui.webhooks.values import plain

    def either(value: Any) -> Any:
        if part in str(value):
            raise error
        return plain(value)

    return either


REFUSE_BODIES = {
    "sqlite": [
        "create trigger poison before insert on delivery_request when instr(new.body, 'poison') > 0 "
        "begin select raise(abort, 'this body can not be held'); end"
    ],
    "postgresql": [
        "create function poison() returns trigger as $$ begin "
        "if position('poison'::bytea in new.body) > 0 then raise exception 'this body can not be held'; end if; "
        "return new; end $$ language plpgsql",
        "create trigger poison before insert on delivery_request for each row execute function poison()",
    ],
}


def test_what_the_database_does_not_take_ends_that_delivery_alone(crm: Working) -> None:
    crm.workflow("contacts", HEALTHY, trigger={"on": "create_or_update", "recurrence": "first_time"})
    crm.workflow("contacts", HEALTHY, {"url": ANYWHERE + "x"}, HEALTHY)
    with crm.db.write() as session:
        for statement in REFUSE_BODIES[session.get_bind().dialect.name]:
            session.execute(text(statement))
    contact = crm.create("contacts", last_name="poison")
    deliveries = crm.deliveries()
    assert [delivery.status for delivery in deliveries] == ["failed", "failed", "queued", "failed"]
    assert deliveries[0].error == "The request can't be stored: this body can not be held"
    assert crm.last()[1].body is None
    crm.update("contacts", contact, last_name="B")
    assert [delivery.status for delivery in crm.deliveries()[4:]] == ["queued"] * 3, "the first time was noted"


def test_criteria_that_cannot_be_checked_fail_their_own_workflow(
    on_sqlite: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = on_sqlite
    condition = {"field": "last_name", "operator": "contains", "value": "A"}
    monkeypatch.setitem(OPERATORS, "contains", replace(OPERATORS["contains"], test=raising(OverflowError("date"))))
    crm.workflow("contacts", HEALTHY, HEALTHY, criteria={"all": [condition], "any": []})
    crm.workflow("contacts", HEALTHY)
    crm.create("contacts", last_name="A")
    deliveries = crm.deliveries()
    assert [delivery.status for delivery in deliveries] == ["failed", "failed", "queued"]
    assert deliveries[0].error == "The entry criteria can't be checked: a number or date that is too large."


@pytest.mark.usefixtures("saved_untried")
def test_a_failure_that_cannot_be_told_of_stops_nothing(crm: Working) -> None:
    def writes_and_raises(session: Any, deliveries: list[Delivery]) -> None:
        session.add(
            Change(module="contacts", record_id=1, record_name="half told", kind="x", at=deliveries[0].created_at)
        )
        session.flush()
        raise LookupError("no such mail")

    crm.workflow("contacts", {"url": ANYWHERE, "parameters": [{"name": "a", "value": "", "required": True}]}, HEALTHY)
    deliveries_failed.connect(crm.db, writes_and_raises)
    crm.create("contacts", last_name="A")
    assert [delivery.status for delivery in crm.deliveries()] == ["failed", "queued"]
    with crm.db.read() as session:
        assert session.scalar(text("select count(*) from change where kind = 'x'")) == 0


def test_stale_retries_that_cannot_be_ended_fail_the_newer_delivery(
    on_sqlite: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm = on_sqlite
    crm.workflow("contacts", {**HEALTHY, "drop_stale_retries": True}, HEALTHY)
    monkeypatch.setattr("webhookui.delivery.retries.supersede_older", raising(TypeError("no order")))
    crm.create("contacts", last_name="A")
    assert [delivery.status for delivery in crm.deliveries()] == ["failed", "queued"]


def test_a_database_that_is_full_fails_the_save_and_no_delivery(on_sqlite: Working) -> None:
    """The save can be tried again; a delivery that ended Failed could not."""
    crm = on_sqlite
    crm.workflow("contacts", HEALTHY)

    def full(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "INSERT INTO delivery_request" in statement:
            raise OperationalError(statement, {}, Exception("database or disk is full"))

    event.listen(crm.db.engine, "before_cursor_execute", full)
    with pytest.raises(OperationalError):
        crm.create("contacts", last_name="A")
    event.remove(crm.db.engine, "before_cursor_execute", full)
    assert crm.deliveries() == []
    with crm.db.read() as session:
        assert session.query(DeliveryRequest).count() == 0
