"""Sending mail to a real SMTP server: nothing lost, nothing doubled, what goes wrong said in words. The time is handed over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.mail_server import PASSWORD, USER, MailServer, free_port, mail_server, self_made_certificate
from tests.support.raw_server import raw_server
from tests.support.team import Team
from webhookui.core.database import Database, now
from webhookui.delivery.tables import WorkerProcess
from webhookui.installation import Installation
from webhookui.notifications import inbox, mail_settings, outgoing_mail, smtp
from webhookui.notifications.inbox import Event
from webhookui.notifications.mail_content import MailContent
from webhookui.notifications.mail_sender import REFUSED_AGAIN_AFTER, MailSender, error_state, forget_old
from webhookui.notifications.mail_settings import SmtpServer
from webhookui.notifications.tables import MailServer as ServerState
from webhookui.notifications.tables import OutgoingMail

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
CONTENT = MailContent("Failed: Create invoice", "It failed.")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as started:
        yield started


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server's certificate that this process trusts; gives its folder."""
    monkeypatch.setenv("SSL_CERT_FILE", str(self_made_certificate(tmp_path)))
    return tmp_path


def use(installation: Installation, team: Team, port: int, **values: str) -> None:
    chosen = {"security": "none", "from_address": "crm@example.com", **values}
    with installation.db.write() as session:
        mail_settings.save(session, installation.box, SmtpServer(host="127.0.0.1", port=port, **chosen), team.ann)


def write(installation: Installation, *names: str) -> None:
    with installation.db.write() as session:
        for name in names:
            outgoing_mail.add(session, f"{name}@example.com", CONTENT, 1, NOON)


def mail_sender(installation: Installation, process: str = "me") -> MailSender:
    return MailSender(installation.settings, installation.db, installation.box, process)


def mails(installation: Installation) -> list[OutgoingMail]:
    with installation.db.read() as session:
        return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)))  # type: ignore[arg-type]


def statuses(installation: Installation) -> list[str]:
    return [mail.status for mail in mails(installation)]


def the_error_state(installation: Installation) -> ServerState | None:
    with installation.db.read() as session:
        return error_state(session)


def test_what_waits_is_sent_once(installation: Installation, team: Team, server: MailServer) -> None:
    use(installation, team, server.port)
    write(installation, "ann", "bea")
    mail_sender(installation).work(NOON)
    mail_sender(installation).work(NOON + timedelta(hours=1))
    assert server.receivers() == ["ann", "bea"]
    assert server.connections == 1, "two mails go over one connection, and none is opened for nothing"
    assert statuses(installation) == ["sent", "sent"]
    mail = server.mails[0]
    assert mail["From"] == "webhookui <crm@example.com>"
    assert mail["Date"].datetime == NOON
    assert mail.get_body(("plain",)).get_content().strip() == "It failed."  # type: ignore[union-attr]


def test_a_server_that_is_down_loses_nothing_and_is_tried_again_later(installation: Installation, team: Team) -> None:
    port = free_port()
    use(installation, team, port)
    write(installation, "ann", "bea")
    mail_sender(installation).work(NOON)
    assert statuses(installation) == ["waiting", "waiting"]
    state = the_error_state(installation)
    assert state is not None
    assert f"127.0.0.1:{port} refused the connection" in (state.error or "")
    assert state.next_try_at == NOON + timedelta(minutes=1)
    with mail_server(port=port) as server:
        mail_sender(installation).work(NOON + timedelta(seconds=59))
        assert server.mails == []
        mail_sender(installation).work(NOON + timedelta(minutes=1))
        assert server.receivers() == ["ann", "bea"]
    assert the_error_state(installation) is None
    assert statuses(installation) == ["sent", "sent"]


def test_no_mail_is_given_up_however_long_the_server_is_down(installation: Installation, team: Team) -> None:
    use(installation, team, free_port())
    write(installation, "ann")
    at = NOON
    for _ in range(40):
        mail_sender(installation).work(at)
        state = the_error_state(installation)
        assert state is not None and state.next_try_at is not None
        assert at < state.next_try_at <= at + timedelta(minutes=30)
        at = state.next_try_at
    assert statuses(installation) == ["waiting"]
    assert state.error_since == NOON


