"""The test mail of Settings → Mail: sent at once, so that the server's words can be shown at the form."""

from __future__ import annotations

import secrets

from webhookui.core.database import now
from webhookui.notifications import message, smtp
from webhookui.notifications.mail_content import MailContent
from webhookui.notifications.mail_settings import SmtpServer
from webhookui.notifications.smtp import MailRefused


def send(server: SmtpServer, to: str, address: str) -> str:
    """Sends a test mail to one address; returns the server's words. Raises ServerTrouble, MailRefused."""
    content = MailContent(
        "Test mail from webhookui",
        "This is the test mail requested under Settings → Mail: the server accepts mail from webhookui.",
        links=[("webhookui", address)],
    )
    try:
        built = message.build(
            sender=server.from_address, to=to, subject=content.subject, text=content.text(), html=content.html(),
            message_id=secrets.token_hex(16), at=now(),
        )  # fmt: skip
    except ValueError as error:
        raise MailRefused(f"“{to[:80]}” is not an e-mail address.", for_good=True) from error
    with smtp.connected(server) as connection:
        return connection.send(built, to)
