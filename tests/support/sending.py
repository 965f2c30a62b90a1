"""The whole way of a delivery in this process: a real save, the real workflows, the real queue and engine on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.support.running import until
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.delivery.tables import Attempt, Delivery
from webhookui.installation import Installation, open_installation
from webhookui.settings import Settings
from webhookui.workflows import store

SOMEBODY = Actor("api", "Ann Admin")
WAITING = ("queued", "dispatched")


@dataclass(frozen=True)
class Logged:
    """A delivery and its attempts, as the log has them."""

    delivery: Delivery
    attempts: list[Attempt]

    @property
    def last(self) -> Attempt:
        return self.attempts[-1]


class Sending:
    """An installation whose queue is worked on in this process once `start` was called."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        values = {"instance": folder, "allowed_networks": "127.0.0.0/8", "workers": 4, **settings}
        self.installation: Installation = open_installation(Settings(**values))
        self.db = self.installation.db

    def start(self) -> Sending:
        self.installation.queue.start()
        return self

    def workflow(self, url: str, name: str = "hook", **action: Any) -> int:
        """A workflow that calls `url` at each save of a contact whose last name is `name`; gives its webhook's id."""
        document = {
            "name": name, "module": "contacts", "active": True,
            "trigger": {"on": "create_or_update", "recurrence": "every_time"},
            "criteria": {"all": [{"field": "last_name", "operator": "is", "value": name}], "any": []},
            "actions": [{
                "type": "webhook", "title": name, "url": url, "method": "POST", "content_type": "JSON",
                "parameters": [{"name": "name", "value": "{{ last_name }}"}], **action,
            }],
        }  # fmt: skip
        with self.db.write() as session:
            workflow = store.create(session, self.installation.box, document, None)
            return store.webhooks_of(session, workflow.id or 0)[0].id or 0

    def save(self, name: str = "hook", **values: Any) -> int:
        """Creates a contact; gives the id of the delivery that this caused."""
        with self.db.write() as session:
            record = records.create(session, "contacts", {"last_name": name, **values}, SOMEBODY)
            return self._newest(session, record.id)

    def change(self, record_id: int, **values: Any) -> int:
        with self.db.write() as session:
            records.update(session, "contacts", record_id, values, SOMEBODY)
            return self._newest(session, record_id)

    @staticmethod
    def _newest(session: Any, record_id: int | None) -> int:
        newest = select(Delivery.id).where(Delivery.record_id == record_id).order_by(Delivery.id.desc()).limit(1)  # type: ignore[call-overload, arg-type, union-attr]
        found: int = session.scalar(newest)
        return found

    def logged(self, delivery_id: int) -> Logged:
        with self.db.read() as session:
            delivery = session.get(Delivery, delivery_id)
            assert delivery is not None
            attempts = session.scalars(
                select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.number)  # type: ignore[arg-type]
            )
            return Logged(delivery, list(attempts))

    def settled(self, delivery_id: int, *, attempts: int = 1, timeout_s: float = 20) -> Logged:
        """The delivery once it has so many attempts and none under way."""
        found: list[Logged] = []

        def there() -> bool:
            found[:] = [self.logged(delivery_id)]
            return len(found[0].attempts) >= attempts and found[0].delivery.status not in WAITING

        until(there, timeout_s, lambda: f"{found[0].delivery.status}, {len(found[0].attempts)} attempts")
        return found[0]

    def send(self, url: str, name: str, **action: Any) -> Logged:
        """A workflow, a save, and what its first attempt came to."""
        self.workflow(url, name, **action)
        return self.settled(self.save(name))

    def close(self) -> None:
        self.installation.close()


@contextmanager
def sending(folder: Path, **settings: Any) -> Iterator[Sending]:
    made = Sending(folder, **settings)
    try:
        yield made.start()
    finally:
        made.close()
