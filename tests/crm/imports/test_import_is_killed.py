"""An import in a real installation that is killed in the middle: it goes on at the next start and doubles nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.conftest import BOTH, database_url
from tests.support.running import Running, running, until
from webhookui.core.database import Database
from webhookui.crm.tables import Change, Record

MANY = 6000


@pytest.mark.parametrize("kind", BOTH)
def test_killed_in_the_middle_it_goes_on_after_the_start_and_doubles_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = database_url(kind, request)
    lines = [f"N{number},{'wrong' if number % 100 == 0 else f'a{number}@example.com'}" for number in range(MANY)]
    with running(tmp_path, WEBHOOKUI_DATABASE_URL=url) as installation:
        job_id = start(installation, "Last name,E-mail\n" + "\n".join(lines))
        until(lambda: job(installation, job_id)["created"] >= 200, 30)
        installation.kill()
        db = Database(url or f"sqlite:///{tmp_path / 'webhookui.db'}")
        with db.read() as session:
            there = session.scalar(select(func.count()).select_from(Record)) or 0
        assert 200 <= there < MANY, "it was killed in the middle"
        installation.start()
        until(lambda: job(installation, job_id)["state"] == "finished", 90, lambda: str(job(installation, job_id)))
        ended = job(installation, job_id)
        assert (ended["created"], ended["rejected"], ended["done"]) == (MANY - 60, 60, MANY)
        with db.read() as session:
            names = list(session.scalars(select(Record.name).order_by(Record.id)))  # type: ignore[call-overload]
            changes = session.scalar(select(func.count()).select_from(Change))
        db.close()
    assert names == [f"N{number}" for number in range(MANY) if number % 100]
    assert changes == MANY - 60


def start(installation: Running, text: str) -> int:
    url = f"{installation.address}/api/v1/records/contacts/import"
    answer = installation.session.post(url, files={"file": ("list.csv", text.encode())}, timeout=60)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


def job(installation: Running, job_id: int) -> dict[str, int]:
    document: dict[str, int] = installation.call("GET", f"/jobs/{job_id}")
    return document
