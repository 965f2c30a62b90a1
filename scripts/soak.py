"""`make soak`: rounds of kill -9 under load, then a look at whether anything was lost, doubled or out of order. Prints JSON.

`python -m scripts.soak --rounds 200 --seed 1`; a seed repeats what happens when, as far as a machine lets it.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.support.crashing import Crashing


def main() -> None:
    options = argparse.ArgumentParser(description="Rounds of kill -9 under load.")
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    options.add_argument("--longest", type=float, default=2.0, help="seconds from a start to its kill at the most")
    options.add_argument("--backlog", type=int, default=300, help="saves before anything sends")
    chosen = options.parse_args()
    print(f"seed {chosen.seed}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="webhookui-soak-") as folder:
        crashing = Crashing(Path(folder), chosen.seed)
        try:
            crashing.prepare(chosen.backlog)
            started = time.monotonic()
            for number in range(1, chosen.rounds + 1):
                crashing.round(chosen.longest)
                if number % 10 == 0:
                    took = time.monotonic() - started
                    print(f"round {number}, {crashing.figures.saves} saves, {took:.0f} s", file=sys.stderr, flush=True)
            figures = crashing.finish()
        finally:
            crashing.close()
    print(figures.as_json())
    sys.exit(1 if figures.wrong else 0)


if __name__ == "__main__":
    main()
