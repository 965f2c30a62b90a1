"""From a deal that is closed to the mails about its failed delivery: the whole way, with no SMTP server set."""

from __future__ import annotations

import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.support.mail_server import mail_server
from tests.support.prepared import EMAIL
from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, until
from tests.test_main_job import close_a_deal, document
from webhookui.core.database import Database
from webhookui.core.secrets import SecretBox
from webhookui.notifications import mail_settings
from webhookui.notifications.mail_settings import SmtpServer
from webhookui.people import accounts


@pytest.fixture
def impatient(tmp_path: Path):  # type: ignore[no-untyped-def]
    """An installation that tries once."""
    started = Running(tmp_path, WEBHOOKUI_RETRY_DELAYS="").set_up()
    started.start()
    yield started
    started.kill()


def kept(folder: Path) -> list[EmailMessage]:
    files = sorted((folder / "mail").glob("*.eml"))
    return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]  # type: ignore[misc]


def test_until_a_server_is_set_the_mail_about_a_failed_delivery_is_kept_as_a_file(
    impatient: Running, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.default = Answer(500, b"{}")
    impatient.call("POST", "/workflows", document(receiver.url))
    deal, delivery = close_a_deal(impatient)
    impatient.delivery(delivery, "failed")
    until(lambda: bool(kept(tmp_path)), 10)
    mails = kept(tmp_path)
    assert [mail["To"] for mail in mails] == ["ann@example.com"], "the admin who owns the deal gets one"
    text = mails[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert f"{impatient.address}/log/{delivery}" in text
    assert f"{impatient.address}/records/deals/{deal}" in text
    assert "answered 500" in text
    figures = impatient.session.get(f"{impatient.address}/metrics", timeout=10).text
    assert 'webhookui_attempts_total{outcome="failed"} 1.0' in figures
    assert 'webhookui_mails{status="kept"} 1.0' in figures
    assert "webhookui_queue_worked_on 1.0" in figures
    assert (tmp_path / "mail").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "mail").iterdir()} == {0o600}


def test_a_delivery_that_fails_while_it_is_built_is_told_by_the_process_that_works_on_the_queue(
    tmp_path: Path, receiver: Receiver
) -> None:
    """The save is made in the web process, which sends no mail."""
    installation = Running(tmp_path).set_up()
    try:
        installation.start("web")
        required = {"name": "amount", "value": "{{ contact.phone }}", "required": True}
        installation.call("POST", "/workflows", document(receiver.url, parameters=[required]))
        _, delivery = close_a_deal(installation)
        installation.delivery(delivery, "failed")
        assert kept(tmp_path) == []
        installation.start("worker")
        until(lambda: bool(kept(tmp_path)), 20)
        assert "amount" in kept(tmp_path)[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    finally:
        installation.kill()


def test_killed_while_a_mail_is_in_the_air_it_is_sent_again_with_the_same_message_id(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.default = Answer(500, b"{}")
    go, reached = threading.Event(), threading.Event()

    def hold_the_first(_to: str) -> str:
        if not reached.is_set():
            reached.set()
            go.wait(20)
        return "250 2.0.0 queued"

    installation = Running(tmp_path, WEBHOOKUI_RETRY_DELAYS="").set_up()
    with mail_server() as server:
        server.to_mail = hold_the_first
        set_server(tmp_path, server.port)
        try:
            installation.start()
            installation.call("POST", "/workflows", document(receiver.url))
            close_a_deal(installation)
            assert reached.wait(20)
            installation.kill()
            go.set()
            installation.start()
            mails = server.wait_for(2)
            assert len({mail["Message-ID"] for mail in mails}) == 1
            assert [mail["To"] for mail in mails] == ["ann@example.com"] * 2
            assert not (tmp_path / "mail").exists()
        finally:
            installation.kill()


def set_server(folder: Path, port: int) -> None:
    """As an admin would on Settings → Mail."""
    db = Database(f"sqlite:///{folder / 'webhookui.db'}")
    server = SmtpServer("127.0.0.1", port, "none", "crm@example.com")
    with db.write() as session:
        mail_settings.save(session, SecretBox(folder / "secret.key"), server, accounts.by_email(session, EMAIL))
    db.close()
