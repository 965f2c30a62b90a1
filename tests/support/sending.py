"""One webhook and what becomes of its deliveries, on an installation inside the test's process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.running import until
from tests.support.working import Working
from webhookui.delivery.tables import Attempt, Delivery

NUMBER = {"name": "X-Delivery", "value": "{{ delivery.id }}"}
"""A header by which a receiver's request finds its delivery in the log."""
UNDER_WAY = ("queued", "dispatched")


@dataclass(frozen=True)
class Logged:
    """A delivery and its attempts, as the log has them."""

    delivery: Delivery
    attempts: list[Attempt]

    @property
    def last(self) -> Attempt:
        return self.attempts[-1]


class Sending(Working):
    def hook(self, url: str, name: str = "hook", **action: Any) -> int:
        """A workflow that calls `url` at each save of a contact whose last name is `name`."""
        criteria = {"all": [{"field": "last_name", "operator": "is", "value": name}], "any": []}
        parameters = [{"name": "name", "value": "{{ last_name }}"}]
        webhook = {"url": url, "parameters": parameters, "headers": [NUMBER], **action}
        return self.workflow("contacts", webhook, name=name, criteria=criteria)

    def save(self, name: str = "hook", **values: Any) -> int:
        """Creates a contact; gives the id of the delivery that this caused."""
        self.create("contacts", last_name=name, **values)
        return self.last()[0].id or 0

    def logged(self, delivery_id: int) -> Logged:
        with self.db.read() as session:
            delivery = session.get(Delivery, delivery_id)
        assert delivery is not None
        return Logged(delivery, self.attempts(delivery_id))

    def settled(self, delivery_id: int, *, attempts: int = 1, timeout_s: float = 20) -> Logged:
        """The delivery once it has so many attempts and none under way."""
        latest: list[Logged] = []

        def there() -> bool:
            latest[:] = [self.logged(delivery_id)]
            return len(latest[0].attempts) >= attempts and latest[0].delivery.status not in UNDER_WAY

        until(there, timeout_s, lambda: f"{latest[0].delivery.status}, {len(latest[0].attempts)} attempts")
        return latest[0]

    def send(self, url: str, name: str, **action: Any) -> Logged:
        """A webhook, a save, and what its first attempt came to."""
        self.hook(url, name, **action)
        return self.settled(self.save(name))


@contextmanager
def sending(folder: Path, **settings: Any) -> Iterator[Sending]:
    """With the engine started."""
    room = Sending(folder, **settings)
    try:
        room.start()
        yield room
    finally:
        room.close()
