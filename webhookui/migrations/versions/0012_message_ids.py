"""Each delivery has an id that is unique in the world, and a GET's query is kept as its payload."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("delivery", sa.Column("message_id", sa.String(), server_default="", nullable=False))
    op.add_column("delivery_request", sa.Column("query", sa.Text(), nullable=True))
    op.drop_column("delivery_request", "origin")
    connection = op.get_bind()
    # What a receiver may have seen keeps the number that it went out with.
    sent = "UPDATE delivery SET message_id = CAST(id AS VARCHAR(10)) WHERE status <> 'queued' OR attempt_count > 0"
    connection.execute(sa.text(sent))
    fresh = connection.execute(sa.text("SELECT id FROM delivery WHERE message_id = ''")).scalars().all()
    given = [{"id": delivery_id, "message": f"msg_{secrets.token_hex(16)}"} for delivery_id in fresh]
    if given:
        connection.execute(sa.text("UPDATE delivery SET message_id = :message WHERE id = :id"), given)


def downgrade() -> None:
    op.add_column("delivery_request", sa.Column("origin", sa.String(), server_default="", nullable=False))
    op.drop_column("delivery_request", "query")
    op.drop_column("delivery", "message_id")
