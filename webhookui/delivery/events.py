"""What happens to deliveries that others take part in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from webhookui.core.events import Event
from webhookui.delivery.tables import Delivery

deliveries_waiting: Event[[str]] = Event()
"""A key has something to send now: its workers are to be woken after the commit."""
deliveries_due: Event[[str, datetime]] = Event()
"""A key has something to send at a time."""
deliveries_failed: Event[[Sequence[Delivery]]] = Event()
"""Deliveries have just ended Failed."""
endpoint_changed: Event[[str]] = Event()
"""A webhook (its key) or an endpoint was paused, or is sent to again."""
