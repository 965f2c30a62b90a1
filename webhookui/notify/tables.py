"""Tables of messages to people."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, Text
from sqlmodel import Field, SQLModel

from webhookui.db import UtcDateTime, now


class Notification(SQLModel, table=True):
    """One entry behind the bell of one user."""

    __table_args__ = (Index("ix_notification_user", "user_id", "read_at", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id")
    key: str = ""
    """Entries with the same key within the digest window are one entry with a count."""
    count: int = 1
    title: str
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    url: str = ""
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OutgoingMail(SQLModel, table=True):
    """A mail that is to go out, or that is kept because no SMTP server is set."""

    __tablename__ = "outgoing_mail"

    id: int | None = Field(default=None, primary_key=True)
    to: str
    subject: str
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    key: str = Field(default="", index=True)
    count: int = 1
    status: str = Field(default="waiting", index=True)
    """"waiting", "sent", "kept" (no SMTP server set) or "failed"."""
    attempt_count: int = 0
    error: str | None = Field(default=None, sa_column=Column(Text))
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
