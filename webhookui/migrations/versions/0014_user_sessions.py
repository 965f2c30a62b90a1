"""Sessions are rows, so that a logout ends one on the server. Everybody logs in once more."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_session",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("ix_user_session_user_id", "user_session", ["user_id"])
    op.drop_column("user", "session_salt")


def downgrade() -> None:
    op.add_column("user", sa.Column("session_salt", sa.String(), nullable=False, server_default=""))
    op.drop_table("user_session")
