"""Ids are never used again on SQLite: AUTOINCREMENT in the tables that older versions made.

It changes how the next id is found and nothing of what is stored, so the table's text in SQLite's schema is changed instead of
the table being written anew: as quick for a log of a million deliveries as for an empty one. PostgreSQL's sequences never give
a number twice.
"""

import re

import sqlalchemy as sa
from alembic import op

from webhookui.migrations.row_ids import raise_to

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ELSEWHERE = {
    "record": ["change.record_id", "delivery.record_id", "link.record_id", "link.target_id", "workflow_first_met.record_id"],
    "change": ["delivery.change_id"],
    "delivery": [
        "change.delivery_id", "delivery.redelivery_of", "delivery_request.delivery_id", "attempt.delivery_id",
        "captured_value.delivery_id", "notice.delivery_id", "redelivery_job.position", "redelivery_job.up_to",
    ],
    "workflow": ["delivery.workflow_id", "log_group.workflow_id", "workflow_webhook.workflow_id", "workflow_first_met.workflow_id"],
    "workflow_webhook": ["delivery.webhook_id", "log_group.webhook_id"],
    "user": ["change.user_id", "audit_entry.user_id", "record.owner_id", "workflow.created_by", "notice.user_id"],
    "log_group": ["delivery.log_group_id"],
}  # fmt: skip
"""Table → where its ids stand besides: the newest row itself may be deleted."""

COLUMN, KEY = "\n\tid INTEGER NOT NULL,", ", \n\tPRIMARY KEY (id)"
"""As every version has written them."""
LINKS = ("SELECT url FROM notification", "SELECT url_many FROM notification", "SELECT text FROM outgoing_mail")


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    _add_autoincrement(connection)
    given_out = {}
    for (table,) in connection.execute(
        sa.text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")
    ).all():
        places = [f"{table}.id", *ELSEWHERE.get(table, ())]
        given_out[table] = max(_highest(connection, *place.split(".")) for place in places)
    given_out["delivery"] = max(given_out["delivery"], _delivery_spoken_of(connection))
    raise_to(connection, given_out)


def _add_autoincrement(connection: sa.Connection) -> None:
    made = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
    tables = {name: sql for name, sql in made if COLUMN in sql and KEY in sql}
    if not tables:
        return
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    for name, sql in tables.items():
        new = sql.replace(COLUMN, COLUMN.replace(",", " PRIMARY KEY AUTOINCREMENT,"), 1).replace(KEY, "", 1)
        change = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :name")
        connection.execute(change, {"sql": new, "name": name})
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")


def _highest(connection: sa.Connection, table: str, column: str) -> int:
    return connection.scalar(sa.text(f'SELECT max("{column}") FROM "{table}"')) or 0  # noqa: S608 - names of ours


def _delivery_spoken_of(connection: sa.Connection) -> int:
    """The highest delivery that a link leads to; where none is left in the log, as many as attempts were counted."""
    texts = (text or "" for query in LINKS for text in connection.scalars(sa.text(query)))
    numbers = [int(number) for text in texts for number in re.findall(r"/log/(\d{1,10})\b", text)]
    if not _highest(connection, "delivery", "id"):
        numbers.append(connection.scalar(sa.text("SELECT sum(number) FROM attempt_tally")) or 0)
    return max(numbers, default=0)


def downgrade() -> None:
    """Older versions work with these tables as well."""
