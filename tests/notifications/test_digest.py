"""Who is told of failed deliveries by mail, and how a storm becomes a few mails. The time is handed over: nothing waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conftest import BOTH, database_url
from tests.notifications.conftest import opened
from tests.support.log_rows import add_failed, add_webhook
from tests.support.team import Team
from webhookui.core.database import Database
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.delivery import circuit, retries
from webhookui.delivery.tables import Delivery, Endpoint
from webhookui.installation import Installation
from webhookui.notifications import alerts, digest, outgoing_mail
from webhookui.notifications.tables import Notification, OutgoingMail
from webhookui.people.tables import User


@pytest.fixture(params=BOTH)
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """On each kind of database."""
    yield from opened(tmp_path, database_url(request.param, request))


NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ADDRESS = "https://crm.example.com"


def fail(
    session: Session, number: int, at: datetime, *, deal: int, webhook: int = 1, **values: object
) -> list[Delivery]:
    """So many deliveries of a deal end Failed in one transaction."""
    values = {"webhook_id": webhook, "record_id": deal, "created_at": at, **values}
    deliveries = [add_failed(session, **values) for _ in range(number)]
    alerts.deliveries_failed(session, deliveries, at)
    return deliveries


def write_mails(installation: Installation, at: datetime) -> list[OutgoingMail]:
    with installation.db.write() as session:
        return digest.write_due(session, ADDRESS, at)


def receivers(mails: list[OutgoingMail]) -> list[str]:
    return sorted(mail.to.partition("@")[0] for mail in mails)


@pytest.mark.parametrize(
    ("whose", "recipients"),
    [
        ("olga", ["ann", "bea", "olga"]),
        ("ann", ["ann", "bea"]),
        ("otto", ["ann", "bea"]),
        ("dan", ["ann", "bea"]),
        ("nobody", ["ann", "bea"]),
    ],
)
def test_the_owner_and_every_active_admin_get_one_mail_each_and_the_deactivated_none(
    installation: Installation, team: Team, whose: str, recipients: list[str]
) -> None:
    with installation.db.write() as session:
        fail(session, 1, NOON, deal=team.deals[whose])
    assert receivers(write_mails(installation, NOON)) == recipients
    with installation.db.read() as session:
        rung = session.scalars(select(User.name).join(Notification, Notification.user_id == User.id))  # type: ignore[arg-type]
        assert sorted(name.lower() for name in rung) == recipients


def test_the_mail_says_what_failed_why_what_to_do_and_links_to_log_and_record(
    installation: Installation, team: Team
) -> None:
    with installation.db.write() as session:
        delivery = fail(session, 1, NOON, deal=team.deals["olga"], record_name="Kettle <order>")[0]
    mail = next(mail for mail in write_mails(installation, NOON) if mail.to == "olga@example.com")
    assert mail.subject == "Failed: Create invoice for Kettle <order>"
    for words in (
        "“Create invoice” of the workflow “Invoice closed deals” failed for Kettle <order>",
        "Why: The third party answered 422 Unprocessable Content.",
        "What to do: Correct the parameters.",
        "POST to api.example.com",
        f"{ADDRESS}/log/{delivery.id}\n",
        f"{ADDRESS}/records/deals/{team.deals['olga']}\n",
        "you own the record",
    ):
        assert words in mail.text
    assert "Kettle &lt;order&gt;" in mail.html
    assert "<order>" not in mail.html
    assert f'href="{ADDRESS}/log/{delivery.id}"' in mail.html


def test_a_thousand_failures_in_a_minute_are_one_mail_at_once_and_one_with_the_rest(
    installation: Installation, team: Team
) -> None:
    at = NOON
    with installation.db.write() as session:
        fail(session, 1, at, deal=team.deals["olga"])
    first = write_mails(installation, at)
    assert receivers(first) == ["ann", "bea", "olga"]
    assert {mail.count for mail in first} == {1}

    for number in range(1, 10):
        at = NOON + timedelta(seconds=6 * number)
        with installation.db.write() as session:
            fail(session, 111, at, deal=team.deals["olga"])
        assert write_mails(installation, at) == []
    assert write_mails(installation, NOON + timedelta(minutes=9, seconds=59)) == []

    mails = write_mails(installation, NOON + timedelta(minutes=10))
    assert receivers(mails) == ["ann", "bea", "olga"]
    assert {mail.count for mail in mails} == {999}
    text = mails[0].text
    assert mails[0].subject == "999 deliveries failed: Create invoice"
    assert "999 deliveries of the webhook “Create invoice”" in text
    assert f"{ADDRESS}/log?status=failed&webhook_id=1&since=2026-06-01T12%3A00" in text

    with installation.db.write() as session:
        fail(session, 2, NOON + timedelta(minutes=11), deal=team.deals["olga"])
    assert write_mails(installation, NOON + timedelta(minutes=19, seconds=59)) == []
    assert {mail.count for mail in write_mails(installation, NOON + timedelta(minutes=20))} == {2}


def test_after_a_quiet_time_a_failure_is_told_at_once_again(installation: Installation, team: Team) -> None:
    for at in (NOON, NOON + timedelta(minutes=10, seconds=1)):
        with installation.db.write() as session:
            fail(session, 1, at, deal=team.deals["nobody"])
        assert [mail.count for mail in write_mails(installation, at)] == [1, 1]


def test_webhooks_have_a_mail_each_and_owners_are_told_of_their_records_alone(
    installation: Installation, team: Team
) -> None:
    with installation.db.write() as session:
        other = add_webhook(session)
        fail(session, 3, NOON, deal=team.deals["olga"])
        fail(session, 4, NOON, deal=team.deals["nobody"])
        fail(session, 5, NOON, deal=team.deals["nobody"], webhook=other + 1)
    counts = sorted((mail.to.partition("@")[0], mail.count) for mail in write_mails(installation, NOON))
    assert counts == [("ann", 5), ("ann", 7), ("bea", 5), ("bea", 7), ("olga", 3)]


def test_processes_that_count_and_write_at_the_same_time_lose_and_double_nothing(
    installation: Installation, team: Team
) -> None:
    """Each thread has a database object of its own, as a process would; they meet at the database's locks."""
    mails: list[OutgoingMail] = []
    databases = [Database(installation.db.url) for _ in range(4)]

    def run(db: Database) -> None:
        for number in range(10):
            with db.write() as session:
                fail(session, 5, NOON + timedelta(seconds=number), deal=team.deals["nobody"])
            with db.write() as session:
                mails.extend(digest.write_due(session, ADDRESS, NOON + timedelta(seconds=number)))

    threads = [threading.Thread(target=run, args=(db,)) for db in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for db in databases:
        db.close()
    assert receivers(mails) == ["ann", "bea"]
    rest = write_mails(installation, NOON + timedelta(minutes=11))
    for person in ("ann@example.com", "bea@example.com"):
        assert sum(mail.count for mail in (*mails, *rest) if mail.to == person) == 4 * 10 * 5


def test_a_failure_that_is_rolled_back_is_told_to_nobody(installation: Installation, team: Team) -> None:
    class Cut(Exception):
        pass

    with pytest.raises(Cut), installation.db.write() as session:
        fail(session, 1, NOON, deal=team.deals["olga"])
        raise Cut
    assert write_mails(installation, NOON) == []


def test_tests_superseded_deliveries_and_fail_all_are_told_to_nobody(installation: Installation, team: Team) -> None:
    deal = team.deals["olga"]
    key = "https://api.example.com:443"
    with installation.db.write() as session:
        fail(session, 1, NOON, deal=deal, test=True)
        fail(session, 1, NOON, deal=deal, error=retries.superseded_by(9))
        waiting = add_failed(session, status="queued", webhook_id=1, record_id=deal, endpoint_key=key)
        session.add(Endpoint(endpoint_key=key, state="open"))
        assert circuit.fail_all(session, key) == 1
    with installation.db.read() as session:
        assert session.get(Delivery, waiting.id).status == "failed"  # type: ignore[union-attr]
        assert session.scalars(select(Notification)).all() == []
    assert write_mails(installation, NOON) == []


def test_the_last_owner_of_a_deleted_record_is_told_without_a_link_to_it(
    installation: Installation, team: Team
) -> None:
    deal = team.deals["olga"]
    with installation.db.write() as session:
        records.delete(session, "deals", deal, Actor("person", "Ann", team.ann.id), run_workflows=False)
    with installation.db.write() as session:
        fail(session, 1, NOON, deal=deal)
    mails = write_mails(installation, NOON)
    assert receivers(mails) == ["ann", "bea", "olga"]
    assert all("/records/" not in mail.text for mail in mails)


def test_somebody_deactivated_before_the_digest_is_written_gets_none(installation: Installation, team: Team) -> None:
    with installation.db.write() as session:
        fail(session, 1, NOON, deal=team.deals["olga"])
        session.merge(team.olga).active = False
    assert receivers(write_mails(installation, NOON)) == ["ann", "bea"]


@pytest.mark.parametrize("name", ["Kettle\r\nBcc: all@example.com", "x" * 5000, "\x1b[31mred\x07", "Żółw 🐢"])
def test_no_name_of_a_record_gets_into_a_header_or_breaks_the_mail(
    installation: Installation, team: Team, name: str
) -> None:
    with installation.db.write() as session:
        fail(session, 1, NOON, deal=team.deals["nobody"], record_name=name, action=name, error=name)
    mail = write_mails(installation, NOON)[0]
    raw = outgoing_mail.as_message(mail, "crm@example.com").as_bytes()
    parsed = message_from_bytes(raw, policy=policy.default)
    assert parsed["Bcc"] is None
    assert parsed["To"] == mail.to
    assert parsed["Subject"] == mail.subject
    assert len(mail.subject) <= 200
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert parsed["Message-ID"] == f"<{mail.message_id}@example.com>"
    assert {part.get_content_type() for part in parsed.iter_parts()} == {"text/plain", "text/html"}


class TestEndpoints:
    KEY = "https://api.example.com:443"

    def move(self, installation: Installation, state: str, at: datetime) -> None:
        with installation.db.write() as session:
            session.merge(Endpoint(endpoint_key=self.KEY, state=state, last_error="It answered 500.", opened_at=NOON))
            alerts.endpoint_changed(session, self.KEY, at)

    def test_a_pause_is_told_to_the_admins_once_and_so_is_the_recovery(
        self, installation: Installation, team: Team
    ) -> None:
        self.move(installation, "open", NOON)
        paused = write_mails(installation, NOON)
        assert receivers(paused) == ["ann", "bea"]
        assert paused[0].subject == "Paused: api.example.com can’t be reached"
        assert "It answered 500." in paused[0].text
        self.move(installation, "draining", NOON + timedelta(minutes=3))
        assert write_mails(installation, NOON + timedelta(minutes=3)) == []
        recovered = write_mails(installation, NOON + timedelta(minutes=10))
        assert {mail.subject for mail in recovered} == {"Recovered: api.example.com"}
        assert write_mails(installation, NOON + timedelta(hours=1)) == []

    def test_an_endpoint_that_comes_and_goes_makes_no_stream_of_mails(
        self, installation: Installation, team: Team
    ) -> None:
        self.move(installation, "open", NOON)
        assert len(write_mails(installation, NOON)) == 2
        for minute in range(1, 30, 2):
            self.move(installation, "draining", NOON + timedelta(minutes=minute))
            self.move(installation, "open", NOON + timedelta(minutes=minute + 1))
            assert write_mails(installation, NOON + timedelta(minutes=minute + 1)) == []
