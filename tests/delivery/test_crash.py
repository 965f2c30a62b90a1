"""Kill -9 under load: the short form of `make soak`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support.crashing import Crashing

ROUNDS = 6


@pytest.mark.timeout(600)
def test_whatever_is_killed_whenever_everything_ends_once_and_nothing_is_lost(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    crashing = Crashing(tmp_path, seed)
    try:
        crashing.prepare(backlog=60)
        for _ in range(ROUNDS):
            crashing.round(longest_s=1.0)
        figures = crashing.finish()
    finally:
        crashing.close()
    print(figures.as_json())
    assert figures.wrong == []
    assert figures.saves >= 60
    assert figures.deliveries >= 2 * figures.saves
