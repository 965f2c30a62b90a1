"""Mails with a link that sets a password: an invitation, a new password, a forgotten one (specification section 9).

What the link says stands encrypted beside the mail until it is sent, and nowhere after that.
"""

from datetime import timedelta

import structlog
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.core.secrets import SecretBox
from webhookui.notifications import mail_settings, outgoing_mail
from webhookui.notifications.mail_content import PRIVATE_LINK, MailContent, one_line
from webhookui.notifications.outgoing_mail import mail_waiting
from webhookui.people import accounts, password_links
from webhookui.people.accounts import UserNotFound
from webhookui.people.password_links import NewLink
from webhookui.people.tables import User

log = structlog.get_logger("webhookui.mail")

FORGOTTEN_EVERY = timedelta(minutes=5)
"""At most one mail in this time for each account that somebody says they forgot the password of."""

_LASTS = {"invitation": "7 days", "new_password": "7 days", "forgotten": "2 hours"}


def send(session: Session, box: SecretBox, link: NewLink, address: str, by: User | None = None) -> bool:
    """Mails the link where an SMTP server is set; whether one is. `address`: where people reach us."""
    if not mail_settings.is_set(session):
        return False
    content = _content(link, address, one_line(by.name, 120) if by else "")
    outgoing_mail.add(session, link.user.email, content, 1, now(), box.seal(address + link.path))
    mail_waiting.send_after_commit(session)
    return True


def send_forgotten(session: Session, box: SecretBox, email: str, address: str) -> None:
    """Mails a link to the active user with that address, if there is one and has not just been sent one."""
    try:
        user = accounts.by_email(session, email)
    except UserNotFound:
        return
    last = password_links.last_created_at(session, user, "forgotten")
    if not user.active or not mail_settings.is_set(session) or (last is not None and last > now() - FORGOTTEN_EVERY):
        return
    send(session, box, password_links.create(session, user, "forgotten", "login page"), address)
    log.info("password_link_sent", user=user.id)


def _content(link: NewLink, address: str, by: str) -> MailContent:
    subject, opening, label, why = {
        "invitation": (
            f"{by} invites you to webhookui",
            f"{by} invites you to your team's CRM. Choose a password to begin.",
            "Accept the invitation",
            f"{by} entered your e-mail address",
        ),
        "new_password": (
            "Your new password for webhookui",
            f"{by} made a link for you to choose a new password. Until you do, the old one stays as it is.",
            "Choose a new password",
            f"{by} asked for it",
        ),
        "forgotten": (
            "Your new password for webhookui",
            "Somebody, probably you, said at the login page that the password of this account is forgotten. If it was not "
            "you, do nothing: your password stays as it is.",
            "Choose a new password",
            "somebody entered your e-mail address at the login page",
        ),
    }[link.kind]
    facts = [("Log in as", link.user.email), ("The link works", f"once, for {_LASTS[link.kind]}")]
    closing = [f"webhookui at {address}", f"You receive this because {why}."]
    return MailContent(one_line(subject, 200), opening, facts, [(label, PRIVATE_LINK)], closing)
