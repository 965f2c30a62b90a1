"""Tables of imports: files that were uploaded, until their rows are in."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel

from webhookui.core.database import JSON, UtcDateTime, now


class ImportFile(SQLModel, table=True):
    """A file that was uploaded, for a module, by a user."""

    __tablename__ = "import_file"

    id: int | None = Field(default=None, primary_key=True)
    module: str
    user_id: int
    name: str
    size: int = 0
    """Bytes; 0 until it has come in as a whole."""
    encoding: str = "utf-8"
    separator: str = ","
    """As they were recognised; both may be overridden."""
    plan: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """What was chosen last on its page: `ImportPlan.document`."""
    job_id: int | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)


class ImportChunk(SQLModel, table=True):
    """A piece of a file, so that any process on any machine can read it."""

    __tablename__ = "import_chunk"

    file_id: int = Field(primary_key=True, foreign_key="import_file.id")
    number: int = Field(primary_key=True)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
