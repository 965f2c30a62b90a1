"""Redelivering in the browser (specification section 6), without a browser: one, the selected, all that match;
what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support import pages
from tests.support.log_rows import add_delivery, add_failed, add_webhook
from webhookui.core import background_jobs
from webhookui.core.background_jobs import Job
from webhookui.core.database import Database, now
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log import indexing, search
from webhookui.notifications.tables import Notice, Notification, OutgoingMail
from webhookui.workflows import redelivery_jobs

KINDS = {redelivery_jobs.REDELIVERY: redelivery_jobs.kind("http://127.0.0.1:8000")}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("redeliveries")) as app:
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.LOG)
    return database


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return pages.admin(app)


def work(db: Database) -> None:
    """What a worker does when the bell rings."""
    while background_jobs.work(db, KINDS):
        pass


def repeated(db: Database) -> list[int | None]:
    with db.read() as session:
        return list(
            session.scalars(
                select(Delivery.redelivery_of).where(Delivery.redelivery_of.is_not(None)).order_by(Delivery.id)
            )
        )  # type: ignore


def failed(db: Database, number: int, **values: object) -> list[int | None]:
    with db.write() as session:
        webhook = add_webhook(session)
        return [add_failed(session, **{"webhook_id": webhook, **values}).id for _ in range(number)]


def test_redelivering_one_leads_to_the_new_delivery(client: FlaskClient, db: Database) -> None:
    [old] = failed(db, 1)
    answer = client.post(f"/log/{old}/redeliver", data={"payload": "original"})
    with db.read() as session:
        fresh = session.query(Delivery).filter_by(redelivery_of=old).one()
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/log/{fresh.id}")
    assert f"/log/{fresh.id}" in client.get(f"/log/{old}").text


@pytest.mark.parametrize("selected", [False, True])
def test_what_the_third_party_took_already_is_sent_again_when_that_was_asked(
    client: FlaskClient, db: Database, selected: bool
) -> None:
    with db.write() as session:
        took = add_delivery(session, webhook_id=add_webhook(session)).id
    path, form = ("/log/redeliver", {"ids": str(took)}) if selected else (f"/log/{took}/redeliver", {})
    asked = client.post(path, data={"payload": "current", **form})
    page = client.get(asked.headers["Location"]).text
    assert "the third party will get these again" in page and "Redeliver 1" in page
    assert re.search(r'value="current"[^>]*checked', page)
    work(db)
    assert repeated(db) == []
    assert (
        client.post("/log/redeliver", data={"payload": "original", "asked": "1", "ids": str(took)}).status_code == 303
    )
    work(db)
    assert repeated(db) == [took]


def test_what_can_not_be_redelivered_is_told(client: FlaskClient, db: Database) -> None:
    [old] = failed(db, 1, webhook_id=None)
    page = client.post(f"/log/{old}/redeliver", follow_redirects=True).text
    assert "The webhook of this delivery no longer exists." in page


def test_the_selected_are_sent_again_in_the_order_of_the_log(client: FlaskClient, db: Database) -> None:
    first, second, third = failed(db, 3)
    answer = client.post("/log/redeliver", data={"scope": "selected", "ids": [third, first, first]})
    page = answer.headers["Location"]
    assert "waiting for a worker" in client.get(page).text
    work(db)
    assert repeated(db) == [first, third]
    assert second not in repeated(db)
    assert "2 sent again." in " ".join(client.get(page).text.split())


def test_all_that_match_are_asked_about_first_and_then_sent_again(client: FlaskClient, db: Database) -> None:
    expected = failed(db, 3)
    with db.write() as session:
        add_delivery(session)
    indexing.index_some(db)
    asked = client.post("/log/redeliver?status=failed", data={"scope": "matching", "payload": "current"})
    page = client.get(asked.headers["Location"]).text
    assert "Redeliver 3" in page and re.search(r'value="current" checked', page)
    assert repeated(db) == []
    job = client.post("/log/redeliveries?status=failed", data={"payload": "original"}).headers["Location"]
    work(db)
    assert repeated(db) == expected
    assert "Failed" in client.get(job).text


def test_the_page_that_asks_counts_a_text_much_further_than_the_log_does(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_COUNTED", 2)
    failed(db, 7)
    assert "2+" in client.get("/log?q=invoices&status=failed").text
    assert "Redeliver 7<" in client.get("/log/redeliveries/new?q=invoices&status=failed").text


def test_what_a_job_makes_is_not_sent_again_by_it(client: FlaskClient, db: Database) -> None:
    expected = failed(db, 45)
    client.post("/log/redeliveries?host=api.example.com", data={"payload": "original"})
    work(db)
    assert repeated(db) == expected


def test_a_filter_that_can_not_be_read_is_not_taken_for_a_wider_one(client: FlaskClient, db: Database) -> None:
    failed(db, 2)
    answer = client.post("/log/redeliveries?status_code=teapot", data={"payload": "original"})
    assert "can’t be read" in client.get(answer.headers["Location"]).text
    work(db)
    assert repeated(db) == []


def test_the_refused_are_summed_up_by_their_reasons_and_stop_no_others(client: FlaskClient, db: Database) -> None:
    gone = failed(db, 2, webhook_id=None)
    good = failed(db, 1)
    job = client.post("/log/redeliver", data={"scope": "selected", "ids": [*gone, *good, 987654]}).headers["Location"]
    work(db)
    page = " ".join(client.get(job).text.split())
    assert "1 sent again, 3 refused." in page
    assert "The webhook of this delivery no longer exists." in page
    assert "It is no longer in the log." in page
    assert f'<a href="/log/{gone[1]}">' in page
    assert repeated(db) == good


def test_current_payload_without_the_record_is_refused_in_words(client: FlaskClient, db: Database) -> None:
    ids = failed(db, 1, record_id=4711)
    job = client.post("/log/redeliver", data={"ids": ids, "payload": "current"}).headers["Location"]
    work(db)
    assert "Redeliver with the original payload." in client.get(job).text


MANY = {"original": "failed", "try_now": "retry", "give_up": "queued"}
"""What is done to many → the status of those that it is done to."""


def done(db: Database, ids: Sequence[int | None]) -> list[int | None]:
    """Those of the deliveries that something was done to, as often as it was: sent again, or moved."""
    with db.read() as session:
        moved = [delivery_id for delivery_id in ids for _ in range(session.get(Delivery, delivery_id).version - 1)]  # type: ignore[union-attr]
    return sorted([*repeated(db), *moved], key=lambda delivery_id: delivery_id or 0)


@pytest.mark.parametrize("act", MANY)
def test_a_cancelled_job_makes_nothing_more_and_says_who_ended_it(client: FlaskClient, db: Database, act: str) -> None:
    ids = failed(db, 30, status=MANY[act])
    job = client.post("/log/redeliver", data={"ids": ids, "payload": act, "asked": "1"}).headers["Location"]
    number = int(job.rpartition("/")[2])
    background_jobs.step(db, KINDS, number, redelivery_jobs.REDELIVERY)
    client.post(f"{job}/cancel")
    work(db)
    page = " ".join(client.get(job).text.split())
    assert done(db, ids) == ids[: redelivery_jobs.BATCH]
    assert "Cancelled by" in page and "10 not processed" in page
    client.post(f"{job}/cancel")  # one that has ended stays as it is
    assert "10 not processed" in " ".join(client.get(job).text.split())


@pytest.mark.parametrize("act", MANY)
def test_a_worker_that_dies_in_the_middle_leaves_none_out_and_does_none_twice(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    class Killed(BaseException):
        pass

    ids = failed(db, 30, status=MANY[act])
    job = client.post("/log/redeliver", data={"ids": ids, "payload": act, "asked": "1"}).headers["Location"]
    original = redelivery_jobs.ACTS[act]

    def dies(session: Session, number: int, by: str, address: str) -> None:
        original.run(session, number, by, address)
        if number == ids[25]:
            raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setitem(redelivery_jobs.ACTS, act, replace(original, run=dies))  # type: ignore[arg-type]
        work(db)
    assert done(db, ids) == ids[: redelivery_jobs.BATCH]
    work(db)
    assert done(db, ids) == ids
    assert f"30 {original.done}." in " ".join(client.get(job).text.split())


def test_a_running_job_is_found_from_the_log_and_its_end_is_told_there(client: FlaskClient, db: Database) -> None:
    ids = failed(db, 2)
    job = client.post("/log/redeliver", data={"ids": ids}).headers["Location"]
    assert f'href="{job}"' in client.get("/log").text
    assert job in client.get("/log/redeliveries").text
    strip = client.get("/log/redeliveries/running").text
    asks = re.search(r'hx-get="([^"]+)"', strip)
    assert asks is not None
    work(db)
    ending = client.get(asks[1]).text
    assert "has finished: 2 sent again" in " ".join(ending.split())
    assert "hx-get" not in ending  # and then it is quiet


def test_a_fragment_asks_again_only_while_the_job_runs(client: FlaskClient, db: Database) -> None:
    job = client.post("/log/redeliver", data={"ids": failed(db, 1)}).headers["Location"]
    htmx = {"HX-Request": "true"}
    running = client.get(job, headers=htmx).text
    assert "<html" not in running and f'hx-get="{job}"' in running
    work(db)
    assert "hx-get" not in client.get(job, headers=htmx).text


def test_only_admins_redeliver(app: Flask, client: FlaskClient, db: Database) -> None:
    ids = failed(db, 1)
    job = client.post("/log/redeliver", data={"ids": ids}).headers["Location"]
    user = pages.user(app)
    for path in ("/log/redeliveries", job, "/log/redeliveries/new", "/log/redeliveries/running"):
        assert user.get(path).status_code == 403, path
    for path in (f"/log/{ids[0]}/redeliver", "/log/redeliver", "/log/redeliveries", f"{job}/cancel"):
        assert user.post(path, data={"ids": ids}).status_code == 403, path
    with db.read() as session:
        assert [redelivery_job.finished_at for redelivery_job in session.query(Job)] == [None]


def test_a_job_that_does_not_exist_is_not_found(client: FlaskClient, db: Database) -> None:
    assert client.get("/log/redeliveries/4711").status_code == 404
    assert client.post("/log/redeliveries/4711/cancel").status_code == 404


def waiting(db: Database) -> list[int]:
    """One in Retry, one that has failed, one in Retry."""
    with db.write() as session:
        webhook = add_webhook(session)
        later = now() + timedelta(hours=1)
        deliveries = [
            add_delivery(session, webhook_id=webhook, status=status, next_attempt_at=at, failure_count=1)
            for status, at in (("retry", later), ("failed", None), ("retry", later))
        ]
        return [delivery.id or 0 for delivery in deliveries]


def states_of(db: Database, ids: list[int]) -> list[tuple[str, str | None]]:
    with db.read() as session:
        return [
            (delivery.status, delivery.error)
            for delivery in (session.get(Delivery, number) for number in ids)
            if delivery
        ]


def test_the_selected_are_tried_now_but_for_what_has_ended(client: FlaskClient, db: Database) -> None:
    ids = waiting(db)
    answer = client.post("/log/redeliver", data={"scope": "selected", "payload": "try_now", "ids": ids})
    work(db)
    with db.read() as session:
        due = [session.get(Delivery, number).next_attempt_at <= now() for number in (ids[0], ids[2])]  # type: ignore[union-attr, operator]
    page = " ".join(client.get(answer.headers["Location"]).text.split())
    assert due == [True, True]
    assert repeated(db) == []
    assert "2 tried now, 1 refused." in page
    assert "It has ended: Failed. It can be redelivered." in page


def test_giving_up_the_selected_asks_first_and_tells_by_whom(client: FlaskClient, db: Database) -> None:
    ids = waiting(db)
    asked = client.post("/log/redeliver", data={"scope": "selected", "payload": "give_up", "ids": ids[:2]})
    page = client.get(asked.headers["Location"]).text
    assert "Give up 2" in page and "without a mail" in page
    work(db)
    assert [status for status, _ in states_of(db, ids)] == ["retry", "failed", "retry"]
    form = {"scope": "selected", "payload": "give_up", "asked": "1", "ids": ",".join(map(str, ids[:2]))}
    job = client.post("/log/redeliver", data=form).headers["Location"]
    work(db)
    states = states_of(db, ids)
    assert [status for status, _ in states] == ["failed", "failed", "retry"]
    assert (states[0][1] or "").startswith("Given up by ")
    with db.read() as session:
        messages = [message for table in (Notice, Notification, OutgoingMail) for message in session.query(table)]
    assert messages == []
    assert "1 given up, 1 refused." in " ".join(client.get(job).text.split())


@pytest.mark.parametrize(("act", "title"), [("try_now", "Try now 2"), ("give_up", "Give up 2")])
def test_all_that_match_are_tried_now_or_given_up(client: FlaskClient, db: Database, act: str, title: str) -> None:
    ids = waiting(db)
    indexing.index_some(db)
    asked = client.post("/log/redeliver?status=retry", data={"scope": "matching", "payload": act})
    page = client.get(asked.headers["Location"]).text
    assert title in page and f'name="payload" value="{act}"' in page
    job = client.post("/log/redeliveries?status=retry", data={"payload": act}).headers["Location"]
    work(db)
    done = {"try_now": "2 tried now.", "give_up": "2 given up."}[act]
    assert done in " ".join(client.get(job).text.split())
    assert [status for status, _ in states_of(db, ids)].count("failed") == (1 if act == "try_now" else 3)


def test_what_waits_is_passed_over_with_the_way_out(client: FlaskClient, db: Database) -> None:
    ids = waiting(db)
    job = client.post("/log/redeliver", data={"scope": "selected", "ids": ids}).headers["Location"]
    work(db)
    page = client.get(job).text
    assert repeated(db) == [ids[1]]
    assert "use “Try now”" in page


UNREADABLE = [
    ("GET", "/log/redeliveries/new?payload=give-up", {}, "“give-up” is not a payload"),
    ("GET", "/log/redeliveries/new?payload=give_up&ids=abc", {}, "“abc” is not the number of a delivery."),
    ("GET", "/log/redeliveries/new?ids=1,abc", {}, "“abc” is not the number of a delivery."),
    ("GET", "/log/redeliveries/new?statsu=failed", {}, "There is no filter “statsu”."),
    ("GET", "/log/redeliveries/new?range=1y", {}, "“1y” is not one of: 1h"),
    ("POST", "/log/redeliver", {"payload": "give-up", "ids": "1"}, "“give-up” is not a payload"),
    ("POST", "/log/redeliver", {"ids": ["1", "abc"]}, "“abc” is not the number of a delivery."),
    ("POST", "/log/redeliver", {"scope": "all", "ids": "1"}, "“all” is not a scope"),
    ("POST", "/log/redeliver", {"payload": "give_up", "asked": "1", "ids": ""}, "Select the deliveries first."),
    ("POST", "/log/redeliveries", {"payload": "give-up"}, "“give-up” is not a payload"),
    ("POST", "/log/redeliveries", {"ids": "1"}, "This is for all that match the filter"),
    ("POST", "/log/redeliveries?statsu=failed", {}, "There is no filter “statsu”."),
    ("POST", "/log/redeliveries?range=1y", {}, "“1y” is not one of: 1h"),
    ("POST", "/log/redeliveries?status=failed&status=retry", {}, "This is given twice"),
    ("POST", "/log/1/redeliver", {"payload": "fresh"}, "“fresh” is not a payload"),
]


@pytest.mark.parametrize(("method", "path", "form", "words"), UNREADABLE)
def test_what_can_not_be_read_stands_neither_for_all_nor_for_another_act(
    client: FlaskClient, db: Database, method: str, path: str, form: dict[str, str], words: str
) -> None:
    [only] = failed(db, 1)
    path = path.replace("/1/", f"/{only}/")
    form = {name: str(only) if value == "1" and name == "ids" else value for name, value in form.items()}
    answer = client.open(path, method=method, data=form, follow_redirects=True)
    assert words in answer.text
    assert "Redeliver 1" not in answer.text
    work(db)
    assert repeated(db) == []
    with db.read() as session:
        assert list(session.query(Job)) == []


def test_the_page_that_asks_speaks_of_the_selected_and_not_of_a_filter(client: FlaskClient, db: Database) -> None:
    [only, _] = failed(db, 2)
    for act in redelivery_jobs.ACTS:
        page = client.get(f"/log/redeliveries/new?payload={act}&ids={only}&status=failed").text
        assert redelivery_jobs.ACTS[act].effect in page
        assert f'The selected: <a href="/log/{only}">' in page and f"{redelivery_jobs.ACTS[act].verb} 1<" in page
        assert "match" not in page.partition("<main")[2]
