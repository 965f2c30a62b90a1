"""From a deal that is closed to the mails about its failed delivery: the whole way, with no SMTP server set."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, until
from tests.test_main_job import close_a_deal, document


@pytest.fixture
def impatient(tmp_path: Path):  # type: ignore[no-untyped-def]
    """An installation that tries once."""
    made = Running(tmp_path, WEBHOOKUI_RETRY_DELAYS="").set_up()
    made.start()
    yield made
    made.kill()


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
