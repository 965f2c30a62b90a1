"""A mail as it goes over the wire: Python's `email.message`, whose policy lets no line break into a header (RFC 5322)."""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from webhookui.notifications.mail_content import one_line

NAME = "webhookui"


def build(*, sender: str, to: str, subject: str, text: str, html: str, message_id: str, at: datetime) -> EmailMessage:
    """Marked as made by a program (RFC 3834), so that nobody's absence notice answers it. `message_id`: without its domain."""
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    message["Date"] = format_datetime(at)
    message["From"] = _address(sender, NAME)
    message["To"] = _address(to)
    message["Subject"] = one_line(subject, 200)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message


def _address(address: str, name: str = "") -> Address:
    """By its parts: `addr_spec` would refuse letters beyond ASCII, which SMTPUTF8 carries (RFC 6531)."""
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)
