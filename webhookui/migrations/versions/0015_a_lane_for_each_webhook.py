"""A lane for each webhook of an endpoint, so that one can be held or paused alone.

What is paused stays so: rows of `endpoint` that name an endpoint alone pause all its webhooks, as they did.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("endpoint", schema=None) as batch_op:
        batch_op.add_column(sa.Column("probed_by", sa.String(), nullable=True))
    op.execute(
        "UPDATE delivery SET lane = lane || '#' || webhook_id "
        "WHERE webhook_id IS NOT NULL AND lane <> '' AND lane NOT LIKE '%#%'"
    )


def downgrade() -> None:
    # The version before knows such lanes, of webhooks with a rate limit, and sends what waits in them.
    with op.batch_alter_table("endpoint", schema=None) as batch_op:
        batch_op.drop_column("probed_by")
