"""`webhookui backup` while everything runs: each copy is one moment of the database, whole in itself
(specification section 11)."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from tests.support.receiver import Receiver
from tests.support.running import Running, until
from webhookui.core.database import Database
from webhookui.delivery_log import queries
from webhookui.delivery_log.filter import LogFilter

COPIES = 3


def test_a_backup_under_load_is_whole(installation: Running, receiver: Receiver, tmp_path: Path) -> None:
    action = {"type": "webhook", "title": "Tell", "url": f"{receiver.url}/x", "method": "POST", "content_type": "JSON"}
    trigger = {"on": "create", "recurrence": "every_time"}
    installation.call(
        "POST",
        "/workflows",
        {"name": "Tell", "module": "deals", "active": True, "trigger": trigger, "actions": [action]},
    )
    ended = threading.Event()
    saved: list[int] = []

    def save() -> None:
        while not ended.is_set():
            deal = installation.call("POST", "/records/deals", {"values": {"name": "Under load"}})
            saved.append(deal["id"])

    saving = threading.Thread(target=save)
    saving.start()
    copies = [tmp_path / f"copy-{number}.db" for number in range(COPIES)]
    try:
        for copy in copies:
            until(lambda enough=len(saved) + 20: len(saved) >= enough, 60)  # saves go on between the copies
            installation.command("backup", str(copy))
    finally:
        ended.set()
        saving.join(30)
    for copy in copies:
        _is_whole(copy)


def _is_whole(copy: Path) -> None:
    database = sqlite3.connect(copy)

    def number(sql: str) -> int:
        return int(database.execute(sql).fetchone()[0])

    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    deliveries = number("SELECT count(*) FROM delivery")
    assert deliveries >= 20
    assert deliveries == number("SELECT count(*) FROM change WHERE module = 'deals' AND kind = 'create'")
    assert deliveries == number("SELECT count(*) FROM delivery_request")
    assert number("SELECT coalesce(sum(number), 0) FROM log_bucket") == number(
        "SELECT count(*) FROM delivery WHERE log_bucket_id IS NOT NULL"
    )
    assert number("SELECT count(*) FROM delivery WHERE status = 'success'") <= number("SELECT count(*) FROM attempt")
    database.close()
    db = Database(f"sqlite:///{copy}")
    with db.read() as session:
        assert queries.counts(session, LogFilter()).total == deliveries
    db.close()
