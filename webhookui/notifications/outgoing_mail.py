"""Outgoing mail: rows that are written first and sent then, so that nothing is lost (specification section 8)."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.core.errors import NotFound
from webhookui.core.events import Event
from webhookui.core.paging import Page, one_page
from webhookui.core.secrets import SecretBox
from webhookui.notifications import smtp
from webhookui.notifications.mail_content import PRIVATE_LINK, MailContent, one_line
from webhookui.notifications.mail_settings import SmtpServer
from webhookui.notifications.smtp import MailRefused
from webhookui.notifications.tables import OutgoingMail

_M = OutgoingMail.__table__.c  # type: ignore[attr-defined]

mail_waiting: Event[[]] = Event()
"""A mail, or a digest that becomes one, waits to be sent."""


@dataclass(frozen=True)
class MailStatus:
    """The interface's word, a colour's name and what it means."""

    label: str
    tone: str
    meaning: str


STATUSES: dict[str, MailStatus] = {
    "waiting": MailStatus("Waiting", "info", "Will be sent as soon as the server accepts it."),
    "kept": MailStatus("Kept", "warning", "Was not sent, because no SMTP server was set."),
    "failed": MailStatus("Failed", "danger", "The server refused it permanently."),
    "sent": MailStatus("Sent", "success", "The SMTP server has accepted it."),
}


class MailNotFound(NotFound):
    """There is no such mail."""


def add(
    session: Session, to: str, content: MailContent, count: int, at: datetime, sealed_link: str | None = None
) -> OutgoingMail:
    """A mail that waits to be sent, due at once. `sealed_link`: what PRIVATE_LINK in its content stands for, encrypted."""
    mail = _mail(to, content, count, at)
    mail.sealed_link = sealed_link
    session.add(mail)
    return mail


def _mail(to: str, content: MailContent, count: int, at: datetime) -> OutgoingMail:
    return OutgoingMail(
        message_id=secrets.token_hex(16),
        to=to,
        subject=content.subject,
        text=content.text(),
        html=content.html(),
        count=count,
        created_at=at,
        next_attempt_at=at,
    )


def as_message(mail: OutgoingMail, sender: str, link: str = PRIVATE_LINK) -> EmailMessage:
    """Marked as made by a program (RFC 3834), so that nobody's absence notice answers it. `link`: in place of PRIVATE_LINK.

    Raises ValueError: the library's policy lets no line break into a header (RFC 5322)."""
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = f"<{mail.message_id}@{sender.rpartition('@')[2]}>"
    message["Date"] = format_datetime(mail.created_at)
    message["From"] = _address(sender, "webhookui")
    message["To"] = _address(mail.to)
    message["Subject"] = one_line(mail.subject, 200)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(mail.text.replace(PRIVATE_LINK, link))
    message.add_alternative(mail.html.replace(PRIVATE_LINK, link), subtype="html")
    return message


def _address(address: str, name: str = "") -> Address:
    """By its parts: `addr_spec` would refuse letters beyond ASCII, which SMTPUTF8 carries (RFC 6531)."""
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)


def send_test(server: SmtpServer, to: str, address: str) -> str:
    """Sends a mail to one address at once, so that the server's words can be shown at the form: returns them. Raises
    ServerUnusable, MailRefused."""
    content = MailContent(
        "Test mail from webhookui",
        "This is the test mail requested under Settings → Mail: the server accepts mail from webhookui.",
        links=[("webhookui", address)],
    )
    try:
        message = as_message(_mail(to, content, 1, now()), server.from_address)
    except ValueError as error:
        raise MailRefused(f"“{to[:80]}” is not an e-mail address.", for_good=True) from error
    with smtp.connected(server) as connection:
        return connection.send(message, to)


def as_file(mail: OutgoingMail, sender: str) -> bytes:
    """As an .eml file; beyond ASCII in an address only where there is some."""
    return as_message(mail, sender).as_bytes(policy=SMTP if mail.to.isascii() else SMTPUTF8)


def own_address(address: str) -> str:
    """What mails are from while no SMTP server is set. `address`: where people reach us."""
    return f"webhookui@{urlsplit(address).hostname or 'localhost'}"


def get(session: Session, mail_id: int) -> OutgoingMail:
    """Raises MailNotFound."""
    mail = session.get(OutgoingMail, mail_id)
    if mail is None:
        raise MailNotFound(f"There is no mail {mail_id}.")
    return mail


def page(
    session: Session, status: str | None = None, *, limit: int = 50, before: int | None = None
) -> Page[OutgoingMail]:
    statement = select(OutgoingMail)
    if status is not None:
        statement = statement.where(_M.status == status)
    if before is not None:
        statement = statement.where(_M.id < before)
    items = list(session.scalars(statement.order_by(_M.id.desc()).limit(limit + 1)))
    return one_page(items, limit, lambda item: item.id)


def counts(session: Session) -> dict[str, int]:
    """Mails of each status."""
    numbers: dict[str, int] = dict(session.execute(select(_M.status, func.count()).group_by(_M.status)).all())  # type: ignore[arg-type]
    return {status: numbers.get(status, 0) for status in STATUSES}


def send_again(session: Session, ids: Collection[int] | None = None) -> int:
    """Makes kept and failed mails wait to be sent: those of `ids`, or all that are kept. Returns how many."""
    condition = _M.status == "kept" if ids is None else (_M.status.in_(("kept", "failed"))) & _M.id.in_(ids)
    done: Any = session.execute(
        update(OutgoingMail)
        .where(condition)
        .values(status="waiting", attempt_count=0, error=None, next_attempt_at=now())
        .execution_options(synchronize_session=False)
    )
    mail_waiting.send_after_commit(session)
    return int(done.rowcount)


def reencrypt(session: Session, box: SecretBox) -> int:
    """The links of mails that wait under the newest key. Returns how many were rewritten."""
    mails = list(session.scalars(select(OutgoingMail).where(_M.sealed_link.is_not(None))))
    for mail in mails:
        mail.sealed_link = box.reencrypt(mail.sealed_link or "")
    return len(mails)
