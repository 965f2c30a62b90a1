"""`webhookui bench NAME`: measurements that anyone can repeat, as ratios within one run. Each prints one JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

BENCHMARKS = {
    "records": "Lists of records with 1,000,000 contacts, beside the same with 1,000.",
    "imports": "100,000 contacts out of a CSV file, beside a bare executemany of the same rows; pages and memory meanwhile.",
    "log": "The webhook log's pages with 1,000,000 deliveries, beside the same with 1,000.",
    "idle": "The processor's share that open log pages take while nothing happens.",
    "latency": "From a save's response to the receiver's first byte, idle.",
    "growth": "Sending and saving with a million deliveries in the log, beside a thousand.",
    "isolation": "What a healthy endpoint notices of twenty that hang.",
    "save_cost": "A save with fifty active workflows of which one matches, beside a save with none.",
    "memory": "The process with 100,000 deliveries queued; what huge, packed and trickled answers cost.",
    "throughput": "Draining queued deliveries, beside a bare loop of requests that logs nothing.",
}
"""Name of a module of this package (with a function `run`) → what it measures."""


def run(name: str, echo: Callable[[str], None] = print, **options: Any) -> dict[str, Any]:
    """Runs one benchmark and prints its figures as JSON. Raises KeyError for an unknown name."""
    if name not in BENCHMARKS:
        raise KeyError(name)
    figures: dict[str, Any] = import_module(f"benchmarks.{name}").run(**options)
    echo(json.dumps({"benchmark": name, **figures}, indent=2))
    return figures


def percentile(values: list[float], part: float) -> float:
    """The value below which `part` (0…1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]
