"""Migrations by Alembic. `migrate` runs at every start; an older SQLite database is copied first."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from webhookui.core import private_files
from webhookui.core.database import Database


class DatabaseTooNew(Exception):
    """The database was migrated by a newer version of the code."""


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


def _known_revisions(db: Database) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(configuration(db)).walk_revisions()}


def migrate(db: Database, backups: Path) -> None:
    """Brings the database to the newest revision, after a copy into `backups` when it holds data already.

    To be called by one process at a time. Raises DatabaseTooNew when the code is older than the database.
    """
    current, head = revisions(db)
    if current == head:
        return
    if current is not None and current not in _known_revisions(db):
        raise DatabaseTooNew(
            f"The database is at revision {current}, which this version of webhookui does not know: a newer one has migrated "
            f"it. Start that version, or restore a copy from {backups}."
        )
    if current is not None and db.is_sqlite:
        private_files.make_folder(backups)
        db.backup(backups / f"before-{head}-{datetime.now(UTC):%Y%m%d-%H%M%S}.db")
    command.upgrade(configuration(db), "head")
