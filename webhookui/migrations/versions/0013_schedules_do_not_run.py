"""Workflows on a schedule are switched off: nothing runs them yet, and they were shown as active."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NOTE = "Schedules do not run yet."


def upgrade() -> None:
    workflow = sa.table(
        "workflow",
        sa.column("id"),
        sa.column("name"),
        sa.column("active", sa.Boolean()),
        sa.column("trigger", sa.JSON()),
    )
    audit = sa.table(
        "audit_entry",
        *(sa.column(name) for name in ("by", "action", "subject_type", "subject_id", "subject")),
        sa.column("at", sa.DateTime()),
        sa.column("details", sa.JSON()),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(workflow).where(workflow.c.active)).all():
        if row.trigger.get("on") != "schedule":
            continue
        connection.execute(workflow.update().where(workflow.c.id == row.id).values(active=False))
        connection.execute(
            audit.insert().values(
                at=datetime.now(UTC).replace(tzinfo=None), by="webhookui", action="deactivated", subject_type="workflow",
                subject_id=str(row.id), subject=row.name, details={"note": NOTE},
            )
        )  # fmt: skip


def downgrade() -> None:
    """Who had switched them on is in the audit list; they are left off."""
