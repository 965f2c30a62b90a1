"""Isolation: how long a healthy endpoint waits while twenty others, each with a backlog, hang until their time-out.

Saves of deals call the healthy endpoint, one after the other, first alone and then beside the hanging ones; what is measured is
the time from a save's response to the request's first byte. Workers and time-out are those of the default settings.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks import percentile
from benchmarks.latency import measured, spread
from benchmarks.receiver import Receiver
from benchmarks.server import Server, deal_workflow

WORKERS = 16


def run(endpoints: int = 20, backlog: int = 200, saves: int = 600, pause_s: float = 0.03) -> dict[str, Any]:
    """Figures in ms; `p99_ratio`: with the hanging endpoints over without."""
    with Receiver(1, hanging=endpoints) as receiver, Server(WEBHOOKUI_WORKERS=str(WORKERS)) as server:
        server.call("POST", "/workflows", **deal_workflow(receiver.urls[0]))
        _, alone = measured(server, receiver, saves, pause_s)
        for number, url in enumerate(receiver.hanging):
            server.call("POST", "/workflows", **_on_new_contacts(number, url))
        for number in range(backlog):
            server.call("POST", "/records/contacts", values={"last_name": f"Contact {number}"})
        _wait_until_in_the_air(server, endpoints)
        waiting = _waiting(server)
        _, beside = measured(server, receiver, saves, pause_s)
    return {
        "workers": WORKERS,
        "hanging_endpoints": endpoints,
        "queued_at_each": backlog,
        "waiting_at_the_start": waiting,
        "saves": saves,
        "alone_ms": spread(alone),
        "beside_ms": spread(beside),
        "p99_ratio": round(percentile(beside, 0.99) / percentile(alone, 0.99), 2),
    }


def _on_new_contacts(number: int, url: str) -> dict[str, Any]:
    return deal_workflow(
        url,
        name=f"Hangs {number}",
        module="contacts",
        trigger={"on": "create", "recurrence": "every_time"},
        criteria={"all": [], "any": []},
        actions=[
            {"type": "webhook", "title": "Tell", "url": url, "parameters": [{"name": "id", "value": "{{ record.id }}"}]}
        ],
    )


def _wait_until_in_the_air(server: Server, endpoints: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if len(server.call("GET", f"/deliveries?status=dispatched&limit={endpoints}")["items"]) >= endpoints:
            return
        time.sleep(0.1)
    raise RuntimeError("The hanging endpoints were not called within 60 s.")


def _waiting(server: Server) -> int:
    text = server.api.get(f"{server.address}/metrics", timeout=30).text
    counts = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in text.splitlines() if "status=" in line}
    return int(sum(float(value) for name, value in counts.items() if "queued" in name or "retry" in name))
