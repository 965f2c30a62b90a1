"""An installation inside the test's process: records saved, workflows listening, and the engine sending when it is started."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.support import prepared
from tests.support.running import until
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.delivery.tables import Attempt, CapturedValue, Delivery, DeliveryRequest
from webhookui.installation import open_installation
from webhookui.settings import Settings
from webhookui.workflows import store

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


class Working:
    """Everything real, in a data folder: SQLite, secrets, queue. Nothing is sent before `start`."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(**{"instance": folder, "allowed_networks": LOOPBACK, "workers": 4, **settings})
        if "database_url" not in settings:
            prepared.copy_to(folder, people=True)
        self.installation = open_installation(self.settings)
        self.db = self.installation.db
        self.box = self.installation.box
        with self.db.write() as session:
            self.user = prepared.ann(session)
        self.actor = Actor("person", "Ann Admin", self.user.id)

    def start(self) -> Working:
        self.installation.queue.start()
        return self

    def workflow(self, module: str, *actions: dict[str, Any], **document: Any) -> int:
        """A workflow that fires at every save of a record, unless `document` says otherwise; its id."""
        complete = {
            "name": "W", "module": module, "trigger": {"on": "create_or_update", "recurrence": "every_time"},
            "criteria": {"all": [], "any": []}, "actions": [{"type": "webhook", "title": "A", **action} for action in actions],
            **document,
        }  # fmt: skip
        with self.db.write() as session:
            return store.create(session, self.box, complete, self.user).id or 0

    def replace(self, workflow_id: int, document: dict[str, Any]) -> None:
        with self.db.write() as session:
            store.replace(session, self.box, workflow_id, document, self.user)

    def document(self, workflow_id: int) -> dict[str, Any]:
        """What the API answers for it."""
        with self.db.read() as session:
            return store.to_document(session, store.get(session, workflow_id), with_ids=True)

    def create(self, module: str, **values: Any) -> int:
        with self.db.write() as session:
            return records.create(session, module, values, self.actor).id or 0

    def update(self, module: str, record_id: int, **values: Any) -> None:
        with self.db.write() as session:
            records.update(session, module, record_id, values, self.actor)

    def delete(self, module: str, record_id: int) -> None:
        with self.db.write() as session:
            records.delete(session, module, record_id, self.actor)

    def values(self, module: str, record_id: int) -> dict[str, Any]:
        with self.db.read() as session:
            return dict(records.get(session, module, record_id).values)

    def deliveries(self) -> list[Delivery]:
        """All of them, the oldest first."""
        with self.db.read() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))  # type: ignore[arg-type]

    def last(self) -> tuple[Delivery, DeliveryRequest]:
        """The newest delivery and what it sends."""
        with self.db.read() as session:
            delivery = session.scalars(select(Delivery).order_by(Delivery.id.desc()).limit(1)).one()  # type: ignore[union-attr]
            request = session.get(DeliveryRequest, delivery.id)
            assert request is not None
            return delivery, request

    def ended(self, delivery_id: int | None, *statuses: str, timeout_s: float = 20) -> Delivery:
        """The delivery, once it has one of the statuses (success or failed when none are given)."""
        latest: dict[str, Delivery] = {}

        def there() -> bool:
            with self.db.read() as session:
                delivery = session.get(Delivery, delivery_id)
                assert delivery is not None
                latest["it"] = delivery
                return delivery.status in (statuses or ("success", "failed"))

        until(there, timeout_s, lambda: f"{latest['it'].status}: {latest['it'].error}")
        return latest["it"]

    def attempts(self, delivery_id: int | None) -> list[Attempt]:
        with self.db.read() as session:
            query = select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.number)  # type: ignore[arg-type]
            return list(session.scalars(query))

    def captured(self, delivery_id: int | None) -> list[CapturedValue]:
        with self.db.read() as session:
            query = select(CapturedValue).where(CapturedValue.delivery_id == delivery_id).order_by(CapturedValue.id)  # type: ignore[arg-type]
            return list(session.scalars(query))

    def close(self) -> None:
        self.installation.close()


@contextmanager
def working(folder: Path, **settings: Any) -> Iterator[Working]:
    crm = Working(folder, **settings)
    try:
        yield crm
    finally:
        crm.close()
