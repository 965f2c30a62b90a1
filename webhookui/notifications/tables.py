"""Tables of messages to people."""

from datetime import datetime

from sqlalchemy import Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from webhookui.core.database import UtcDateTime, now


class Notice(SQLModel, table=True):
    """What one person is to be told about one subject by mail, and when the next mail about it may go out.

    It is the outbox of the digests: failures are counted here in the transaction in which they happen.
    """

    user_id: int = Field(foreign_key="user.id", primary_key=True)
    kind: str = Field(primary_key=True)
    """Of `mail_content.KINDS`: "failed" (a webhook's deliveries), "endpoint" (its circuit) or "loop" (a workflow's holds)."""
    subject: str = Field(primary_key=True)
    """The webhook's id, the endpoint's key, or the workflow's id."""
    count: int = 0
    """Events that no mail has told of yet."""
    delivery_id: int | None = None
    """The last of them."""
    since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the oldest delivery among them was made."""
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """When the mail is to be written; None when nothing is to be told."""
    not_before: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The end of the window that the last mail opened."""
    reported_state: str | None = None
    """The endpoint's state that the last mail told of."""


class Notification(SQLModel, table=True):
    """One entry of a user's inbox."""

    __table_args__ = (
        Index("ix_notification_user", "user_id", "read_at", "id"),
        UniqueConstraint("user_id", "key", name="uq_notification_user_key"),
    )

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id")
    key: str | None = None
    """Of an unread entry, which what happens next under the same key joins; None once it is read."""
    tone: str = "danger"
    count: int = 1
    title: str
    """Of the last event."""
    title_many: str = ""
    """What stands after the count when there are several: "deliveries of … failed". Empty: the last event replaces the others."""
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    url: str = ""
    url_many: str = ""
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    """Of the last event."""
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OutgoingMail(SQLModel, table=True):
    """A mail that is to go out, or that is kept because no SMTP server is set."""

    __tablename__ = "outgoing_mail"
    __table_args__ = (Index("ix_outgoing_mail_due", "status", "next_attempt_at", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    message_id: str
    """Of the header Message-ID: the same in every attempt, so that a mail that arrives twice can be told."""
    to: str
    subject: str
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    html: str = Field(default="", sa_column=Column(Text, nullable=False))
    count: int = 1
    """Events that it tells of."""
    status: str = "waiting"
    """"waiting", "sent", "kept" (no SMTP server set) or "failed" (given up)."""
    attempt_count: int = 0
    """Times that the server refused this mail. An unreachable server is not held against a mail."""
    error: str | None = Field(default=None, sa_column=Column(Text))
    """The server's words."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sealed_link: str | None = Field(default=None, sa_column=Column(Text))
    """Address that is for the recipient alone, encrypted; it takes the place of `mail_content.PRIVATE_LINK` when the mail is
    sent, and is forgotten then."""


class MailServer(SQLModel, table=True):
    """The one row that says who is sending now, and since when the SMTP server can't be used."""

    __tablename__ = "mail_server"

    id: int = Field(default=1, primary_key=True)
    held_by: str | None = None
    """The worker process that is sending; the hold ends with that process."""
    error_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str | None = Field(default=None, sa_column=Column(Text))
    """In words for people, with the server's own."""
    tries: int = 0
    """In a row that failed."""
    next_try_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
