"""Connections to the database are opened whatever others do with it just then."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from tests.support import prepared
from webhookui.core.database import Database


def test_a_connection_is_opened_while_somebody_writes(tmp_path: Path) -> None:
    """Under load a new one is needed in the middle of a save, by the one who saves: it would wait for itself."""
    prepared.copy_to(tmp_path, people=False)
    db = Database(f"sqlite:///{tmp_path}/webhookui.db")
    with db.write() as writing:
        writing.execute(text("UPDATE revision SET value = value + 1"))
        db.engine.pool.dispose()
        with db.read() as reading:
            assert reading.execute(text("PRAGMA auto_vacuum")).scalar() == 2
    db.close()
