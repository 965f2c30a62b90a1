"""Tables of people: users, their tokens, the audit list, and settings that are changed in the browser."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from webhookui.core.database import JSON, UtcDateTime, now
from webhookui.people.formats import DEFAULT, Format, format_of


class User(SQLModel, table=True):
    """A person who logs in. `role` is "user" or "admin"."""

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True, index=True)
    """Lower case."""
    name: str
    password_hash: str
    """Empty until somebody who was invited has set a password: nobody can log in with that."""
    role: str = "user"
    active: bool = True
    time_zone: str = "UTC"
    theme: str = "auto"
    """"auto", "light" or "dark"."""
    locale: str = DEFAULT
    """How this person writes numbers and dates: a name of `formats.FORMATS`."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    last_login_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    @property
    def is_invited(self) -> bool:
        """Invited, and has not set a password yet."""
        return not self.password_hash

    @property
    def format(self) -> Format:
        return format_of(self.locale)

    @property
    def zone(self) -> ZoneInfo:
        """UTC where this machine does not have the time zone."""
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")


class UserSession(SQLModel, table=True):
    """A browser that is logged in. Only the SHA-256 of what its cookie says is stored."""

    __tablename__ = "user_session"

    token_hash: str = Field(primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class PasswordLink(SQLModel, table=True):
    """A link that sets a user's password once. Only the SHA-256 of what it says is stored."""

    __tablename__ = "password_link"

    token_hash: str = Field(primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    kind: str
    """Of `people.password_links.LASTS`."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    voided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ApiToken(SQLModel, table=True):
    """A bearer token of the API. Only its SHA-256 is stored."""

    __tablename__ = "api_token"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    name: str
    token_hash: str = Field(unique=True, index=True)
    hint: str
    """The token's first characters, to tell tokens apart in a list."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class AuditEntry(SQLModel, table=True):
    """Who changed which workflow, setting or user, and when."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_kind", "subject_type", "id"),
        Index("ix_audit_entry_user", "user_id", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    user_id: int | None = None
    by: str
    """The person's name at that time, or "command line"."""
    action: str
    """A word: created, changed, deleted, activated, …"""
    subject_type: str
    subject_id: str = ""
    subject: str = ""
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Name → [before, after], or a plain value."""
    search_text: str = Field(default="", sa_column=Column(Text, nullable=False))
    """All of its words, case-folded."""


class StoredSetting(SQLModel, table=True):
    """A setting that an admin changes in the browser. Secret values are stored sealed."""

    __tablename__ = "stored_setting"

    key: str = Field(primary_key=True)
    value: Any = Field(default=None, sa_column=Column(JSON))
