"""The mail sender of a worker process: writes the mails that are due and sends what waits (specification section 8).

The rows are the truth and Huey wakes the senders: whatever is killed, what was not marked as sent is sent by the next process. Of
several processes one sends at a time; its hold on the server ends with its heartbeat.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.errors import MessageError
from email.message import EmailMessage
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from webhookui.core import private_files
from webhookui.core.database import Database, insert_or_update, now
from webhookui.core.secrets import SecretBox, SecretUnreadable
from webhookui.delivery.tables import WorkerProcess
from webhookui.delivery.worker_registry import STALE_AFTER
from webhookui.notifications import digest, mail_settings, outgoing_mail, smtp
from webhookui.notifications.mail_settings import SmtpServer
from webhookui.notifications.smtp import MailRefused, ServerUnusable
from webhookui.notifications.tables import MailServer, Notification, OutgoingMail
from webhookui.people import stored_settings
from webhookui.settings import Settings

log = structlog.get_logger("webhookui.mail")
Built = TypeVar("Built")

REFUSED_AGAIN_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 120, 240))
"""Time to the next attempt with a mail that the server refused for the moment; after the last it is given up."""
UNUSABLE_AGAIN_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20, 30))
"""Time to the next try with a server that can't be used; the last goes on. No mail is given up for that."""
BATCH = 50
"""Mails over one connection."""

_M = OutgoingMail.__table__.c  # type: ignore[attr-defined]
_S = MailServer.__table__.c  # type: ignore[attr-defined]


@dataclass(eq=False)
class MailSender:
    """One for a worker process, known as `process`; its threads share it."""

    settings: Settings
    db: Database
    box: SecretBox
    process: str

    def __post_init__(self) -> None:
        self._busy = threading.Lock()
        self._again = threading.Event()
        self._stopping = False

    def work(self, at: datetime | None = None) -> None:
        """Does all that is due, unless another thread is doing it, which then looks once more. `at`: the time, for tests."""
        self._again.set()
        while not self._stopping and self._again.is_set() and self._busy.acquire(blocking=False):
            try:
                self._again.clear()
                self._work(at or now())
            finally:
                self._busy.release()

    def stop(self, timeout_s: float) -> None:
        """Begins no further mail, and waits for the one that is in flight."""
        self._stopping = True
        if self._busy.acquire(timeout=timeout_s):
            self._busy.release()

    def _work(self, at: datetime) -> None:
        while self._is_so(lambda session: digest.anything_due(session, at)):
            with self.db.write() as session:
                digest.write_due(session, self.settings.address, at)
        if self._is_so(lambda session: bool(_due(session, at, 1))) and self._take_hold():
            try:
                while not self._stopping and self._send_some(at):
                    pass
            finally:
                self._write_server(_S.held_by == self.process, held_by=None)

    def _is_so(self, question: Callable[[Session], bool]) -> bool:
        with self.db.read() as session:
            return question(session)

    def _send_some(self, at: datetime) -> bool:
        """Sends or keeps a batch. Whether there may be more to do now."""
        with self.db.read() as session:
            mails = _due(session, at, BATCH)
            state = session.get(MailServer, 1)
            server, problem = None, ""
            try:
                server = mail_settings.load(session, self.box)
            except SecretUnreadable as error:
                problem = str(error)
        if mails and problem:
            self._note_error_state(problem, at)
        if not mails or problem:
            return False
        if server is None:
            for mail in mails:
                try:
                    self._keep(mail)
                except MailRefused as error:
                    self._refused(mail, error, at)
            return True
        if state is not None and state.next_try_at is not None and state.next_try_at > at:
            return False
        return self._send(server, mails, at)

    def _send(self, server: SmtpServer, mails: list[OutgoingMail], at: datetime) -> bool:
        sent = 0
        try:
            with smtp.connected(server) as connection:
                well = {"error_since": None, "error": None, "tries": 0, "next_try_at": None}
                self._write_server(_S.error_since.is_not(None), **well)
                for mail in mails:
                    if self._stopping:
                        break
                    try:
                        connection.send(_or_refused(self._message, mail, server.from_address), mail.to)
                    except MailRefused as error:
                        self._refused(mail, error, at)
                    else:
                        self._mark(
                            mail, status="sent", sent_at=now(), error=None, next_attempt_at=None, sealed_link=None
                        )
                        kept_file(self.settings, mail).unlink(missing_ok=True)
                        log.info("mail_sent", mail=mail.id)
                    sent += 1
        except ServerUnusable as error:
            if sent:  # many servers take only so many mails over one connection
                return True
            self._note_error_state(str(error), at)
            return False
        return True

    def _message(self, mail: OutgoingMail, sender: str) -> EmailMessage:
        if mail.sealed_link is None:
            return outgoing_mail.as_message(mail, sender)
        return outgoing_mail.as_message(mail, sender, self.box.open(mail.sealed_link))

    def _refused(self, mail: OutgoingMail, error: MailRefused, at: datetime) -> None:
        again = None if error.for_good else dict(enumerate(REFUSED_AGAIN_AFTER)).get(mail.attempt_count)
        log.warning("mail_refused", mail=mail.id, error=str(error), given_up=again is None)
        self._mark(
            mail,
            status="waiting" if again else "failed",
            attempt_count=mail.attempt_count + 1,
            error=str(error),
            next_attempt_at=at + again if again else None,
        )

    def _keep(self, mail: OutgoingMail) -> None:
        """As a file first: a process that dies in between writes it once more."""
        content = _or_refused(outgoing_mail.as_file, mail, outgoing_mail.own_address(self.settings.address))
        file = kept_file(self.settings, mail)
        private_files.make_folder(file.parent)
        private_files.write(file, content)
        self._mark(mail, status="kept", next_attempt_at=None)
        log.info("mail_kept", mail=mail.id, file=str(file))

    def _mark(self, mail: OutgoingMail, **values: Any) -> None:
        waits = update(OutgoingMail).where(_M.id == mail.id, _M.status == "waiting")
        with self.db.write() as session:
            session.connection().execute(waits.values(**values))

    def _take_hold(self) -> bool:
        """Whether this process is the one to send. A holder that is not seen any more has lost its hold."""
        alive = select(WorkerProcess.id).where(WorkerProcess.seen_at > now() - STALE_AFTER)  # type: ignore[call-overload, arg-type]
        free = or_(_S.held_by.is_(None), _S.held_by == self.process, _S.held_by.not_in(alive))
        with self.db.write() as session:
            session.execute(insert_or_update(session, MailServer).values(id=1, tries=0).on_conflict_do_nothing())
            take = update(MailServer).where(_S.id == 1, free).values(held_by=self.process)
            return bool(session.connection().execute(take).rowcount)

    def _note_error_state(self, words: str, at: datetime) -> None:
        log.warning("mail_server_trouble", error=words)
        with self.db.write() as session:
            row = session.get(MailServer, 1)
            if row is None:
                return
            wait = UNUSABLE_AGAIN_AFTER[min(row.tries, len(UNUSABLE_AGAIN_AFTER) - 1)]
            row.error_since, row.error = row.error_since or at, words
            row.tries, row.next_try_at = row.tries + 1, at + wait

    def _write_server(self, condition: Any, **values: Any) -> None:
        with self.db.write() as session:
            session.connection().execute(update(MailServer).where(_S.id == 1, condition).values(**values))


