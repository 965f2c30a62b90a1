"""Every benchmark runs and prints its figures. What they come to is for a quiet machine, not for a test."""

from __future__ import annotations

import json
from typing import Any

import pytest

import benchmarks

SHORT: dict[str, dict[str, Any]] = {
    "growth": {"short": 50, "long": 500, "deliveries": 100, "saves": 5, "rounds": 1},
    "imports": {"contacts": 300, "idle": 4},
    "isolation": {"endpoints": 3, "backlog": 4, "saves": 10, "pause_s": 0.0},
    "latency": {"saves": 5, "pause_s": 0.0},
    "records": {"small": 20, "large": 200, "repetitions": 1},
    "save_cost": {"workflows": 5, "saves": 5},
    "throughput": {"deliveries": 100, "receivers": 2},
}
FIGURES = {
    "growth": ("throughput_ratio", "save_ratio"),
    "imports": ("ratio", "meanwhile_p95_ms", "most_mib"),
    "isolation": ("alone_ms", "beside_ms", "p99_ratio"),
    "latency": ("save_ms", "save_to_receiver_ms"),
    "records": ("pages", "worst_ratio", "save"),
    "save_cost": ("ratio", "mean_ratio"),
    "throughput": ("receivers_1", "receivers_2"),
}


@pytest.mark.parametrize("name", SHORT)
def test_it_prints_its_figures(name: str) -> None:
    printed: list[str] = []
    benchmarks.run(name, printed.append, **SHORT[name])
    figures = json.loads(printed[0])
    assert figures["benchmark"] == name
    assert all(figures[key] for key in FIGURES[name])


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(KeyError):
        benchmarks.run("speed")
