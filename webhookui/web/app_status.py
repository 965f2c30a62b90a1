"""What every page shows of the installation's state: the bell's count, and to admins that nobody works on the queue or that
mails can't be sent (specification sections 6 and 8). Pages ask for it now and then; it costs a few rows.
"""

import threading
import time
from dataclasses import dataclass

from flask import Flask, current_app
from flask_login import current_user

from webhookui.current_installation import read
from webhookui.delivery_log import queue_health
from webhookui.delivery_log.queue_health import QueueState
from webhookui.notifications import inbox, mail_sender
from webhookui.notifications.tables import MailServer


@dataclass(frozen=True)
class Banners:
    """What is wrong with the installation."""

    queue: QueueState | None = None
    mail: MailServer | None = None
    """The SMTP server when it can't be used."""

    def __bool__(self) -> bool:
        return self.queue is not None or self.mail is not None


@dataclass(frozen=True)
class AppStatus:
    unread: int = 0
    banners: Banners = Banners()

    @property
    def token(self) -> str:
        """Moves when something that is shown has moved; an age moves by the minute."""
        queue, mail = self.banners.queue, self.banners.mail
        state = f"{queue.is_deaf:d}.{span(queue.oldest_queued_s)}" if queue else ""
        return f"{self.unread}-{state}-{f'{mail.error_since:%y%m%d%H%M%S}' if mail else ''}".replace(" ", "")


class Watch:
    """The installation's state, looked at no more often than each two seconds however many pages ask."""

    FRESH_S = 2.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looked_at = -self.FRESH_S
        self._banners = Banners()

    def banners(self) -> Banners:
        with self._lock:
            if time.monotonic() - self._looked_at >= self.FRESH_S:
                with read() as session:
                    queue = queue_health.queue_state(session)
                    self._banners = Banners(None if queue.worked_on else queue, mail_sender.error_state(session))
                self._looked_at = time.monotonic()
            return self._banners


def app_status() -> AppStatus:
    """For the logged-in user."""
    if not current_user.is_authenticated:
        return AppStatus()
    with read() as session:
        unread = inbox.unread(session, current_user.id)
    watch: Watch = current_app.extensions["webhookui_watch"]
    return AppStatus(unread, watch.banners() if current_user.is_admin else Banners())


def span(seconds: float) -> str:
    """A time for people: "40 s", "12 min", "3 h 5 min"."""
    if seconds < 60:
        return f"{int(seconds // 10 * 10)} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 2880 else f"{minutes // 1440} days"


def init_app(app: Flask) -> None:
    app.extensions["webhookui_watch"] = Watch()
    app.jinja_env.globals["app_status"] = app_status
    app.jinja_env.filters["span"] = span
