"""Settings → Mail over HTTP, against a real SMTP server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.support.mail_server import PASSWORD, USER, MailServer, free_port, mail_server, self_made_certificate
from tests.support.pages import admin, app_in, empty, user
from webhookui.core.database import now
from webhookui.installation import Installation
from webhookui.notifications import mail_settings, outgoing_mail
from webhookui.notifications.mail_content import MailContent
from webhookui.notifications.mail_sender import MailSender
from webhookui.people.tables import AuditEntry, StoredSetting


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with app_in(tmp_path_factory.mktemp("mail")) as new_app:
        yield new_app


@pytest.fixture
def installation(app: Flask) -> Installation:
    installation: Installation = app.extensions["webhookui"]
    empty(installation.db, "stored_setting", "outgoing_mail", "mail_server", "audit_entry")
    return installation


@pytest.fixture
def ann(app: Flask, installation: Installation) -> FlaskClient:
    return admin(app)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as started:
        yield started


def form(number: int, **values: str) -> dict[str, str]:
    """A filled-in form with that port."""
    return {"host": "127.0.0.1", "port": str(number), "security": "none", "from_address": "crm@example.com", "user": "",
            "password": "", "to": "ann@example.com", **values}  # fmt: skip


def stored(installation: Installation) -> dict[str, object]:
    with installation.db.read() as session:
        row = session.get(StoredSetting, mail_settings.KEY)
        return dict(row.value) if row else {}


def write(installation: Installation, *subjects: str) -> list[int]:
    with installation.db.write() as session:
        mails = [
            outgoing_mail.add(session, "ann@example.com", MailContent(words, f"Text of {words}"), 1, now())
            for words in subjects
        ]
        session.flush()
        return [mail.id or 0 for mail in mails]


def work(installation: Installation) -> None:
    MailSender(installation.settings, installation.db, installation.box, "a worker").work()


def test_only_admins_come_here(app: Flask, installation: Installation) -> None:
    sam = user(app)
    for path in (
        "/settings/mail",
        "/settings/mail/outgoing",
        "/settings/mail/outgoing/1",
        "/settings/mail/outgoing/1.eml",
    ):
        assert sam.get(path).status_code == 403
    assert sam.post("/settings/mail", data=form(25)).status_code == 403
    assert sam.post("/settings/mail/test", data=form(25)).status_code == 403


def test_the_settings_are_stored_with_the_password_sealed_and_audited(
    ann: FlaskClient, installation: Installation
) -> None:
    answer = ann.post("/settings/mail", data=form(587, security="starttls", user="crm", password="planted-password"))
    assert answer.status_code == 303
    assert stored(installation)["host"] == "127.0.0.1"
    assert "planted-password" not in str(stored(installation))
    page = ann.get("/settings/mail").text
    assert "planted-password" not in page
    assert 'value="127.0.0.1"' in page
    with installation.db.read() as session:
        assert mail_settings.load(session, installation.box).password == "planted-password"  # type: ignore[union-attr]
        entry = session.scalars(select(AuditEntry).where(AuditEntry.subject_type == "setting")).one()  # type: ignore[arg-type]
    assert (entry.action, entry.subject, entry.by) == ("changed", "Mail", "Ann")
    assert "planted-password" not in str(entry.details)


def test_an_empty_password_leaves_it_unchanged_but_never_sends_it_elsewhere(
    ann: FlaskClient, installation: Installation
) -> None:
    ann.post("/settings/mail", data=form(587, user="crm", password="planted-password"))
    assert ann.post("/settings/mail", data=form(587, user="crm2")).status_code == 303
    with installation.db.read() as session:
        assert mail_settings.load(session, installation.box).password == "planted-password"  # type: ignore[union-attr]
    for changed in ({"host": "evil.example.com"}, {"port": "2525"}, {"security": "starttls"}):
        for path in ("/settings/mail", "/settings/mail/test"):
            answer = ann.post(path, data=form(587, user="crm") | changed)
            assert answer.status_code == 422
            assert "Enter the password again" in answer.text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("host", "", "Enter the name"),
        ("host", "not a host", "not a host such as"),
        ("port", "70000", "1 to 65535"),
        ("port", "²5", "1 to 65535"),
        ("from_address", "nobody", "not an e-mail address"),
        ("from_address", "a@example.com\r\nBcc: b@example.com", "not an e-mail address"),
        ("security", "magic", "Security is one of"),
        ("user", "crm", "Enter the password of"),
        ("password", "x", "Enter the user name of"),
    ],
)
def test_a_mistake_is_said_at_its_field_and_what_was_typed_stays(
    ann: FlaskClient, installation: Installation, field: str, value: str, words: str
) -> None:
    answer = ann.post("/settings/mail", data=form(25, **{field: value}))
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="ann@example.com"' in answer.text
    assert stored(installation) == {}


def test_the_test_mail_goes_through_what_is_typed_and_shows_the_servers_words(
    ann: FlaskClient, installation: Installation, server: MailServer
) -> None:
    answer = ann.post("/settings/mail/test", data=form(server.port), headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "250 2.0.0 queued as 4711" in answer.text
    assert "<html" not in answer.text
    assert server.mails[0]["Subject"] == "Test mail from webhookui"
    assert server.mails[0]["To"] == "ann@example.com"
    assert stored(installation) == {}, "a test stores nothing"
    without_script = ann.post("/settings/mail/test", data=form(server.port, user=""))
    assert "250 2.0.0 queued as 4711" in without_script.text
    assert f'value="{server.port}"' in without_script.text


def test_the_test_mail_says_what_the_server_objects_to(
    ann: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installation: Installation
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(self_made_certificate(tmp_path)))
    with mail_server(tls=tmp_path, security="starttls", login=True) as server:
        right = form(server.port, security="starttls", user=USER, password=PASSWORD)
        assert ann.post("/settings/mail/test", data=right).status_code == 200
        wrong = ann.post("/settings/mail/test", data=right | {"password": "planted-wrong"})
        assert wrong.status_code == 422
        assert "refused the login: 535" in wrong.text
        assert "planted-wrong" not in wrong.text
        unprotected = ann.post("/settings/mail/test", data=right | {"security": "none"})
        assert unprotected.status_code == 422
        server.to_recipient = lambda _to: "550 <script>no such user"
        refused = ann.post("/settings/mail/test", data=right)
        assert "550 &lt;script&gt;no such user" in refused.text
    down = ann.post("/settings/mail/test", data=form(free_port()))
    assert "refused the connection" in down.text


def test_kept_mails_are_listed_shown_downloaded_and_sent_when_a_server_is_set(
    ann: FlaskClient, installation: Installation, server: MailServer
) -> None:
    first, _ = write(installation, "One", "Two")
    work(installation)
    listed = ann.get("/settings/mail/outgoing?status=kept").text
    assert "One" in listed and "Two" in listed
    assert "Text of One" in ann.get(f"/settings/mail/outgoing/{first}").text
    file = ann.get(f"/settings/mail/outgoing/{first}.eml")
    assert file.headers["Content-Disposition"] == f'attachment; filename="mail-{first}.eml"'
    assert b"Subject: One" in file.data
    assert ann.post("/settings/mail/outgoing/send").headers["Location"] == "/settings/mail"
    saved = ann.post("/settings/mail", data=form(server.port), follow_redirects=True)
    assert "2 kept mails can be sent now" in saved.text
    assert ann.post(f"/settings/mail/outgoing/{first}/send").status_code == 303
    work(installation)
    assert [mail["Subject"] for mail in server.mails] == ["One"]
    ann.post("/settings/mail/outgoing/send")
    work(installation)
    assert [mail["Subject"] for mail in server.mails] == ["One", "Two"]
    assert "Two" in ann.get("/settings/mail/outgoing?status=sent").text


def test_while_the_server_is_down_the_pages_say_so_and_the_mails_go_out_later(
    ann: FlaskClient, installation: Installation
) -> None:
    port = free_port()
    ann.post("/settings/mail", data=form(port))
    write(installation, "One", "Two")
    work(installation)
    page = ann.get("/settings/mail/outgoing").text
    assert "Mails can't be sent since" in page
    assert "refused the connection" in page
    assert "2 mails wait" in page
    app = ann.application
    app.extensions["webhookui_watch"]._looked_at = -10.0
    assert "Mails can't be sent." in ann.get("/records/deals").text
    with mail_server(port=port) as server:
        ann.post("/settings/mail/outgoing/try-now")
        work(installation)
        assert len(server.mails) == 2
    app.extensions["webhookui_watch"]._looked_at = -10.0
    assert "can't be sent" not in ann.get("/settings/mail/outgoing").text


def test_without_a_server_again_mails_are_kept(ann: FlaskClient, installation: Installation) -> None:
    ann.post("/settings/mail", data=form(25, user="crm", password="planted-password"))
    ann.post("/settings/mail/remove")
    assert stored(installation) == {}
    write(installation, "One")
    work(installation)
    assert "Kept" in ann.get("/settings/mail/outgoing").text


def test_a_mail_that_is_not_there_is_a_page_that_says_so(ann: FlaskClient) -> None:
    assert ann.get("/settings/mail/outgoing/999").status_code == 404
    assert ann.get("/settings/mail/outgoing/999.eml").status_code == 404
    assert ann.get("/settings/mail/outgoing?before=x&status=nonsense").status_code == 200
