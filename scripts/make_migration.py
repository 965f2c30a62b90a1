"""Writes a migration for what the tables have and the migrations don't: `python scripts/make_migration.py "what changed"`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from webhookui.db import Database
from webhookui.migrations import configuration


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = configuration(Database(f"sqlite:///{Path(folder) / 'empty.db'}"))
        command.upgrade(config, "head")
        number = len(list((Path(__file__).parent.parent / "webhookui/migrations/versions").glob("0*.py"))) + 1
        command.revision(config, message=sys.argv[1], autogenerate=True, rev_id=f"{number:04d}")


if __name__ == "__main__":
    main()
