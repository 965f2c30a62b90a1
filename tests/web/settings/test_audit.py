"""Settings → Audit: before and after, links, filters, pages (specification section 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests.support import pages
from tests.support.sent_form import sent_untouched
from tests.test_main_job import document
from webhookui.installation import Installation
from webhookui.notifications import mail_settings
from webhookui.notifications.mail_settings import SmtpServer
from webhookui.people import accounts, audit
from webhookui.people.tables import AuditEntry
from webhookui.webhooks.definition import MASK
from webhookui.workflows import store


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("audit")) as app:
        yield app


@pytest.fixture
def installation(app: Flask) -> Installation:
    pages.with_account(app, *pages.ADMIN, "admin")
    pages.with_account(app, *pages.USER, "user")
    installation: Installation = app.extensions["webhookui"]
    pages.empty(installation.db, "audit_entry", "stored_setting")
    return installation


@pytest.fixture
def ann(app: Flask, installation: Installation) -> FlaskClient:
    return pages.admin(app)


def rows(page: str) -> list[str]:
    """The text of each row."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in re.findall(r"<tr>.*?</tr>", body, re.S)]


def note(installation: Installation, *subjects: str, kind: str = "workflow", by: str = "", **more: Any) -> None:
    with installation.db.write() as session:
        who = accounts.by_email(session, by) if by else None
        for subject in subjects:
            audit.note(session, who, "changed", kind, "1", subject, **more)


def test_a_user_who_was_changed_stands_there_with_before_after_and_a_link(
    ann: FlaskClient, installation: Installation
) -> None:
    with installation.db.read() as session:
        sam = accounts.by_email(session, pages.USER[0])
    ann.post(f"/settings/users/{sam.id}", data={"name": "Samuel", "role": "admin"})
    page = ann.get("/settings/audit").text
    (row,) = rows(page)
    assert "changed user Samuel" in row and "name: Sam became Samuel" in row and "role: user became admin" in row
    assert f'<a href="/settings/users/{sam.id}">Samuel</a>' in page and "Ann" in row
    ann.post(f"/settings/users/{sam.id}", data={"name": "Sam", "role": "user"})


def test_a_workflow_is_told_part_by_part_and_its_secrets_as_dots(ann: FlaskClient, installation: Installation) -> None:
    doc = document("https://api.example.com/x")
    doc["actions"][0]["authorization"] = {"type": "basic", "username": "u", "password": "planted-old"}
    with installation.db.write() as session:
        by = accounts.by_email(session, pages.ADMIN[0])
        workflow_id = store.create(session, installation.box, doc, by).id or 0
    with installation.db.write() as session:
        shown = store.to_document(session, store.get(session, workflow_id), with_ids=True)
        shown["name"], shown["actions"][0]["timeout_s"] = "Renamed", 25
        shown["actions"][0]["authorization"]["password"] = "planted-new"
        store.replace(session, installation.box, workflow_id, shown, by)
        store.set_active(session, workflow_id, not doc["active"], by)
    page = ann.get("/settings/audit").text
    switched, changed, _created = rows(page)
    assert f"name: {doc['name']} became Renamed" in changed and "actions 1 › timeout s: 10 became 25" in changed
    assert f"password: {MASK} became {MASK}" in changed and "planted" not in page and changed.count("became") == 3
    assert "active:" in switched and f'href="/settings/workflows/{workflow_id}"' in page
    with installation.db.write() as session:
        store.delete(session, workflow_id, by)
    assert f'href="/settings/workflows/{workflow_id}"' not in ann.get("/settings/audit").text


def test_a_save_that_changes_nothing_says_nothing_of_secrets(installation: Installation) -> None:
    doc = document("https://api.example.com/x")
    doc["actions"][0]["authorization"] = {"type": "bearer", "token": "planted"}
    doc["actions"][0]["signing"] = {}
    with installation.db.write() as session:
        by = accounts.by_email(session, pages.ADMIN[0])
        workflow_id = store.create(session, installation.box, doc, by).id or 0
    with installation.db.write() as session:
        shown = store.to_document(session, store.get(session, workflow_id), with_ids=True)
        store.replace(session, installation.box, workflow_id, shown, by)
    with installation.db.read() as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert last is not None and last.action == "changed" and last.details == {}


def test_fields_settings_and_tokens_are_told_and_lead_to_their_pages(
    ann: FlaskClient, installation: Installation
) -> None:
    ann.post("/settings/modules/deals", data={"label": "Size", "type": "picklist", "options": "S\nM"})
    size = sent_untouched(ann.get("/settings/modules/deals/size").text, "/settings/modules/deals/size")
    size["label"] = "Sizes"
    ann.post("/settings/modules/deals/size", data=size)
    ann.post("/settings/network", data={"networks": "10.0.0.0/8", "hosts": ""})
    ann.post("/settings/retention", data={"retention_days": "12"})
    ann.post("/account/tokens", data={"name": "Nightly"})
    with installation.db.write() as session:
        by = accounts.by_email(session, pages.ADMIN[0])
        mail_settings.save(
            session, installation.box, SmtpServer("mail.example", 25, "none", "a@b.example", "u", "planted"), by
        )
        mail_settings.save(
            session, installation.box, SmtpServer("mail.example", 25, "none", "a@b.example", "u", "planted2"), by
        )
    page = ann.get("/settings/audit").text
    mail, first_mail, token, retention, network, field, _new_field = rows(page)
    assert f"password: {MASK} became {MASK}" in mail and mail.count("became") == 1 and "planted" not in page
    assert "host: empty became mail.example" in first_mail and "user: Ann" in token
    assert "days: 90 became 12" in retention and "networks: empty became 10.0.0.0/8" in network
    assert "label: Size became Sizes" in field
    for href in (
        "/settings/mail",
        "/settings/retention",
        "/settings/network",
        "/settings/modules/deals",
        f"/settings/users/{by.id}",
    ):
        assert f'<a href="{href}">' in page.partition("<tbody>")[2], href


