"""Tables of the inspector: what was received, and what it answers."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from webhookui.core.database import JSON, UtcDateTime, now


class InspectedRequest(SQLModel, table=True):
    """One request as it arrived at `/inspect/<name>`."""

    __tablename__ = "inspected_request"
    __table_args__ = (Index("ix_inspected_request_name", "name", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str
    """The inspector that received it."""
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    method: str
    path: str = Field(sa_column=Column(Text, nullable=False))
    """With what followed the inspector's name, percent-encoding as sent."""
    query: str = Field(default="", sa_column=Column(Text, nullable=False))
    headers: list[list[str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    body: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    """The first 64 KiB."""
    size: int = 0
    """Bytes received; more than `body` holds when it was cut."""
    remote: str = ""
    protocol: str = "HTTP/1.1"
    answer_status: int = 200
    """What it was answered with."""
    note: str = ""
    """What else to know about the answer."""


class InspectorScript(SQLModel, table=True):
    """The scripted answer of one inspector; an inspector without a row answers 200 at once."""

    __tablename__ = "inspector_script"

    name: str = Field(primary_key=True)
    steps: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """In order: times, status, content_type, body, delay_s. The last one goes on for ever."""
    answered: int = 0
    """Requests answered since the script was saved or started over."""
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
