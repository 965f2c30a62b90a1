"""`python -m tests.support.shifted_clock run`: webhookui whose clock is off by as many seconds as the file named by
WEBHOOKUI_TEST_CLOCK says. Both places that ask for the time of day are replaced before anything else is imported: ours and
Huey's. (Setting the machine's clock needs root and hurts everybody else; libfaketime is not on every machine.)
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path


def offset() -> timedelta:
    text = Path(os.environ["WEBHOOKUI_TEST_CLOCK"]).read_text().strip()
    return timedelta(seconds=float(text or 0))


def main() -> None:
    import huey.api
    import huey.utils

    import webhookui.core.database

    webhookui.core.database.now = lambda: datetime.now(UTC) + offset()
    huey.api.utcnow = huey.utils.utcnow = lambda: datetime.now(UTC).replace(tzinfo=None) + offset()

    from webhookui.cli import main as command

    command()


if __name__ == "__main__":
    main()
