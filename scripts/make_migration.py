"""Writes a migration for what the tables have and the migrations don't: `python scripts/make_migration.py "what changed"`.

With `--check` it only looks whether the migrations are one line, which two people who add one at the same time can break.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from webhookui.core.database import Database
from webhookui.migrations import configuration


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = configuration(Database(f"sqlite:///{Path(folder) / 'empty.db'}"))
        if sys.argv[1] == "--check":
            heads = ScriptDirectory.from_config(config).get_heads()
            if len(heads) > 1:
                sys.exit(f"Migrations {' and '.join(heads)} come after the same one: give one of them the next number.")
            return
        command.upgrade(config, "head")
        number = len(list((Path(__file__).parent.parent / "webhookui/migrations/versions").glob("0*.py"))) + 1
        command.revision(config, message=sys.argv[1], autogenerate=True, rev_id=f"{number:04d}")


if __name__ == "__main__":
    main()
