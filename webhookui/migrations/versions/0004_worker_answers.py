"""When the queue of a worker process last answered: a process that lives but answers nothing is not working."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("worker_process", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("answered_at", sa.DateTime(), nullable=False, server_default="2000-01-01 00:00:00")
        )


def downgrade() -> None:
    with op.batch_alter_table("worker_process", schema=None) as batch_op:
        batch_op.drop_column("answered_at")
