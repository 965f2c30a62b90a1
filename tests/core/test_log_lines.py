"""What a process writes to its log: every line about deliveries names them, and none holds a secret or a body."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from tests.support.receiver import Answer, Receiver
from tests.support.running import Running, until
from tests.test_main_job import close_a_deal, document
from webhookui.core.database import Database

SECRETS = {"basic password": "planted-basic-password", "in the answer": "planted-answer", "in the body": "planted-body",
           "of a header": "planted-header-value"}  # fmt: skip
ABOUT_DELIVERIES = {
    "attempt",
    "interrupted",
    "results_not_written",
    "results_not_writable",
    "attempt_failed_unexpectedly",
}


def lines(folder: Path) -> list[dict[str, Any]]:
    parsed = []
    for line in (folder / "run.log").read_text().splitlines():
        if line.startswith("{"):
            parsed.append(json.loads(line))
    return parsed


def test_lines_about_deliveries_name_them_and_hold_no_secrets_and_no_bodies(tmp_path: Path, receiver: Receiver) -> None:
    go = threading.Event()
    held = Answer(before=lambda: go.wait(20) and None)
    refused = Answer(422, json.dumps({"error": {"message": SECRETS["in the answer"]}}).encode())
    receiver.answers = [held, refused]
    installation = Running(tmp_path, WEBHOOKUI_LOG_LEVEL="DEBUG", WEBHOOKUI_RETRY_DELAYS="").set_up()
    try:
        installation.start()
        parameter = {"name": "note", "value": SECRETS["in the body"]}
        authorization = {"type": "basic", "username": "u", "password": SECRETS["basic password"]}
        headers = [{"name": "X-Key", "value": SECRETS["of a header"]}]
        action = {"authorization": authorization, "headers": headers, "parameters": [parameter]}
        installation.call("POST", "/workflows", document(receiver.url, **action))
        _, delivery = close_a_deal(installation)
        receiver.wait_for(1)
        installation.kill()
        go.set()
        installation.start()
        installation.delivery(delivery, "failed")
        until(lambda: any(line["event"] == "attempt" for line in lines(tmp_path)), 10)
    finally:
        installation.kill()
    assert SECRETS["in the body"] in receiver.requests[0].body.decode()
    by_event = {line["event"]: line for line in lines(tmp_path)}
    assert by_event["interrupted"]["deliveries"] == [delivery]
    assert by_event["attempt"]["delivery"] == delivery
    assert by_event["attempt"]["status_code"] == 422
    for line in lines(tmp_path):
        if line["event"] in ABOUT_DELIVERIES:
            assert "delivery" in line or "deliveries" in line, line
    everything = (tmp_path / "run.log").read_text()
    for what, secret in SECRETS.items():
        assert secret not in everything, what
    assert base64.b64encode(f"u:{SECRETS['basic password']}".encode()).decode() not in everything


def test_the_words_of_a_database_error_hold_none_of_the_values(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'a.db'}")
    try:
        with db.write() as session:
            session.execute(text("insert into nowhere values (:secret)"), {"secret": "planted-value"})
    except SQLAlchemyError as error:
        assert "nowhere" in str(error)
        assert "planted-value" not in str(error)
    finally:
        db.close()
