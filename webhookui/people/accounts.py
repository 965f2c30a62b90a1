"""Users: made, logged in, changed, deactivated (specification section 9). Passwords are hashed by argon2."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.core.errors import Invalid, NotFound
from webhookui.core.time_zones import time_zones
from webhookui.people import audit, sessions, tokens
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
    password: str,
    role: str = "user",
    time_zone: str = "UTC",
    by: User | str | None = None,
) -> User:
    """Raises InvalidUser."""
    errors: dict[str, str] = {}
    address = _address(session, email, errors)
    _check_profile(name, time_zone, errors)
    _check_password(password, errors)
    if role not in ROLES:
        errors["role"] = f"A role is one of: {', '.join(ROLES)}."
    if errors:
        raise InvalidUser(errors)
    password_hash = _hasher.hash(password)
    user = User(email=address, name=name.strip(), password_hash=password_hash, role=role, time_zone=time_zone)
    session.add(user)
    session.flush()
    audit.note(session, by or user, "created", "user", str(user.id), user.name, {"role": role})
    return user


def authenticate(session: Session, email: str, password: str) -> User | None:
    """The active user with that e-mail address and password; a write session, for the login is noted."""
    user = session.scalar(select(User).where(User.email == email.strip().lower()))  # type: ignore[arg-type]
    right = has_password(user, password)
    if user is None or not right or not user.active:
        return None
    if _hasher.check_needs_rehash(user.password_hash):
        user.password_hash = _hasher.hash(password)
    user.last_login_at = now()
    return user


def has_password(user: User | None, password: str) -> bool:
    stored = user.password_hash if user is not None else _nobodys_hash()
    try:
        return _hasher.verify(stored, password) and user is not None
    except (VerificationError, InvalidHashError):
        return False


def set_password(session: Session, user: User, password: str, by: User | str) -> None:
    """A new password; ends all sessions of the user. Raises InvalidUser."""
    errors: dict[str, str] = {}
    _check_password(password, errors)
    if errors:
        raise InvalidUser(errors)
    user.password_hash = _hasher.hash(password)
    sessions.end_all(session, user)
    audit.note(session, by, "changed password", "user", str(user.id), user.name)


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


def set_access(session: Session, user: User, *, role: str, active: bool, by: User) -> None:
    """Role and activity. Either ends the user's sessions, a deactivation the API tokens too. The last active admin stays
    one. Raises InvalidUser."""
    if role not in ROLES:
        raise InvalidUser({"role": f"A role is one of: {', '.join(ROLES)}."})
    loses_admin = user.is_admin and user.active and (role != "admin" or not active)
    admins = select(func.count()).select_from(User).where(User.role == "admin", User.active)  # type: ignore[arg-type]
    if loses_admin and (session.scalar(admins) or 0) <= 1:
        raise InvalidUser({"role": "This is the last active admin; make somebody else an admin first."})
    if (user.role, user.active) == (role, active):
        return
    details = {"role": [user.role, role], "active": [user.active, active]}
    user.role, user.active = role, active
    sessions.end_all(session, user)
    if not active:
        tokens.revoke_all(session, user, by)
    audit.note(session, by, "changed", "user", str(user.id), user.name, details)


def _address(session: Session, email: str, errors: dict[str, str]) -> str:
    try:
        address = validate_email(email.strip(), check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as error:
        errors["email"] = f"“{email.strip()[:60]}” is not an e-mail address. {error}"
        return ""
    if session.scalar(select(User.id).where(User.email == address)) is not None:  # type: ignore[call-overload]
        errors["email"] = "There is already a user with this e-mail address."
    return address


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
