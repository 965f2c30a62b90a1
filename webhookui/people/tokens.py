"""API tokens: shown once, stored as a hash (specification section 10)."""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.people import audit
from webhookui.people.tables import ApiToken, User

PREFIX = "whui_"
USED_EVERY = timedelta(minutes=5)
"""How exactly the last use is noted: not every call is a write."""


def create(session: Session, user: User, name: str, by: User | str | None = None) -> str:
    """A new token, in the only moment in which it is known."""
    token = PREFIX + secrets.token_urlsafe(32)
    session.add(ApiToken(user_id=user.id or 0, name=name.strip() or "Token", token_hash=hash_of(token), hint=token[:9]))
    _note(session, by or user, "created", user, name.strip() or "Token")
    return token


def user_of(session: Session, token: str) -> tuple[User, ApiToken] | None:
    """The active user that a token belongs to, and the token."""
    token_row = session.scalar(select(ApiToken).where(ApiToken.token_hash == hash_of(token)))  # type: ignore[arg-type]
    if token_row is None:
        return None
    user = session.get(User, token_row.user_id)
    return (user, token_row) if user is not None and user.active else None


def needs_note(token: ApiToken) -> bool:
    """Whether the token's last use is older than what is noted."""
    return token.last_used_at is None or token.last_used_at < now() - USED_EVERY


def note_use(session: Session, token_id: int) -> None:
    row = session.get(ApiToken, token_id)
    if row is not None:
        row.last_used_at = now()


def of_user(session: Session, user_id: int) -> list[ApiToken]:
    """Newest first."""
    return list(session.scalars(select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc())))  # type: ignore[arg-type, union-attr]


def revoke(session: Session, user: User, token_id: int) -> None:
    """Ends one of the user's tokens; says nothing about others'."""
    row = session.get(ApiToken, token_id)
    if row is not None and row.user_id == user.id:
        _note(session, user, "deleted", user, row.name)
        session.delete(row)


def revoke_all(session: Session, user: User, by: User | str) -> None:
    """Ends every token of the user."""
    for row in of_user(session, user.id or 0):
        _note(session, by, "deleted", user, row.name)
        session.delete(row)


def _note(session: Session, by: User | str, action: str, user: User, name: str) -> None:
    audit.note(session, by, action, "token", str(user.id), name, {"user": user.name})


def hash_of(token: str) -> str:
    """What is stored of a token or a session: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
