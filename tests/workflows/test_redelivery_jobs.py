"""A job that redelivers 2,000 deliveries in a real installation: cancelled in the middle, killed in the middle."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import select

from tests.support.log_rows import add_copies, add_failed
from tests.support.prepared import EMAIL, PASSWORD
from tests.support.receiver import Receiver
from tests.support.running import Running, running, until
from webhookui.core.background_jobs import Job
from webhookui.core.database import Database
from webhookui.definitions.tables import WorkflowAction
from webhookui.delivery.tables import Delivery

MANY = 2000


class Browser:
    """A logged-in session that sends forms as a browser does."""

    def __init__(self, installation: Running) -> None:
        self._address = installation.address
        self._session = requests.Session()
        self._session.trust_env = False
        self.post("/login", "/login", email=EMAIL, password=PASSWORD)

    def get(self, path: str) -> str:
        answer = self._session.get(self._address + path, timeout=30)
        assert answer.ok, answer.text
        return answer.text

    def post(self, page: str, path: str, **form: str) -> str:
        """Sends a form of `page`; gives the path that the answer led to."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page))
        assert token is not None
        answer = self._session.post(self._address + path, data={**form, "csrf_token": token[1]}, timeout=30)
        assert answer.ok, answer.text
        return answer.url.removeprefix(self._address)


@pytest.fixture
def installation(tmp_path: Path, receiver: Receiver) -> Iterator[Running]:
    """With 2,000 failed deliveries to the receiver."""
    with running(tmp_path) as started:
        action = {"type": "webhook", "title": "Create invoice", "url": f"{receiver.url}/invoices", "method": "POST"}
        started.call(
            "POST",
            "/workflows",
            {"name": "Invoice", "module": "deals", "active": True, "actions": [action], "trigger": {"on": "create"}},
        )
        started.stop()
        db = database(started)
        with db.write() as session:
            webhook = session.scalars(select(WorkflowAction)).one()
            url, host = f"{receiver.url}/invoices", "127.0.0.1"
            where = {
                "workflow_id": webhook.workflow_id,
                "webhook_id": webhook.id,
                "url": url,
                "host": host,
                "endpoint_key": receiver.url,
            }
            add_copies(session, add_failed(session, **where), MANY - 1)
        db.close()
        started.start()
        yield started


def database(installation: Running) -> Database:
    return Database(f"sqlite:///{installation.folder / 'webhookui.db'}")


def job_of(db: Database) -> Job:
    with db.read() as session:
        return session.scalars(select(Job)).one()


def repeated(db: Database) -> Counter[int | None]:
    with db.read() as session:
        return Counter(session.scalars(select(Delivery.redelivery_of).where(Delivery.redelivery_of.is_not(None))))  # type: ignore


def begin(browser: Browser) -> str:
    return browser.post("/log/redeliveries/new?status=failed", "/log/redeliveries?status=failed", payload="original")


def test_cancelled_in_the_middle_it_makes_no_more_and_tells_what_it_made(
    installation: Running, receiver: Receiver
) -> None:
    browser, db = Browser(installation), database(installation)
    page = begin(browser)
    until(lambda: job_of(db).created >= 100, 30)
    browser.post(page, f"{page}/cancel")
    redelivered = job_of(db).created
    assert 100 <= redelivered < MANY
    assert f"{redelivered:,} sent again, {MANY - redelivered:,} not processed" in " ".join(browser.get(page).split())
    until(lambda: len(receiver.requests) >= redelivered, 60, lambda: f"{len(receiver.requests)} of {redelivered}")
    assert len(repeated(db)) == redelivered
    assert job_of(db).created == redelivered


def test_killed_in_the_middle_it_goes_on_after_the_start_and_none_is_sent_twice(
    installation: Running, receiver: Receiver
) -> None:
    browser, db = Browser(installation), database(installation)
    page = begin(browser)
    until(lambda: job_of(db).created >= 100, 30)
    installation.kill()
    job = job_of(db)
    assert job.finished_at is None
    assert 100 <= job.created < MANY
    assert len(repeated(db)) == job.created  # what is written is counted, and what is counted is written
    installation.start()
    until(lambda: job_of(db).finished_at is not None, 60, lambda: str(job_of(db).created))
    assert (job_of(db).created, job_of(db).rejected) == (MANY, 0)
    times = repeated(db)
    assert len(times) == MANY and set(times.values()) == {1}
    assert f"{MANY:,} sent again" in Browser(installation).get(page)