def test_a_mail_that_is_refused_for_good_is_shown_as_failed_and_the_others_go_out(
    installation: Installation, team: Team, server: MailServer
) -> None:
    server.to_recipient = lambda to: "550 5.1.1 no such user" if to.startswith("ann") else "250 OK"
    use(installation, team, server.port)
    write(installation, "ann", "bea")
    mail_sender(installation).work(NOON)
    assert server.receivers() == ["bea"]
    assert [(mail.status, mail.error) for mail in mails(installation)] == [
        ("failed", "550 5.1.1 no such user"),
        ("sent", None),
    ]
    assert the_error_state(installation) is None


def test_a_mail_that_is_refused_for_the_moment_is_tried_again_and_given_up_in_the_end(
    installation: Installation, team: Team, server: MailServer
) -> None:
    server.to_mail = lambda _to: "451 4.7.1 greylisted, come back later"
    use(installation, team, server.port)
    write(installation, "ann")
    at = NOON
    for number, wait in enumerate(REFUSED_AGAIN_AFTER, 1):
        mail_sender(installation).work(at)
        mail_sender(installation).work(at)
        mail = mails(installation)[0]
        assert (mail.status, mail.attempt_count, mail.next_attempt_at) == ("waiting", number, at + wait)
        assert mail.error == "451 4.7.1 greylisted, come back later"
        at += wait
    mail_sender(installation).work(at)
    assert statuses(installation) == ["failed"]
    server.to_mail = None
    with installation.db.write() as session:
        assert outgoing_mail.send_again(session, [mails(installation)[0].id or 0]) == 1
    mail_sender(installation).work(now())
    assert statuses(installation) == ["sent"]


def test_starttls_and_login(installation: Installation, team: Team, certificate: Path) -> None:
    with mail_server(tls=certificate, security="starttls", login=True) as server:
        use(installation, team, server.port, security="starttls", user=USER, password=PASSWORD)
        write(installation, "ann")
        mail_sender(installation).work(NOON)
        assert server.logins == [(USER, PASSWORD)]
        assert server.receivers() == ["ann"]


def test_tls_from_the_start(installation: Installation, team: Team, certificate: Path) -> None:
    with mail_server(tls=certificate, security="tls") as server:
        use(installation, team, server.port, security="tls")
        write(installation, "ann")
        mail_sender(installation).work(NOON)
        assert server.receivers() == ["ann"]


def test_a_certificate_that_nobody_vouches_for_is_refused(
    installation: Installation, team: Team, tmp_path: Path
) -> None:
    self_made_certificate(tmp_path)
    for security in ("tls", "starttls"):
        with mail_server(tls=tmp_path, security=security) as server:
            with (
                pytest.raises(smtp.ServerUnusable, match="not trusted"),
                smtp.connected(SmtpServer("127.0.0.1", server.port, security, "crm@example.com")),
            ):
                pass
            assert server.mails == []


def test_a_wrong_password_is_said_in_the_servers_words_without_the_password(
    installation: Installation, team: Team, certificate: Path
) -> None:
    with mail_server(tls=certificate, security="starttls", login=True) as server:
        use(installation, team, server.port, security="starttls", user=USER, password="planted-wrong-password")
        write(installation, "ann")
        mail_sender(installation).work(NOON)
    state = the_error_state(installation)
    assert state is not None
    assert "refused the login: 535" in (state.error or "")
    assert "planted" not in (state.error or "")
    assert statuses(installation) == ["waiting"]


@pytest.mark.parametrize(
    ("says", "security", "words"),
    [
        (b"", "none", "did not answer within"),
        (b"554 no service for you\r\n", "none", "answered 554 no service for you"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "none", "does not speak SMTP"),
        (b"220 hello\r\n", "tls", "No secure connection"),
    ],
)
def test_what_is_no_mail_server_is_said_in_words(
    monkeypatch: pytest.MonkeyPatch, says: bytes, security: str, words: str
) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT_S", 0.5)
    done = threading.Event()

    def behave(connection, _number: int) -> None:  # type: ignore[no-untyped-def]
        connection.sendall(says)
        if not says:
            done.wait(10)

    with raw_server(behave) as url:
        port = int(url.rstrip("/").rpartition(":")[2])
        with (
            pytest.raises(smtp.ServerUnusable, match=words),
            smtp.connected(SmtpServer("127.0.0.1", port, security, "crm@example.com")),
        ):
            pass
        done.set()


