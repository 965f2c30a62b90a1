"""Redirects of an attempt, and why the body of its answer is not whole."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in batches: a column at the end needs no copy of what may be millions of rows.
    op.add_column("attempt", sa.Column("hops", sa.JSON(), server_default="[]", nullable=False))
    op.add_column("attempt", sa.Column("incomplete", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_column("incomplete")
        batch_op.drop_column("hops")
