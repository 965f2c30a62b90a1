"""The bell, its list, and the banners that every page of an admin shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.log_rows import add_delivery
from tests.support.pages import ADMIN, USER, admin, app_in, empty, user
from webhookui.core.database import now
from webhookui.delivery.tables import Endpoint, WorkerProcess
from webhookui.installation import Installation
from webhookui.notifications import inbox
from webhookui.notifications.inbox import Event
from webhookui.people import accounts


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with app_in(tmp_path_factory.mktemp("bell")) as new_app:
        yield new_app


@pytest.fixture
def installation(app: Flask) -> Installation:
    installation: Installation = app.extensions["webhookui"]
    empty(installation.db, "notification", "delivery_request", "delivery", "endpoint", "worker_process")
    look_again(app)
    return installation


@pytest.fixture
def ann(app: Flask, installation: Installation) -> FlaskClient:
    return admin(app)


@pytest.fixture
def sam(app: Flask, installation: Installation) -> FlaskClient:
    return user(app)


def look_again(app: Flask) -> None:
    """Without waiting for the two seconds in which the state is remembered."""
    app.extensions["webhookui_watch"]._looked_at = -10.0


def notify(installation: Installation, email: str, number: int = 1, key: str = "failed:1", **values: str) -> None:
    with installation.db.write() as session:
        person = accounts.by_email(session, email).id or 0
        for count in range(1, number + 1):
            event = Event(
                person, key, f"“Create invoice” failed for Deal {count}", "deliveries of “Create invoice” failed",
                text="It answered <500>.", url=f"/log/{count}", url_many="/log?status=failed&webhook_id=1",
            )  # fmt: skip
            inbox.notify(session, [event], now())


def unread(page: str) -> str:
    match = re.search(r'id="bell"[^>]*aria-label="Notifications(?:, (\S+) unread)?"', page)
    assert match
    return match[1] or "0"


def test_an_owner_who_is_no_admin_sees_her_entries_and_nobody_elses(
    ann: FlaskClient, sam: FlaskClient, installation: Installation
) -> None:
    notify(installation, USER[0])
    assert unread(sam.get("/records/deals").text) == "1"
    assert unread(ann.get("/records/deals").text) == "0"
    page = sam.get("/notifications").text
    assert "“Create invoice” failed for Deal 1" in page
    assert "It answered &lt;500&gt;." in page
    number = re.search(r'action="/notifications/(\d+)"', page)
    assert number
    assert ann.post(f"/notifications/{number[1]}").status_code == 404
    opened = sam.post(f"/notifications/{number[1]}")
    assert (opened.status_code, opened.headers["Location"]) == (303, "/log/1")
    assert unread(sam.get("/records/deals").text) == "0"


def test_what_happens_again_joins_the_unread_entry_and_a_read_one_stays_as_it_is(
    ann: FlaskClient, installation: Installation
) -> None:
    notify(installation, ADMIN[0], 3)
    notify(installation, ADMIN[0], 1, key="failed:2")
    page = ann.get("/notifications").text
    assert unread(page) == "2"
    assert "3 deliveries of “Create invoice” failed" in page
    joined = re.findall(r'action="/notifications/(\d+)"', page)[1]
    assert ann.post(f"/notifications/{joined}").headers["Location"] == "/log?status=failed&webhook_id=1"
    notify(installation, ADMIN[0], 1)
    page = ann.get("/notifications").text
    assert unread(page) == "2"
    assert "3 deliveries" in page and "4 deliveries" not in page
    ann.post("/notifications/read")
    page = ann.get("/notifications").text
    assert unread(page) == "0"
    assert "Mark all as read" not in page


def test_the_list_has_pages_and_the_badge_an_end(ann: FlaskClient, installation: Installation) -> None:
    for number in range(105):
        notify(installation, ADMIN[0], 1, key=f"failed:{number}")
    page = ann.get("/notifications").text
    assert unread(page) == "99+"
    seen: set[str] = set()
    url: str | None = "/notifications"
    while url:
        page = ann.get(url).text
        matches = re.findall(r'action="/notifications/(\d+)"', page)
        assert not seen & set(matches)
        seen |= set(matches)
        following = re.search(r'href="(/notifications\?before=\d+)" rel="next"', page)
        url = following[1] if following else None
    assert len(seen) == 105


def token(page: str) -> str:
    match = re.search(r'hx-get="(/notifications/live\?token=[^"]*)"', page)
    assert match
    return match[1]


def test_a_page_that_asks_gets_nothing_until_something_moved(ann: FlaskClient, installation: Installation) -> None:
    with installation.db.write() as session:
        session.add(WorkerProcess(id="w", host="h", pid=1))
    url = token(ann.get("/records/deals").text)
    assert ann.get(url).status_code == 204
    notify(installation, ADMIN[0])
    moved = ann.get(url)
    assert moved.status_code == 200
    assert unread(moved.text) == "1"
    assert ann.get(token(moved.text)).status_code == 204


def test_a_page_whose_session_has_ended_is_left_alone(app: Flask, installation: Installation) -> None:
    answer = app.test_client().get("/notifications/live?token=x", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert "HX-Redirect" not in answer.headers


class TestTheQueue:
    def page(self, app: Flask, client: FlaskClient) -> str:
        look_again(app)
        return client.get("/records/deals").text

    def test_admins_are_told_on_every_page_that_nobody_works_on_it_and_users_are_not(
        self, app: Flask, ann: FlaskClient, sam: FlaskClient, installation: Installation
    ) -> None:
        with installation.db.write() as session:
            session.add(Endpoint(endpoint_key="https://paused.example.com:443", state="open"))
            for key, minutes in (("https://paused.example.com:443", 500), ("https://api.example.com:443", 125)):
                created_at = now() - timedelta(minutes=minutes)
                add_delivery(session, status="queued", endpoint_key=key, created_at=created_at)
        for path in ("/records/deals", "/log", "/settings/mail", "/account/", "/nothing-here"):
            look_again(app)
            text = ann.get(path).text
            assert "The queue is not being worked on" in text, path
            assert "Queued for 2 h 5 min" in text
        assert "not being worked on" not in self.page(app, sam)

    def test_it_is_gone_when_a_worker_is_seen_and_answers(
        self, app: Flask, ann: FlaskClient, installation: Installation
    ) -> None:
        text = self.page(app, ann)
        assert "No worker process is running" in text
        assert "No delivery is waiting yet" in text
        with installation.db.write() as session:
            session.add(WorkerProcess(id="w", host="h", pid=1, seen_at=now() - timedelta(minutes=3)))
        assert "The last worker process was seen at" in self.page(app, ann)
        with installation.db.write() as session:
            session.merge(WorkerProcess(id="w", host="h", pid=1, answered_at=now() - timedelta(minutes=3)))
        assert "its queue does not respond" in self.page(app, ann)
        with installation.db.write() as session:
            session.merge(WorkerProcess(id="w", host="h", pid=1))
        assert "not being worked on" not in self.page(app, ann)