def test_a_server_that_closes_after_some_mails_gets_the_rest_over_new_connections(
    installation: Installation, team: Team, server: MailServer
) -> None:
    server.per_connection = 2
    use(installation, team, server.port)
    write(installation, *(f"person{number}" for number in range(5)))
    mail_sender(installation).work(NOON)
    assert len(server.mails) == 5
    assert server.connections == 3
    assert set(statuses(installation)) == {"sent"}


def test_two_processes_send_each_mail_once(installation: Installation, team: Team, server: MailServer) -> None:
    use(installation, team, server.port)
    write(installation, *(f"person{number}" for number in range(30)))
    databases = [Database(installation.db.url) for _ in range(3)]
    with installation.db.write() as session:
        for number in range(3):
            session.add(WorkerProcess(id=f"process {number}", host="h", pid=number))
    threads = [
        threading.Thread(
            target=MailSender(installation.settings, db, installation.box, f"process {number}").work, args=(NOON,)
        )
        for number, db in enumerate(databases)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for db in databases:
        db.close()
    assert len(server.mails) == 30
    assert len(set(server.receivers())) == 30
    assert set(statuses(installation)) == {"sent"}


def test_the_hold_of_a_process_ends_with_its_heartbeat(
    installation: Installation, team: Team, server: MailServer
) -> None:
    use(installation, team, server.port)
    write(installation, "ann")
    with installation.db.write() as session:
        session.add(WorkerProcess(id="other", host="h", pid=1))
        session.add(ServerState(id=1, held_by="other"))
    mail_sender(installation).work(NOON)
    assert server.mails == []
    with installation.db.write() as session:
        session.get(WorkerProcess, "other").seen_at = now() - timedelta(minutes=1)  # type: ignore[union-attr]
    mail_sender(installation).work(NOON)
    assert server.receivers() == ["ann"]


def test_kept_mails_are_files_until_an_admin_sends_them(
    installation: Installation, team: Team, server: MailServer
) -> None:
    write(installation, "ann", "bea")
    mail_sender(installation).work(NOON)
    folder = installation.settings.instance / "mail"
    assert statuses(installation) == ["kept", "kept"]
    assert [file.name for file in sorted(folder.iterdir())] == ["000001.eml", "000002.eml"]
    use(installation, team, server.port)
    mail_sender(installation).work(NOON)
    assert server.mails == [], "a mail that was kept goes out when an admin says so"
    with installation.db.write() as session:
        assert outgoing_mail.send_again(session) == 2
    mail_sender(installation).work(now())
    assert server.receivers() == ["ann", "bea"]
    assert list(folder.iterdir()) == []


def test_an_address_in_another_script_goes_through(installation: Installation, team: Team, server: MailServer) -> None:
    use(installation, team, server.port)
    write(installation, "zoë", "ann")
    mail_sender(installation).work(NOON)
    assert server.receivers() == ["ann", "zoë"]
    assert statuses(installation) == ["sent", "sent"]


def test_a_mail_that_cant_be_built_is_given_up_and_stops_no_other(
    installation: Installation, team: Team, server: MailServer
) -> None:
    use(installation, team, server.port)
    write(installation, "ann", "bea")
    with installation.db.write() as session:
        session.get(OutgoingMail, 1).to = "no\r\naddress"  # type: ignore[union-attr]
    mail_sender(installation).work(NOON)
    assert server.receivers() == ["bea"]
    assert statuses(installation) == ["failed", "sent"]
    assert "can't be sent" in (mails(installation)[0].error or "")


def test_old_mails_and_notifications_are_forgotten_with_their_files_and_what_waits_is_not(
    installation: Installation, team: Team
) -> None:
    write(installation, "ann", "bea")
    mail_sender(installation).work(NOON)
    write(installation, "olga")
    with installation.db.write() as session:
        inbox.notify(session, [Event(team.ann.id or 0, "failed:1", "It failed")], NOON)
    days = timedelta(days=installation.settings.retention_days)
    assert forget_old(installation.settings, installation.db, NOON + days) == 0
    assert forget_old(installation.settings, installation.db, NOON + days + timedelta(seconds=1)) == 2
    assert [mail.to for mail in mails(installation)] == ["olga@example.com"]
    assert list((installation.settings.instance / "mail").iterdir()) == []
    with installation.db.read() as session:
        assert inbox.unread(session, team.ann.id or 0) == 0
