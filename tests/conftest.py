"""What all tests share. Tests that need a browser or PostgreSQL are skipped where there is none, unless they are required."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.support.receiver import Receiver, receiving
from tests.support.running import Running, running

REQUIRED = set(os.environ.get("WEBHOOKUI_TESTS_REQUIRE", "").split(","))


structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A third party."""
    with receiving() as made:
        yield made


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Running]:
    """`webhookui run` with an admin, in a process of its own."""
    with running(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The machine's own Chromium, quiet."""
    from scripts.ensure_browser import found

    path = found()
    if path is None:
        missing("browser", "no Chromium; see scripts/ensure_browser.py")
    quiet = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync"
    )
    return {**browser_type_launch_args, "executable_path": path, "args": quiet.split()}


def missing(what: str, words: str) -> None:
    """Skips, or fails where the tests were told that they must run."""
    if what in REQUIRED:
        pytest.fail(f"{what} is required: {words}")
    pytest.skip(words)
