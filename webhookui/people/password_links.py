"""Links that set a password once, within a limited time: an invitation, a new password, a forgotten one
(specification section 9). Only the SHA-256 of what a link says is stored."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.people import audit
from webhookui.people.tables import PasswordLink, User
from webhookui.people.tokens import hash_of

LASTS: dict[str, timedelta] = {
    "invitation": timedelta(days=7),
    "new_password": timedelta(days=7),
    "forgotten": timedelta(hours=2),
}
"""Kind → how long a link of it works."""
REMEMBERED = timedelta(days=90)
"""For so long after its end a link says what became of it."""

_L = PasswordLink.__table__.c  # type: ignore[attr-defined]


@dataclass(frozen=True)
class NewLink:
    """A link in the only moment in which it is known. `token`: what its address says."""

    user: User
    kind: str
    token: str
    expires_at: datetime

    @property
    def path(self) -> str:
        return f"/set-password?link={self.token}"


class LinkUnusable(Exception):
    """A link that sets no password. `advice`: what to do."""

    def __init__(self, reason: str) -> None:
        sentence, self.advice = REASONS[reason]
        super().__init__(sentence)


REASONS: dict[str, tuple[str, str]] = {
    "unknown": (
        "This link is not complete.",
        "Copy the whole address, from http to its last letter. If that is what you did, ask an admin for a new link.",
    ),
    "used": (
        "This link was used already.",
        "Log in with the password that was set. If it was not you who set it, tell an admin at once.",
    ),
    "expired": ("This link has expired.", "Ask an admin of your team for a new one."),
    "void": (
        "This link is no longer valid.",
        "A newer link was made, or the account was changed since. Use the newest link, or ask an admin of your team.",
    ),
}
"""Why a link can't be used → in words, and what to do."""


def create(session: Session, user: User, kind: str, by: User | str) -> NewLink:
    """A new link, which makes the user's older ones void. `kind`: of LASTS."""
    time = now()
    void_all(session, user)
    session.execute(delete(PasswordLink).where(_L.expires_at < time - REMEMBERED))
    link = NewLink(user, kind, secrets.token_urlsafe(32), time + LASTS[kind])
    session.add(
        PasswordLink(
            token_hash=hash_of(link.token),
            user_id=user.id or 0,
            kind=kind,
            created_at=time,
            expires_at=link.expires_at,
        )
    )
    audit.note(session, by, "created a password link for", "user", str(user.id), user.name, {"kind": kind})
    return link


def get(session: Session, token: str) -> tuple[PasswordLink, User]:
    """A link that still works, and whose password it sets. Raises LinkUnusable."""
    link = session.get(PasswordLink, hash_of(token))
    user = session.get(User, link.user_id) if link is not None else None
    if link is None or user is None:
        raise LinkUnusable("unknown")
    if link.used_at is not None:
        raise LinkUnusable("used")
    if link.voided_at is not None or not user.active:
        raise LinkUnusable("void")
    if link.expires_at <= now():
        raise LinkUnusable("expired")
    return link, user


def claim(session: Session, token: str) -> tuple[PasswordLink, User]:
    """The same, used up from now on: of two that send it at once, one gets it. Raises LinkUnusable."""
    link, user = get(session, token)
    take = update(PasswordLink).where(_L.token_hash == link.token_hash, _L.used_at.is_(None), _L.voided_at.is_(None))
    taken: Any = session.execute(take.values(used_at=now()).execution_options(synchronize_session=False))
    if not taken.rowcount:
        raise LinkUnusable("used")
    return link, user


def void_all(session: Session, user: User) -> None:
    """No link of the user that was made so far works any more."""
    still_open = (_L.user_id == user.id, _L.used_at.is_(None), _L.voided_at.is_(None))
    session.execute(update(PasswordLink).where(*still_open).values(voided_at=now()))


def still_open(session: Session) -> dict[int, PasswordLink]:
    """User → the link that still works."""
    links = select(PasswordLink).where(_L.used_at.is_(None), _L.voided_at.is_(None), _L.expires_at > now())
    return {link.user_id: link for link in session.scalars(links)}


def last_created_at(session: Session, user: User, kind: str) -> datetime | None:
    query = select(_L.created_at).where(_L.user_id == user.id, _L.kind == kind)
    return session.scalar(query.order_by(_L.created_at.desc()).limit(1))
