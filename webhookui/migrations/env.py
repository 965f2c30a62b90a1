"""Alembic's environment: every table of the package, on the database that was handed over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlmodel import SQLModel

from webhookui.core.database import Database, UtcDateTime
from webhookui.migrations.row_ids import kept


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


_TEXT_INDEXES = (
    "log_search", "record_text", "ix_record_text", "deleted_record_text", "ix_deleted_record_text",
)  # fmt: skip


def _is_ours(name: str | None, kind: str, _parent: Any) -> bool:
    """Not what the text indexes are made of: they are not in the metadata."""
    return not (kind in ("table", "index") and (name or "").startswith(_TEXT_INDEXES))


def run() -> None:
    db: Database = context.config.attributes["database"]
    with db.migrating() as connection, kept(connection):
        context.configure(
            connection=connection,
            target_metadata=SQLModel.metadata,
            render_as_batch=True,
            render_item=_render,
            include_name=_is_ours,
        )
        context.run_migrations()


run()
