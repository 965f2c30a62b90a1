"""Notices, notifications that are grouped, mails and the state of their server. Nothing was in these tables before."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_server",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("held_by", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("trouble_since", sa.DateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "notice",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("subject", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        sa.Column("since", sa.DateTime(), nullable=True),
        sa.Column("due_at", sa.DateTime(), nullable=True),
        sa.Column("not_before", sa.DateTime(), nullable=True),
        sa.Column("told", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["user.id"],
        ),
        sa.PrimaryKeyConstraint("user_id", "kind", "subject"),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notice_due_at"), ["due_at"], unique=False)

    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tone", sqlmodel.sql.sqltypes.AutoString(), nullable=False))
        batch_op.add_column(sa.Column("title_many", sqlmodel.sql.sqltypes.AutoString(), nullable=False))
        batch_op.add_column(sa.Column("url_many", sqlmodel.sql.sqltypes.AutoString(), nullable=False))
        batch_op.alter_column("key", existing_type=sa.VARCHAR(), nullable=True)
        batch_op.create_unique_constraint("uq_notification_user_key", ["user_id", "key"])

    with op.batch_alter_table("outgoing_mail", schema=None) as batch_op:
        batch_op.add_column(sa.Column("message_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False))
        batch_op.add_column(sa.Column("html", sa.Text(), nullable=False))
        batch_op.drop_index(batch_op.f("ix_outgoing_mail_key"))
        batch_op.drop_index(batch_op.f("ix_outgoing_mail_status"))
        batch_op.create_index("ix_outgoing_mail_due", ["status", "next_attempt_at", "id"], unique=False)
        batch_op.drop_column("key")


def downgrade() -> None:
    with op.batch_alter_table("outgoing_mail", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key", sa.VARCHAR(), nullable=False))
        batch_op.drop_index("ix_outgoing_mail_due")
        batch_op.create_index(batch_op.f("ix_outgoing_mail_status"), ["status"], unique=False)
        batch_op.create_index(batch_op.f("ix_outgoing_mail_key"), ["key"], unique=False)
        batch_op.drop_column("html")
        batch_op.drop_column("message_id")

    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.drop_constraint("uq_notification_user_key", type_="unique")
        batch_op.alter_column("key", existing_type=sa.VARCHAR(), nullable=False)
        batch_op.drop_column("url_many")
        batch_op.drop_column("title_many")
        batch_op.drop_column("tone")

    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notice_due_at"))

    op.drop_table("notice")
    op.drop_table("mail_server")
