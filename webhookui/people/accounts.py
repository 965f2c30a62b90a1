"""Users: made, logged in, changed, deactivated (specification section 9). Passwords are hashed by argon2."""

from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.core.errors import Invalid, NotFound
from webhookui.core.time_zones import time_zones
from webhookui.people import audit, password_links, sessions, tokens
from webhookui.people.formats import FORMATS
from webhookui.people.tables import User

ROLES = {"user": "User", "admin": "Admin"}
SHORTEST_PASSWORD = 10

_hasher = PasswordHasher()


@cache
def _nobodys_hash() -> str:
    """Checked for unknown e-mail addresses, so that an answer takes as long as for known ones."""
    return _hasher.hash("nobody has this password")


class InvalidUser(Invalid):
    """A user can't be saved like that."""


class UserNotFound(NotFound):
    """There is no such user."""

    hint = ""


def any_user(session: Session) -> bool:
    return session.scalar(select(User.id).limit(1)) is not None  # type: ignore[call-overload]


def get(session: Session, user_id: int) -> User:
    """Raises UserNotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise UserNotFound(f"There is no user {user_id}.")
    return user


def by_email(session: Session, email: str) -> User:
    """Raises UserNotFound."""
    user = session.scalar(select(User).where(User.email == email.strip().lower()))  # type: ignore[arg-type]
    if user is None:
        raise UserNotFound(f"There is no user with the e-mail address {email.strip()}.")
    return user


def all_users(session: Session) -> list[User]:
    """By name."""
    return list(session.scalars(select(User).order_by(func.lower(User.name))))


def create_user(
    session: Session,
    *,
    email: str,
    name: str,
    password: str | None,
    role: str = "user",
    time_zone: str = "UTC",
    by: User | str | None = None,
) -> User:
    """Without a password, somebody is invited who sets one by a link. Raises InvalidUser."""
    errors: dict[str, str] = {}
    address = _address(session, email, errors)
    _check_profile(name, time_zone, errors)
    _check_role(role, errors)
    if password is not None:
        _check_password(password, errors)
    if errors:
        raise InvalidUser(errors)
    password_hash = _hasher.hash(password) if password is not None else ""
    user = User(email=address, name=name.strip(), password_hash=password_hash, role=role, time_zone=time_zone)
    session.add(user)
    session.flush()
    action = "invited" if user.is_invited else "created"
    audit.note(session, by or user, action, "user", str(user.id), user.name, {"email": address, "role": role})
    return user


def authenticate(session: Session, email: str, password: str) -> User | None:
    """The active user with that e-mail address and password; a write session, for the login is noted.

    The row is held until its end: a password that changes meanwhile has changed before, or ends the session that this begins.
    """
    query = select(User).where(User.email == email.strip().lower())  # type: ignore[arg-type]
    user = session.scalar(query.with_for_update(key_share=True))
    right = has_password(user, password)
    if user is None or not right or not user.active:
        return None
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = _hasher.hash(password)
    user.last_login_at = now()
    return user


def has_password(user: User | None, password: str) -> bool:
    stored = user.password_hash if user is not None else ""
    try:
        return _hasher.verify(stored or _nobodys_hash(), password) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


def set_password(session: Session, user: User, password: str, by: User | str) -> None:
    """A new password; ends all sessions of the user, and all links that would set another. Raises InvalidUser."""
    errors: dict[str, str] = {}
    _check_password(password, errors)
    if errors:
        raise InvalidUser(errors)
    user.password_hash = _hasher.hash(password)
    sessions.end_all(session, user)
    password_links.void_all(session, user)
    audit.note(session, by, "set the password of", "user", str(user.id), user.name)


def set_password_by_link(session: Session, token: str, *, password: str, name: str = "", time_zone: str = "") -> User:
    """Uses a link up. Who was invited says a name as well, and the browser the time zone. Raises LinkUnusable, InvalidUser."""
    link, user = password_links.claim(session, token)
    if link.kind == "invitation":
        errors: dict[str, str] = {}
        _check_profile(name, time_zone or user.time_zone, errors)
        _check_password(password, errors)
        if errors:
            raise InvalidUser(errors)
        user.name, user.time_zone = name.strip(), time_zone or user.time_zone
    set_password(session, user, password, user)
    return user


def set_profile(
    session: Session, user: User, *, name: str, time_zone: str, theme: str | None = None, locale: str | None = None
) -> None:
    """Raises InvalidUser."""
    errors: dict[str, str] = {}
    _check_profile(name, time_zone, errors)
    if locale is not None and locale not in FORMATS:
        errors["locale"] = "Choose a format from the list."
    if errors:
        raise InvalidUser(errors)
    user.name, user.time_zone, user.locale = name.strip(), time_zone, locale or user.locale
    if theme in ("auto", "light", "dark"):
        user.theme = theme


def change_user(
    session: Session,
    user: User,
    *,
    by: User,
    name: str | None = None,
    email: str | None = None,
    role: str | None = None,
    active: bool | None = None,
) -> None:
    """What is given is changed. A new role ends the user's sessions; a deactivation ends the API tokens, too; a new e-mail
    address makes the links void that went to the old one. The last active admin stays one. Raises InvalidUser."""
    errors: dict[str, str] = {}
    before = _shown(user)
    after = dict(before)
    if name is not None:
        _check_profile(name, user.time_zone, errors)
        after["name"] = name.strip()
    if email is not None:
        after["email"] = _address(session, email, errors, own=user)
    if role is not None:
        _check_role(role, errors)
        after["role"] = role
    if active is not None:
        after["active"] = active
    loses_admin = user.is_admin and user.active and (after["role"] != "admin" or not after["active"])
    if loses_admin and _is_last_admin(session, user):
        errors["role"] = "This is the last active admin; make somebody else an admin first."
    if errors:
        raise InvalidUser(errors)
    changes = audit.difference(before, after)
    if not changes:
        return
    for key, value in after.items():
        setattr(user, key, value)
    audit.note(session, by, "changed", "user", str(user.id), user.name, changes)
    if {"role", "active"} & set(changes):
        sessions.end_all(session, user)
    if not user.active:
        tokens.revoke_all(session, user, by)
    if {"email", "active"} & set(changes):
        password_links.void_all(session, user)


def _shown(user: User) -> dict[str, Any]:
    return {key: getattr(user, key) for key in ("name", "email", "role", "active")}


def _is_last_admin(session: Session, user: User) -> bool:
    """The admins' rows are held until the transaction's end: two admins who demote each other at once leave one. Somebody who has
    only been invited can't let anybody in."""
    admins = select(User).where(User.role == "admin", User.active, User.password_hash != "")  # type: ignore[arg-type]
    rows = session.scalars(admins.order_by(User.id).with_for_update(key_share=True))  # type: ignore[arg-type]
    return all(admin.id == user.id for admin in rows)


def _address(session: Session, email: str, errors: dict[str, str], own: User | None = None) -> str:
    try:
        address = validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        errors["email"] = f"“{email.strip()[:60]}” is not an e-mail address. {error}"
        return ""
    owner_id = session.scalar(select(User.id).where(User.email == address))  # type: ignore[call-overload]
    if owner_id is not None and (own is None or owner_id != own.id):
        errors["email"] = "There is already a user with this e-mail address."
    return address


def _check_role(role: str, errors: dict[str, str]) -> None:
    if role not in ROLES:
        errors["role"] = f"A role is one of: {', '.join(ROLES)}."


def _check_profile(name: str, time_zone: str, errors: dict[str, str]) -> None:
    if not name.strip():
        errors["name"] = "Name is required."
    if time_zone not in time_zones():
        errors["time_zone"] = f"“{time_zone}” is not a time zone such as Europe/Prague."


def _check_password(password: str, errors: dict[str, str]) -> None:
    if len(password) < SHORTEST_PASSWORD:
        errors["password"] = f"At least {SHORTEST_PASSWORD} characters."
    elif len(password) > 1000:
        errors["password"] = "At most 1000 characters."  # noqa: S105 - a sentence
