"""Migrations by Alembic. `migrate` runs at every start; an older SQLite database is copied first."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from webhookui.db import Database


def configuration(db: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["database"] = db
    return config


def revisions(db: Database) -> tuple[str | None, str | None]:
    """(what the database is at, what the code wants); None stands for an empty database."""
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(configuration(db)).get_current_head()


def migrate(db: Database, backups: Path) -> None:
    """Brings the database to the newest revision, after a copy into `backups` when it holds data already."""
    current, head = revisions(db)
    if current == head:
        return
    if current is not None and db.is_sqlite:
        backups.mkdir(parents=True, exist_ok=True)
        db.backup(backups / f"before-{head}-{datetime.now(UTC):%Y%m%d-%H%M%S}.db")
    command.upgrade(configuration(db), "head")
