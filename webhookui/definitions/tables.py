"""Tables of workflows and their actions."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Text
from sqlmodel import Field, SQLModel

from webhookui.core.database import JSON, UtcDateTime, now


class Workflow(SQLModel, table=True):
    """Trigger + entry criteria on one module. A deleted one stays as a row, so that the log keeps its name."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    module: str = Field(index=True)
    active: bool = True
    related_modules: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    trigger: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The document's "trigger"."""
    criteria: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The document's "criteria"."""
    version: int = 1
    created_by: int | None = None
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    updated_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    last_run_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WorkflowVersion(SQLModel, table=True):
    """A workflow as one save of it left it: what an explanation of a past change goes by (specification section 3, Versions)."""

    __tablename__ = "workflow_version"

    id: int | None = Field(default=None, primary_key=True)
    workflow_id: int = Field(foreign_key="workflow.id", index=True)
    number: int
    """The workflow's `version`."""
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    revision: int = 0
    """The revision of "workflows" that began with it: changes that name it, or a later one, were looked at by this version."""
    by: str = ""
    user_id: int | None = None
    action: str
    """created, changed, activated, deactivated or deleted."""
    document: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The document with the ids of its actions and without secrets."""
    deleted: bool = False


class WorkflowAction(SQLModel, table=True):
    """One action of a workflow. A removed one stays as a row for the log."""

    __tablename__ = "workflow_action"

    id: int | None = Field(default=None, primary_key=True)
    workflow_id: int = Field(foreign_key="workflow.id", index=True)
    type: str = "webhook"
    """The kind of action (`workflows.actions.KINDS`); never changes."""
    position: int
    title: str
    definition: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The document's action without its secrets (null in their place)."""
    secrets: str | None = Field(default=None, sa_column=Column(Text))
    """Sealed JSON object: key of the authorization → secret; "signing": [newest "whsec_…", …]."""
    previous_signing_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until then the second of the signing secrets signs too."""
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WorkflowHold(SQLModel, table=True):
    """A workflow that is held for one record, because saves by the API made it fire too often (`workflows/loop_guard.py`)."""

    __tablename__ = "workflow_hold"

    workflow_id: int = Field(foreign_key="workflow.id", primary_key=True)
    record_id: int = Field(primary_key=True)
    """No foreign key: what waits for a deleted record is held, too."""
    module: str
    record_name: str
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    fired: int
    """How often it fired within the minute before."""
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """A hold that was released stays for a minute: what fired before the release is not counted again."""


class FirstMet(SQLModel, table=True):
    """A record for which a "first time" workflow has met its criteria."""

    __tablename__ = "workflow_first_met"

    workflow_id: int = Field(foreign_key="workflow.id", primary_key=True)
    record_id: int = Field(primary_key=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
