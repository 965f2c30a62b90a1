"""An installation of an earlier version, with data in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

DUMP = Path(__file__).parent / "database_0001.sql"


def older_installation(folder: Path) -> None:
    """The data folder as revision 0001 left it: database and key file."""
    text = DUMP.read_text()
    key = text.splitlines()[2].removeprefix("-- ")
    with sqlite3.connect(folder / "webhookui.db") as connection:
        connection.executescript(text)
    connection.close()
    file = folder / "secret.key"
    file.write_text(key + "\n")
    file.chmod(0o600)
