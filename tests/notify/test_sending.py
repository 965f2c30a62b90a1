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
    with mail_server() as made:
        yield made


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server's certificate that this process trusts; gives its folder."""
    monkeypatch.setenv("SSL_CERT_FILE", str(self_made_certificate(tmp_path)))
    return tmp_path


def use(here: Installation, team: Team, port: int, **values: str) -> None:
    chosen = {"security": "none", "from_address": "crm@example.com", **values}
    with here.db.write() as session:
        mail_settings.save(session, here.box, SmtpServer(host="127.0.0.1", port=port, **chosen), team.ann)


def write(here: Installation, *names: str) -> None:
    with here.db.write() as session:
        for name in names:
            outgoing_mail.add(session, f"{name}@example.com", CONTENT, 1, NOON)


def post(here: Installation, process: str = "me") -> MailSender:
    return MailSender(here.settings, here.db, here.box, process)


def mails(here: Installation) -> list[OutgoingMail]:
    with here.db.read() as session:
        return list(session.scalars(select(OutgoingMail).order_by(OutgoingMail.id)))  # type: ignore[arg-type]


def statuses(here: Installation) -> list[str]:
    return [mail.status for mail in mails(here)]


def the_error_state(here: Installation) -> ServerState | None:
    with here.db.read() as session:
        return error_state(session)


def test_what_waits_is_sent_once(here: Installation, team: Team, server: MailServer) -> None:
    use(here, team, server.port)
    write(here, "ann", "bea")
    post(here).work(NOON)
    post(here).work(NOON + timedelta(hours=1))
    assert server.receivers() == ["ann", "bea"]
    assert server.connections == 1, "two mails go over one connection, and none is opened for nothing"
    assert statuses(here) == ["sent", "sent"]
    mail = server.mails[0]
    assert mail["From"] == "webhookui <crm@example.com>"
    assert mail["Date"].datetime == NOON
    assert mail.get_body(("plain",)).get_content().strip() == "It failed."  # type: ignore[union-attr]


def test_a_server_that_is_down_loses_nothing_and_is_tried_again_later(here: Installation, team: Team) -> None:
    port = free_port()
    use(here, team, port)
    write(here, "ann", "bea")
    post(here).work(NOON)
    assert statuses(here) == ["waiting", "waiting"]
    state = the_error_state(here)
    assert state is not None
    assert f"127.0.0.1:{port} refused the connection" in (state.error or "")
    assert state.next_try_at == NOON + timedelta(minutes=1)
    with mail_server(port=port) as server:
        post(here).work(NOON + timedelta(seconds=59))
        assert server.mails == []
        post(here).work(NOON + timedelta(minutes=1))
        assert server.receivers() == ["ann", "bea"]
    assert the_error_state(here) is None
    assert statuses(here) == ["sent", "sent"]


def test_no_mail_is_given_up_however_long_the_server_is_down(here: Installation, team: Team) -> None:
    use(here, team, free_port())
    write(here, "ann")
    at = NOON
    for _ in range(40):
        post(here).work(at)
        state = the_error_state(here)
        assert state is not None and state.next_try_at is not None
        assert at < state.next_try_at <= at + timedelta(minutes=30)
        at = state.next_try_at
    assert statuses(here) == ["waiting"]
    assert state.trouble_since == NOON


def test_a_mail_that_is_refused_for_good_is_shown_as_failed_and_the_others_go_out(
    here: Installation, team: Team, server: MailServer
) -> None:
    server.to_recipient = lambda to: "550 5.1.1 no such user" if to.startswith("ann") else "250 OK"
    use(here, team, server.port)
    write(here, "ann", "bea")
    post(here).work(NOON)
    assert server.receivers() == ["bea"]
    assert [(mail.status, mail.error) for mail in mails(here)] == [("failed", "550 5.1.1 no such user"), ("sent", None)]
    assert the_error_state(here) is None


def test_a_mail_that_is_refused_for_the_moment_is_tried_again_and_given_up_in_the_end(
    here: Installation, team: Team, server: MailServer
) -> None:
    server.to_mail = lambda _to: "451 4.7.1 greylisted, come back later"
    use(here, team, server.port)
    write(here, "ann")
    at = NOON
    for number, wait in enumerate(REFUSED_AGAIN_AFTER, 1):
        post(here).work(at)
        post(here).work(at)
        mail = mails(here)[0]
        assert (mail.status, mail.attempt_count, mail.next_attempt_at) == ("waiting", number, at + wait)
        assert mail.error == "451 4.7.1 greylisted, come back later"
        at += wait
    post(here).work(at)
    assert statuses(here) == ["failed"]
    server.to_mail = None
    with here.db.write() as session:
        assert outgoing_mail.send_again(session, [mails(here)[0].id or 0]) == 1
    post(here).work(now())
    assert statuses(here) == ["sent"]