def test_filters_by_who_what_when_and_text_hold_together(ann: FlaskClient, installation: Installation) -> None:
    note(installation, "Alpha", by=pages.ADMIN[0], details={"name": ["Čapek", "Kafka"]})
    note(installation, "Alpha", kind="field", by=pages.USER[0])
    note(installation, "Beta", by=pages.USER[0])
    note(installation, "Gamma")
    with installation.db.read() as session:
        ids = {
            name: accounts.by_email(session, email).id
            for name, email in (("ann", pages.ADMIN[0]), ("sam", pages.USER[0]))
        }
    for query, expected in (
        ("", ["Gamma", "Beta", "Alpha", "Alpha"]), (f"who={ids['sam']}", ["Beta", "Alpha"]), ("who=command line", ["Gamma"]),
        ("kind=field", ["Alpha"]), ("q=ALPHA", ["Alpha", "Alpha"]), ("q=čapek", ["Alpha"]), ("q=alpha+workflow", ["Alpha"]),
        (f"who={ids['ann']}&kind=workflow&q=kafka", ["Alpha"]), (f"who={ids['ann']}&q=beta", []), ("q=100%25", []), ("q=_", []),
    ):  # fmt: skip
        found_rows = rows(ann.get(f"/settings/audit?{query}").text)
        assert [row.split()[2] for row in found_rows] == expected, query
    assert "Nothing matches" in ann.get("/settings/audit?q=nothing").text


def test_days_are_those_of_the_users_time_zone_and_both_ends_are_included(
    ann: FlaskClient, installation: Installation
) -> None:
    prague = ZoneInfo("Europe/Prague")
    with installation.db.write() as session:
        accounts.by_email(session, pages.ADMIN[0]).time_zone = "Europe/Prague"
    times = {"late": datetime(2026, 3, 1, 23, 59, tzinfo=prague), "early": datetime(2026, 3, 2, 0, 0, tzinfo=prague)}
    note(installation, *times)
    with installation.db.write() as session:
        for name, at in times.items():
            session.execute(update(AuditEntry).where(AuditEntry.subject == name).values(at=at))  # type: ignore[arg-type]
    for query, expected in (
        ("since=2026-03-02", ["early"]), ("until=2026-03-01", ["late"]), ("since=2026-03-01&until=2026-03-02", ["early", "late"]),
        ("since=2026-03-03", []),
    ):  # fmt: skip
        assert [row.split()[2] for row in rows(ann.get(f"/settings/audit?{query}").text)] == expected, query
    with installation.db.write() as session:
        accounts.by_email(session, pages.ADMIN[0]).time_zone = "UTC"


@pytest.mark.parametrize(
    ("query", "words"),
    [("since=never", "“never” is not a day"), ("until=2026-13-01", "is not a day"), ("kind=record", "A kind is one of"),
     ("who=mallory", "Choose somebody"), ("until=9999-12-31", "too far away")],
)  # fmt: skip
def test_a_filter_that_can_not_be_read_shows_nothing_and_says_so(
    ann: FlaskClient, installation: Installation, query: str, words: str
) -> None:
    note(installation, "Alpha")
    answer = ann.get(f"/settings/audit?{query}")
    assert answer.status_code == 422 and words in unescape(answer.text) and "Nothing is shown" in answer.text
    assert "Alpha" not in answer.text


def test_pages_follow_the_key_and_keep_the_filter_while_more_is_written(
    ann: FlaskClient, installation: Installation
) -> None:
    note(installation, *(f"w{number}" for number in range(120)))
    note(installation, "other", kind="field")
    seen: list[str] = []
    address = "/settings/audit?kind=workflow"
    while address:
        page = ann.get(address).text
        seen += [row.split()[2] for row in rows(page)]
        note(installation, "meanwhile")
        following = re.search(r'href="([^"]+)" rel="next"', page)
        address = unescape(following[1]) if following else ""
    assert seen == [f"w{number}" for number in reversed(range(120))]


def test_what_entries_say_is_escaped_and_long_values_are_cut(ann: FlaskClient, installation: Installation) -> None:
    evil = "<script>alert(1)</script>"
    note(installation, evil, details={evil: [evil, "x" * 5000], "fact": evil})
    page = ann.get("/settings/audit").text
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "x" * 501 not in page