def _or_refused(build: Callable[[OutgoingMail, str], Built], mail: OutgoingMail, sender: str) -> Built:
    """A mail that can't be built must not stop the others. Raises MailRefused."""
    try:
        return build(mail, sender)
    except (ValueError, MessageError, SecretUnreadable) as error:
        raise MailRefused(f"This mail can't be sent: {error}", for_good=True) from error


def kept_file(settings: Settings, mail: OutgoingMail) -> Path:
    """Where a mail is kept while no SMTP server is set."""
    return settings.instance / "mail" / f"{mail.id:06d}.eml"


def forget_old(settings: Settings, db: Database, at: datetime) -> int:
    """Removes mails and notifications that are older than deliveries are kept; what still waits stays. Returns how many mails."""
    with db.write() as session:
        before = at - timedelta(days=stored_settings.retention_days(session, settings))
        old = list(
            session.scalars(select(OutgoingMail).where(_M.created_at < before, _M.status != "waiting").limit(1000))
        )
        session.execute(delete(OutgoingMail).where(_M.id.in_([mail.id for mail in old])))
        session.execute(delete(Notification).where(Notification.at < before))  # type: ignore[arg-type]
    for mail in old:
        kept_file(settings, mail).unlink(missing_ok=True)
    return len(old)


def error_state(session: Session) -> MailServer | None:
    """The server's state while it can't be used."""
    row = session.get(MailServer, 1)
    return row if row is not None and row.error_since is not None else None


def try_now(session: Session) -> None:
    """Does not wait for the next try; the caller wakes the senders."""
    row = session.get(MailServer, 1)
    if row is not None:
        row.next_try_at = None


def _due(session: Session, at: datetime, limit: int) -> list[OutgoingMail]:
    statement = select(OutgoingMail).where(_M.status == "waiting", _M.next_attempt_at <= at)
    return list(session.scalars(statement.order_by(_M.next_attempt_at, _M.id).limit(limit)))