def test_starttls_and_login(here: Installation, team: Team, certificate: Path) -> None:
    with mail_server(tls=certificate, security="starttls", login=True) as server:
        use(here, team, server.port, security="starttls", user=USER, password=PASSWORD)
        write(here, "ann")
        post(here).work(NOON)
        assert server.logins == [(USER, PASSWORD)]
        assert server.receivers() == ["ann"]


def test_tls_from_the_start(here: Installation, team: Team, certificate: Path) -> None:
    with mail_server(tls=certificate, security="tls") as server:
        use(here, team, server.port, security="tls")
        write(here, "ann")
        post(here).work(NOON)
        assert server.receivers() == ["ann"]


def test_a_certificate_that_nobody_vouches_for_is_refused(here: Installation, team: Team, tmp_path: Path) -> None:
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
    here: Installation, team: Team, certificate: Path
) -> None:
    with mail_server(tls=certificate, security="starttls", login=True) as server:
        use(here, team, server.port, security="starttls", user=USER, password="planted-wrong-password")
        write(here, "ann")
        post(here).work(NOON)
    state = the_error_state(here)
    assert state is not None
    assert "refused the login: 535" in (state.error or "")
    assert "planted" not in (state.error or "")
    assert statuses(here) == ["waiting"]


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
    here: Installation, team: Team, server: MailServer
) -> None:
    server.per_connection = 2
    use(here, team, server.port)
    write(here, *(f"person{number}" for number in range(5)))
    post(here).work(NOON)
    assert len(server.mails) == 5
    assert server.connections == 3
    assert set(statuses(here)) == {"sent"}


def test_two_processes_send_each_mail_once(here: Installation, team: Team, server: MailServer) -> None:
    use(here, team, server.port)
    write(here, *(f"person{number}" for number in range(30)))
    databases = [Database(here.db.url) for _ in range(3)]
    with here.db.write() as session:
        for number in range(3):
            session.add(WorkerProcess(id=f"process {number}", host="h", pid=number))
    threads = [
        threading.Thread(target=MailSender(here.settings, db, here.box, f"process {number}").work, args=(NOON,))
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
    assert set(statuses(here)) == {"sent"}


def test_the_hold_of_a_process_ends_with_its_heartbeat(here: Installation, team: Team, server: MailServer) -> None:
    use(here, team, server.port)
    write(here, "ann")
    with here.db.write() as session:
        session.add(WorkerProcess(id="other", host="h", pid=1))
        session.add(ServerState(id=1, held_by="other"))
    post(here).work(NOON)
    assert server.mails == []
    with here.db.write() as session:
        session.get(WorkerProcess, "other").seen_at = now() - timedelta(minutes=1)  # type: ignore[union-attr]
    post(here).work(NOON)
    assert server.receivers() == ["ann"]


def test_kept_mails_are_files_until_an_admin_sends_them(here: Installation, team: Team, server: MailServer) -> None:
    write(here, "ann", "bea")
    post(here).work(NOON)
    folder = here.settings.instance / "mail"
    assert statuses(here) == ["kept", "kept"]
    assert [file.name for file in sorted(folder.iterdir())] == ["000001.eml", "000002.eml"]
    use(here, team, server.port)
    post(here).work(NOON)
    assert server.mails == [], "a mail that was kept goes out when an admin says so"
    with here.db.write() as session:
        assert outgoing_mail.send_again(session) == 2
    post(here).work(now())
    assert server.receivers() == ["ann", "bea"]
    assert list(folder.iterdir()) == []


def test_an_address_in_another_script_goes_through(here: Installation, team: Team, server: MailServer) -> None:
    use(here, team, server.port)
    write(here, "zoë", "ann")
    post(here).work(NOON)
    assert server.receivers() == ["ann", "zoë"]
    assert statuses(here) == ["sent", "sent"]


def test_a_mail_that_cant_be_built_is_given_up_and_stops_no_other(
    here: Installation, team: Team, server: MailServer
) -> None:
    use(here, team, server.port)
    write(here, "ann", "bea")
    with here.db.write() as session:
        session.get(OutgoingMail, 1).to = "no\r\naddress"  # type: ignore[union-attr]
    post(here).work(NOON)
    assert server.receivers() == ["bea"]
    assert statuses(here) == ["failed", "sent"]
    assert "can't be sent" in (mails(here)[0].error or "")


def test_old_mails_and_notifications_are_forgotten_with_their_files_and_what_waits_is_not(
    here: Installation, team: Team
) -> None:
    write(here, "ann", "bea")
    post(here).work(NOON)
    write(here, "olga")
    with here.db.write() as session:
        inbox.notify(session, [Event(team.ann.id or 0, "failed:1", "It failed")], NOON)
    days = timedelta(days=here.settings.retention_days)
    assert forget_old(here.settings, here.db, NOON + days) == 0
    assert forget_old(here.settings, here.db, NOON + days + timedelta(seconds=1)) == 2
    assert [mail.to for mail in mails(here)] == ["olga@example.com"]
    assert list((here.settings.instance / "mail").iterdir()) == []
    with here.db.read() as session:
        assert inbox.unread(session, team.ann.id or 0) == 0
