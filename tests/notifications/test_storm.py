"""Storms, the whole way: real saves, a real third party that refuses them, the engine, and a real SMTP server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.support.mail_server import MailServer, mail_server
from tests.support.receiver import Answer, Receiver
from tests.support.running import until
from tests.support.sending import Sending, sending
from webhookui.core.database import now
from webhookui.delivery.tables import Delivery, Endpoint
from webhookui.notifications import mail_settings
from webhookui.notifications.mail_sender import MailSender
from webhookui.notifications.mail_settings import SmtpServer
from webhookui.notifications.tables import Notice, Notification, OutgoingMail

STORM = 1000


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as started:
        yield started


@pytest.fixture
def room(tmp_path: Path, server: MailServer, request: pytest.FixtureRequest) -> Iterator[Sending]:
    """Tries once; Ann is its only admin, and owns what is saved."""
    settings: dict[str, Any] = {"retry_delays": (), "probe_delays": (0.5,), **getattr(request, "param", {})}
    with sending(tmp_path, **settings) as new_room:
        with new_room.db.write() as session:
            chosen = SmtpServer("127.0.0.1", server.port, "none", "crm@example.com")
            mail_settings.save(session, new_room.box, chosen, new_room.user)
        yield new_room


def failed(room: Sending) -> int:
    with room.db.read() as session:
        return session.scalar(select(func.count()).where(Delivery.status == "failed")) or 0  # type: ignore[arg-type]


def told_later(room: Sending) -> None:
    """Eleven minutes pass. A thread of the queue may be at the mails just then, and goes by its own clock."""

    def all_sent() -> bool:
        room.installation.queue._mail_sender.work(now() + timedelta(minutes=11))  # type: ignore[union-attr]
        with room.db.read() as session:
            return not session.scalar(select(func.sum(Notice.count)))

    until(all_sent, 30)


@pytest.mark.parametrize("room", [{"pause_after": 10 * STORM}], indirect=True)
def test_a_thousand_failures_are_two_mails_whose_counts_add_up(
    room: Sending, receiver: Receiver, server: MailServer
) -> None:
    """Of a webhook that is never paused."""
    receiver.default = Answer(422, b"{}")
    room.hook(receiver.url)
    for number in range(STORM):
        room.create("contacts", last_name="hook", first_name=str(number))
    until(lambda: failed(room) == STORM, 90, lambda: f"{failed(room)} have failed")
    server.wait_for(1)
    MailSender(room.settings, room.db, room.box, "another").work(now() + timedelta(minutes=9))
    assert len(server.mails) == 1, "one mail in ten minutes"
    told_later(room)
    with room.db.read() as session:
        counts = [mail.count for mail in session.scalars(select(OutgoingMail).order_by(OutgoingMail.id))]  # type: ignore[arg-type]
        assert session.scalars(select(Notice.count)).all() == [0]  # type: ignore[call-overload]
        assert session.scalars(select(Notification.count)).all() == [STORM]  # type: ignore[call-overload]
    assert len(counts) == len(server.mails) == 2
    assert sum(counts) == STORM
    assert server.mails[1]["Subject"] == f"{counts[1]} deliveries failed: A"
    assert {mail["To"] for mail in server.mails} == {"ann@example.com"}


def test_a_paused_endpoint_is_told_once_and_so_is_its_recovery(
    room: Sending, receiver: Receiver, server: MailServer
) -> None:
    receiver.default = Answer(500, b"{}")
    room.hook(receiver.url)

    def state() -> str:
        with room.db.read() as session:
            return session.scalar(select(Endpoint.state)) or "closed"  # type: ignore[call-overload]

    for number in range(14):
        room.create("contacts", last_name="hook", first_name=str(number))
    until(lambda: state() == "open", 20)
    webhook = f"“A” (hook) at {receiver.url.removeprefix('http://')}"
    paused = f"Paused: {webhook} keeps failing"
    until(lambda: paused in [mail["Subject"] for mail in server.mails], 20)
    receiver.default = Answer()
    room.create("contacts", last_name="hook", first_name="the probe")
    until(lambda: state() == "closed", 20, state)
    told_later(room)
    subjects = [mail["Subject"] for mail in server.mails]
    assert subjects.count(paused) == 1
    assert subjects.count(f"Recovered: {webhook}") == 1
