"""Migrations by Alembic. `migrate` runs at every start; an older SQLite database is copied first."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from webhookui.core import private_files
from webhookui.core.database import Database


class DatabaseRefused(Exception):
    """This version can't work with the database. `words` say why, `fix` what to do."""

    def __init__(self, words: str, fix: str) -> None:
        super().__init__(f"{words} {fix}")
        self.words = words
        self.fix = fix


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


def check(db: Database, backups: Path) -> None:
    """Raises DatabaseRefused for a database that a newer version has migrated, or one from before the first release made."""
    current, _head = revisions(db)
    if current is None:
        return
    if any(column["name"] == "lane" for column in inspect(db.engine).get_columns("delivery")):
        raise DatabaseRefused(
            "The database was made by a version from before the first release; this one can't migrate it.",
            "Keep it, and start with an empty data folder or database. Workflows come over: export them with the version that "
            "made them (webhookui workflows export), and import them here (webhookui workflows import).",
        )
    scripts = ScriptDirectory.from_config(configuration(db)).walk_revisions()
    if current not in {script.revision for script in scripts}:
        raise DatabaseRefused(
            f"The database is at revision {current}, which this version of webhookui does not know: a newer one has migrated it.",
            f"Start that version, or restore a copy from {backups}.",
        )


def migrate(db: Database, backups: Path) -> None:
    """Brings the database to the newest revision, after a copy into `backups` when it holds data already.

    To be called by one process at a time. Raises DatabaseRefused.
    """
    check(db, backups)
    current, head = revisions(db)
    if current == head:
        return
    if current is not None and db.is_sqlite:
        private_files.make_folder(backups)
        db.backup(backups / f"before-{head}-{datetime.now(UTC):%Y%m%d-%H%M%S}.db")
    command.upgrade(configuration(db), "head")
