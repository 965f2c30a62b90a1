"""Which endpoints are failing at the moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.log_rows import add_delivery
from webhookui.core.database import Database, now
from webhookui.delivery.tables import Endpoint
from webhookui.delivery_log.failing import FailingEndpoint, failing
from webhookui.migrations import migrate

A, B = "https://a.example:443", "https://b.example:443"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'webhookui.db'}")
    migrate(database, tmp_path / "backups")
    yield database
    database.close()


def add_deliveries(db: Database, *statuses: str, key: str = A, **values: Any) -> None:
    """Deliveries of these statuses, the oldest first, a minute between each two."""
    with db.write() as session:
        for age, status in zip(range(len(statuses), 0, -1), statuses, strict=True):
            due = now() + timedelta(hours=1) if status == "retry" else None
            error = None if status == "success" else f"It answered 50{age}."
            add_delivery(
                session, status=status, endpoint_key=key, host=key[8:17], error=error, next_attempt_at=due,
                **{"created_at": now() - timedelta(minutes=age), "attempt_count": int(status != "queued"), **values},
            )  # fmt: skip


def failing_endpoints(db: Database) -> dict[str, FailingEndpoint]:
    with db.read() as session:
        return {endpoint.endpoint_key: endpoint for endpoint in failing(session)}


def test_one_whose_newest_delivery_failed_is_failing_since_its_first_failure(db: Database) -> None:
    add_deliveries(db, "failed", "success", "failed", "retry", "queued")
    add_deliveries(db, "failed", "success", key=B)
    endpoint = failing_endpoints(db).pop(A)
    assert failing_endpoints(db).keys() == {A}
    assert (endpoint.error, endpoint.failed, endpoint.waiting, endpoint.endpoint) == ("It answered 502.", 1, 2, None)
    assert 2.9 < (now() - endpoint.since).total_seconds() / 60 < 3.2


@pytest.mark.parametrize("values", [{"test": True}, {"redelivery_of": 1}, {"attempt_count": 0}])
def test_tests_redeliveries_and_what_was_never_sent_say_nothing_of_an_endpoint(
    db: Database, values: dict[str, Any]
) -> None:
    add_deliveries(db, "success", "failed", **values)
    assert failing_endpoints(db) == {}


def test_a_paused_one_is_listed_first_even_when_nothing_of_it_is_left(db: Database) -> None:
    add_deliveries(db, "failed", key=A)
    with db.write() as session:
        opened = now() - timedelta(minutes=9)
        session.add(Endpoint(endpoint_key=B, state="open", opened_at=opened, last_error="It refused the connection."))
    endpoints = list(failing_endpoints(db).values())
    assert [(endpoint.endpoint_key, endpoint.error) for endpoint in endpoints] == [
        (B, "It refused the connection."),
        (A, "It answered 501."),
    ]
    assert endpoints[0].since == opened
