"""Each save of a workflow is kept as a version, and each change says which workflows it asked."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WORKFLOW = sa.table(
    "workflow",
    *(sa.column(name) for name in ("id", "name", "description", "module", "version", "created_by")),
    sa.column("active", sa.Boolean()),
    *(sa.column(name, sa.JSON()) for name in ("related_modules", "trigger", "criteria")),
    *(sa.column(name, sa.DateTime()) for name in ("created_at", "updated_at", "deleted_at")),
)
WEBHOOK = sa.table(
    "workflow_webhook",
    *(sa.column(name) for name in ("id", "workflow_id", "position")),
    sa.column("definition", sa.JSON()),
    sa.column("deleted_at", sa.DateTime()),
)


def upgrade() -> None:
    op.add_column("change", sa.Column("workflows_revision", sa.Integer(), nullable=True))
    op.create_table(
        "workflow_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("workflow_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["workflow_id"], ["workflow.id"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_workflow_version_workflow_id", "workflow_version", ["workflow_id"])
    _first_versions()


def _first_versions() -> None:
    """Of each workflow what it is now, from the last save of it on. What it was before is not known, and not guessed at."""
    connection = op.get_bind()
    version = sa.table(
        "workflow_version",
        *(sa.column(name) for name in ("workflow_id", "number", "revision", "by", "action")),
        sa.column("at", sa.DateTime()),
        sa.column("document", sa.JSON()),
        sa.column("deleted", sa.Boolean()),
    )
    for row in connection.execute(sa.select(WORKFLOW).order_by(WORKFLOW.c.id)).all():
        webhooks = sa.select(WEBHOOK).where(
            WEBHOOK.c.workflow_id == row.id, WEBHOOK.c.deleted_at.is_not_distinct_from(row.deleted_at)
        )
        actions = [{"id": each.id, "type": "webhook", **{key: value for key, value in each.definition.items() if key != "markers"}}
                   for each in connection.execute(webhooks.order_by(WEBHOOK.c.position)).all()]  # fmt: skip
        keys = ("name", "description", "module", "active", "related_modules", "trigger", "criteria")
        document = {key: getattr(row, key) for key in keys} | {"actions": actions}
        made = {
            "workflow_id": row.id,
            "number": row.version,
            "revision": 0,
            "by": "",
            "action": "kept",
            "document": document,
        }
        at = row.deleted_at or (row.created_at if row.version == 1 else row.updated_at)
        connection.execute(version.insert().values(**made, at=at, deleted=row.deleted_at is not None))


def downgrade() -> None:
    op.drop_table("workflow_version")
    op.drop_column("change", "workflows_revision")
