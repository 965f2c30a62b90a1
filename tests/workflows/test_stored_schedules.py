"""A workflow on a schedule that is stored (none runs yet, and none can be saved) is shown, and can't be switched on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support import pages
from tests.support.working import working

SCHEDULE = '{"on":"schedule","recurrence":"every_time","schedule":{"every":"day","at":"02:30","time_zone":"UTC"}}'


def test_a_workflow_on_a_schedule_is_shown_and_stays_off(tmp_path: Path) -> None:
    with working(tmp_path) as crm:
        crm.workflow("deals", {"title": "A", "url": "https://api.example.com", "method": "POST"})
    with closing(sqlite3.connect(tmp_path / "webhookui.db")) as connection, connection:
        connection.execute("UPDATE workflow SET trigger = ?, active = 0 WHERE id = 1", (SCHEDULE,))
    with pages.app_in(tmp_path) as app:
        client = pages.admin(app)
        page = client.get("/settings/workflows").text
        assert "On a schedule" in page and "Does not run yet" in page and 'aria-checked="true"' not in page
        form = client.get("/settings/workflows/1").text
        assert "On a schedule" in form and 'value="02:30"' in form
        answer = client.post("/settings/workflows/1/active", data={"active": "1"}, follow_redirects=True)
        assert "can&#39;t be switched on. Schedules do not run yet." in answer.text
        assert 'aria-checked="true"' not in answer.text
        assert "On a schedule" not in client.get("/settings/workflows/new").text
