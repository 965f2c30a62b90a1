"""Databases that this version did not leave: one from before the first release, and code that is one migration further."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config

from webhookui import migrations
from webhookui.core.database import Database

NEXT = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    op.add_column("record", sa.Column("colour", sa.String(), nullable=True))
"""


def before_the_first_release(folder: Path, revision: str = "0018") -> None:
    """The data folder of a version from before the first release, as far as this one looks at it."""
    with closing(sqlite3.connect(folder / "webhookui.db")) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        connection.execute("CREATE TABLE delivery (id INTEGER NOT NULL PRIMARY KEY, lane VARCHAR NOT NULL)")


def with_one_more_migration(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """From now on the code wants a database that the next version has migrated."""
    folder.mkdir(exist_ok=True)
    (folder / "0002_next.py").write_text(NEXT)
    ours = migrations.configuration

    def configuration(db: Database) -> Config:
        config = ours(db)
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", f"{Path(migrations.__file__).parent / 'versions'}:{folder}")
        return config

    patch.setattr(migrations, "configuration", configuration)
