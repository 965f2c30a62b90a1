"""Latency: from the response to a save to the first byte at the receiver, with nothing else going on."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import percentile
from benchmarks.receiver import Receiver
from benchmarks.server import Server, deal_workflow

WARMING_UP = 10
"""Saves that are not counted: caches and connections fill."""


def run(saves: int = 200, pause_s: float = 0.05) -> dict[str, Any]:
    """Figures in ms. A negative value means that the request arrived before the save's response did."""
    with Receiver() as receiver, Server() as server:
        server.call("POST", "/workflows", **deal_workflow(receiver.urls[0]))
        save_ms, wait_ms = measured(server, receiver, saves, pause_s)
    return {"saves": saves, "save_ms": spread(save_ms), "save_to_receiver_ms": spread(wait_ms)}


def measured(server: Server, receiver: Receiver, saves: int, pause_s: float) -> tuple[list[float], list[float]]:
    """Closes deals one after the other: (how long each save took, how long after its response the request arrived), in ms."""
    taken: list[float] = []
    waits: list[float] = []
    receiver.take()
    for number in range(saves + WARMING_UP):
        values = {"name": f"Deal {number}", "amount": "1250.00", "stage": "Closed Won"}
        before = time.monotonic()
        server.call("POST", "/records/deals", values=values)
        answered = time.monotonic()
        arrived = _first(receiver)
        if number >= WARMING_UP:
            waits.append((arrived - answered) * 1000)
            taken.append((answered - before) * 1000)
        time.sleep(pause_s)
    return taken, waits


def spread(values: list[float]) -> dict[str, float]:
    return {"p50": round(percentile(values, 0.5), 2), "p99": round(percentile(values, 0.99), 2)}


def _first(receiver: Receiver) -> float:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        times = receiver.take()
        if times:
            return times[0]
        time.sleep(0.002)
    raise RuntimeError("The receiver got nothing within 30 s.")
