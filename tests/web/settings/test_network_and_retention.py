"""Settings → Network and → Retention: kept beside the environment's, checked, audited, and effective at once
(specification sections 7 and 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.support import log_rows, pages
from tests.support.receiver import Receiver
from tests.support.sending import sending
from webhookui.core.database import now
from webhookui.delivery.tables import Delivery
from webhookui.installation import Installation, open_installation
from webhookui.outgoing import allowances
from webhookui.outgoing.allowances import StoredAllowances
from webhookui.people import stored_settings
from webhookui.people.stored_settings import retention_days
from webhookui.people.tables import AuditEntry, User
from webhookui.settings import Settings


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("settings")) as app:
        yield app


@pytest.fixture
def installation(app: Flask) -> Installation:
    installation: Installation = app.extensions["webhookui"]
    pages.empty(installation.db, "stored_setting", "audit_entry")
    return installation


@pytest.fixture
def ann(app: Flask, installation: Installation) -> FlaskClient:
    return pages.admin(app)


def audited(installation: Installation, key: str) -> list[dict[str, object]]:
    with installation.db.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.subject_id == key).order_by(AuditEntry.id))
        return [entry.details for entry in entries]


def error_at(html: str, field: str) -> str:
    match = re.search(rf'id="{field}-error">([^<]*)<', html)
    return unescape(match[1]) if match else ""


# ---- network ----------------------------------------------------------------------------------------------------------


def test_networks_and_hosts_are_kept_in_one_spelling_shown_and_audited(
    ann: FlaskClient, installation: Installation
) -> None:
    form = {
        "networks": " 10.1.0.0/16 \n\n192.168.7.20, FD00::/8\n10.1.0.0/16",
        "hosts": "ERP.internal.Example.\nbücher.example",
    }
    assert ann.post("/settings/network", data=form).status_code == 303
    with installation.db.read() as session:
        stored = allowances.stored(session)
    assert list(map(str, stored.networks)) == ["10.1.0.0/16", "192.168.7.20/32", "fd00::/8"]
    assert stored.hosts == {"erp.internal.example", "xn--bcher-kva.example"}
    page = ann.get("/settings/network").text
    assert "192.168.7.20/32" in page and "xn--bcher-kva.example" in page
    ann.post("/settings/network", data={"networks": "10.1.0.0/16", "hosts": ""})
    ann.post("/settings/network", data={"networks": "10.1.0.0/16", "hosts": ""})
    networks, hosts = "10.1.0.0/16, 192.168.7.20/32, fd00::/8", "erp.internal.example, xn--bcher-kva.example"
    assert audited(installation, "network") == [
        {"networks": ["", networks], "hosts": ["", hosts]},
        {"networks": [networks, "10.1.0.0/16"], "hosts": [hosts, ""]},
    ]


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("networks", "10.1.0.0/33", "“10.1.0.0/33” is not a network"),
        ("networks", "intranet", "“intranet” is not a network"),
        ("networks", "10.1.2.3/16", "that network is 10.1.0.0/16"),
        ("networks", "0.0.0.0/0", "would allow every address"),
        ("networks", "::/0", "would allow every address"),
        ("hosts", "https://erp.example", "without https:// and port"),
        ("hosts", "erp.example:8080", "without https:// and port"),
        ("hosts", "*.example", "is not the name of a host"),
        ("hosts", "10.1.2.3", "enter it under Networks"),
    ],
)
def test_what_can_not_be_allowed_says_why_and_stays_typed(
    ann: FlaskClient, installation: Installation, field: str, text: str, words: str
) -> None:
    good = {"networks": "10.9.0.0/16", "hosts": "good.example"}
    answer = ann.post("/settings/network", data=good | {field: text})
    assert answer.status_code == 422 and words in error_at(answer.text, field)
    assert (
        unescape(answer.text).count(text) >= 2
        and "10.9.0.0/16" in answer.text + text * (field == "networks") + "10.9.0.0/16"
    )
    assert audited(installation, "network") == []


def test_the_environments_networks_are_shown_as_such(tmp_path: Path) -> None:
    from webhookui.app import create_app

    app = create_app(Settings(instance=tmp_path, allowed_networks="10.7.0.0/16", allowed_hosts="erp.example"))  # type: ignore[arg-type, call-arg]
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
    try:
        page = pages.admin(app).get("/settings/network").text
        for entry in ("10.7.0.0/16", "erp.example"):
            assert re.search(rf"<code>{re.escape(entry)}</code>\s*<span[^>]*>from the environment", page), entry
        form = re.search(r"<textarea.*</textarea>", page, re.S)
        assert form is not None and "10.7.0.0/16" not in form[0]
    finally:
        app.extensions["webhookui"].close()


def test_a_running_worker_minds_what_another_process_allows_and_takes_back(tmp_path: Path, receiver: Receiver) -> None:
    with sending(tmp_path, allowed_networks=(), port=1) as room:
        room.hook(receiver.url)
        other = open_installation(Settings(instance=tmp_path, port=1))  # type: ignore[call-arg]
        by = User(id=None, email="ann@example.com", name="Ann", password_hash="")
        try:
            for networks, hosts, expected in (
                ("", "", "failed"), ("127.0.0.0/8", "", "success"), ("10.0.0.0/8", "", "failed"),
                ("", "127.0.0.1.example", "failed"), ("::ffff:127.0.0.0/104", "", "failed"), ("127.0.0.1", "", "success"),
            ):  # fmt: skip
                with other.db.write() as session:
                    allowances.save(session, networks, hosts, by)
                assert room.settled(room.save()).delivery.status == expected, (networks, hosts)
        finally:
            other.close()
    assert len(receiver.requests) == 2


def test_a_host_that_is_allowed_is_reached_whatever_it_resolves_to(tmp_path: Path, receiver: Receiver) -> None:
    port = receiver.url.rsplit(":", 1)[1].strip("/")
    with sending(tmp_path, allowed_networks=(), port=1) as room:
        room.hook(f"http://localhost:{port}/")
        assert room.settled(room.save()).delivery.status == "failed"
        with room.db.write() as session:
            allowances.save(session, "", "LocalHost", User(email="a@example.com", name="Ann", password_hash=""))
        assert room.settled(room.save()).delivery.status == "success"


def test_what_is_stored_is_read_again_only_when_it_has_moved(installation: Installation, ann: FlaskClient) -> None:
    current = StoredAllowances(installation.db)
    first = current()
    assert current() is first
    ann.post("/settings/network", data={"networks": "10.1.0.0/16", "hosts": ""})
    second = current()
    assert list(map(str, second.networks)) == ["10.1.0.0/16"] and current() is second


# ---- retention --------------------------------------------------------------------------------------------------------


def test_days_are_stored_over_the_environments_and_given_back_to_them(
    ann: FlaskClient, installation: Installation
) -> None:
    assert "Empty: 90 days, from the environment" in ann.get("/settings/retention").text
    ann.post("/settings/retention", data={"retention_days": "14", "deleted_retention_days": "7"})
    page = ann.get("/settings/retention").text
    assert 'value="14"' in page and 'value="7"' in page
    with installation.db.read() as session:
        settings = installation.settings
        assert retention_days(session, settings) == 14
        assert retention_days(session, settings, "deleted_retention_days") == 7
    ann.post("/settings/retention", data={"retention_days": "90", "deleted_retention_days": ""})
    with installation.db.read() as session:
        assert stored_settings.value(session, "retention_days") == 90, (
            "said, and not only what the environment happens to say"
        )
        assert retention_days(session, settings, "deleted_retention_days") == 30
    assert audited(installation, "retention_days") == [{"days": [90, 14]}, {"days": [14, 90]}]
    assert audited(installation, "deleted_retention_days") == [{"days": [30, 7]}, {"days": [7, 30]}]


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "36501", "٣", "9" * 30])
def test_days_that_are_none_say_so_and_stay_typed(ann: FlaskClient, installation: Installation, text: str) -> None:
    answer = ann.post("/settings/retention", data={"retention_days": "14", "deleted_retention_days": text})
    assert answer.status_code == 422 and "whole number of days" in error_at(answer.text, "deleted_retention_days")
    assert f'value="{text}"' in answer.text and 'value="14"' in answer.text
    with installation.db.read() as session:
        assert stored_settings.value(session, "retention_days") is None


def test_the_next_purge_minds_the_days_that_were_just_saved(ann: FlaskClient, installation: Installation) -> None:
    with installation.db.write() as session:
        old = log_rows.add_failed(session)
        old.created_at = old.finished_at = now() - timedelta(days=20)
        old_id = old.id
    for days, is_there in (("30", True), ("10", False)):
        ann.post("/settings/retention", data={"retention_days": days})
        installation.queue._purge()
        with installation.db.read() as session:
            assert (session.get(Delivery, old_id) is not None) is is_there, days


def test_only_admins_change_them(app: Flask, installation: Installation) -> None:
    sam = pages.user(app)
    assert sam.post("/settings/network", data={"networks": "10.0.0.0/8"}).status_code == 403
    assert sam.post("/settings/retention", data={"retention_days": "1"}).status_code == 403
    assert audited(installation, "network") == []


def test_the_days_of_deleted_records_are_the_environments_where_none_are_saved(installation: Installation) -> None:
    settings = Settings(instance=installation.settings.instance, deleted_retention_days=3)  # type: ignore[call-arg]
    with installation.db.read() as session:
        assert retention_days(session, settings, "deleted_retention_days") == 3
