"""Browser sessions: known to the server, so that a copied cookie is worth nothing once its session has ended
(specification section 9)."""

import secrets
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.people.tables import User, UserSession
from webhookui.people.tokens import hash_of

LONGEST = timedelta(days=30)
"""A session ends by itself after this time, however much it is used."""


def begin(session: Session, user: User) -> str:
    """A new session of the user: what its cookie says. Takes the rows of sessions that have run out away."""
    session.execute(delete(UserSession).where(UserSession.created_at < now() - LONGEST))  # type: ignore[arg-type]
    token = secrets.token_urlsafe(32)
    session.add(UserSession(token_hash=hash_of(token), user_id=user.id or 0))
    return token


def user_of(session: Session, token: str) -> User | None:
    """The active user whose session it is, while it lasts."""
    query = select(User).join(UserSession, UserSession.user_id == User.id)  # type: ignore[arg-type]
    return session.scalar(
        query.where(
            UserSession.token_hash == hash_of(token),  # type: ignore[arg-type]
            UserSession.created_at >= now() - LONGEST,  # type: ignore[arg-type]
            User.active,  # type: ignore[arg-type]
        )
    )


def end(session: Session, token: str) -> None:
    session.execute(delete(UserSession).where(UserSession.token_hash == hash_of(token)))  # type: ignore[arg-type]


def end_all(session: Session, user: User) -> None:
    session.execute(delete(UserSession).where(UserSession.user_id == user.id))  # type: ignore[arg-type]
