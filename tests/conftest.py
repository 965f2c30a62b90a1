"""What all tests share. Tests that need a browser, curl or PostgreSQL are skipped where there is none,
unless they are required."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog
from argon2 import PasswordHasher
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from tests.support import postgres, prepared
from tests.support.receiver import Receiver, receiving
from tests.support.running import Running, running
from webhookui.people import accounts

REQUIRED = set(os.environ.get("WEBHOOKUI_TESTS_REQUIRE", "").split(","))


settings.register_profile("shared machine", deadline=None)  # an example that waits for its turn is not wrong
settings.load_profile("shared machine")
structlog.configure(
    processors=[
        structlog.stdlib.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than there are cores, for many tests wait; not many, for some look at the time."""
    return min((os.cpu_count() or 1) + 2, 4)


def _alone(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker("alone") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is to be alone comes first: whoever waits for that waits for all that runs. Then what takes long, lest one process be
    left with it in the end while the others have nothing to do: the browser's files, and those of many tests."""
    browser = {item.path for item in items if item.get_closest_marker("browser")}
    size = Counter(item.path for item in items)
    items.sort(key=lambda item: (not _alone(item), item.path not in browser, -size[item.path], item.path))


class Files(LoadFileScheduling):
    """A file's tests run in one process, the files in the order of the tests, and those that are alone all in one."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "alone" if _has_alone(self.config.rootpath / file) else file


@cache
def _has_alone(file: Path) -> bool:
    return "@pytest.mark.alone" in file.read_text()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Files | None:
    return Files(config, log) if config.getvalue("dist") == "loadfile" else None


class Turns:
    """Tests run side by side, but for those that are marked `alone`: what is promised within a second is measured on a machine
    that does nothing else. Whoever waits to be alone lets nobody else begin, and stays alone when the next test is to be, too."""

    def __init__(self, run: str) -> None:
        names = (Path(tempfile.gettempdir()) / f"webhookui-tests-{run}-{name}" for name in ("gate", "room"))
        self._gate, self._room = (os.open(name, os.O_RDWR | os.O_CREAT, 0o600) for name in names)
        self._is_alone = False

    def begin(self, *, alone: bool) -> None:
        if not self._is_alone:
            fcntl.flock(self._gate, fcntl.LOCK_EX)
            fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            fcntl.flock(self._gate, fcntl.LOCK_UN)
        self._is_alone = alone

    def end(self, *, stay: bool) -> None:
        self._is_alone = self._is_alone and stay
        if not self._is_alone:
            fcntl.flock(self._room, fcntl.LOCK_UN)


@cache
def _turns() -> Turns | None:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    return Turns(run) if run is not None else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """The wait is not counted as the test's own time."""
    turns = _turns()
    if turns is None:
        return (yield)
    turns.begin(alone=_alone(item))
    try:
        return (yield)
    finally:
        turns.end(stay=_alone(nextitem))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A third party."""
    with receiving() as new_receiver:
        yield new_receiver


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgres.Server]:
    """A real PostgreSQL, for tests that are marked so."""
    programs = postgres.programs()
    if programs is None:
        missing("postgresql", "no server programs of PostgreSQL (initdb)")
    with postgres.server(programs) as address:
        yield address


@pytest.fixture(scope="session", autouse=True)
def passwords_are_hashed_quickly() -> Iterator[None]:
    """The parameters of a real installation cost a tenth of a second for each login; processes of their own keep them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    yield
    prepared.remove()


BOTH = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgresql)]
"""Parameters of a fixture `database` for tests that are to run on both."""


def database_url(kind: str, request: pytest.FixtureRequest, *, empty: bool = False) -> str:
    """The setting `database_url` of one of BOTH: empty for SQLite, else that of a new database, which is migrated already
    unless it is to be `empty`."""
    if kind == "sqlite":
        return ""
    server: postgres.Server = request.getfixturevalue("postgresql_server")
    return server.database(empty=empty)


@pytest.fixture
def database() -> str:
    """The setting `database_url` of `installation`. A module whose tests run on both overrides this."""
    return ""


@pytest.fixture
def installation(tmp_path: Path, database: str) -> Iterator[Running]:
    """`webhookui run` with an admin, in a process of its own."""
    with running(tmp_path, WEBHOOKUI_DATABASE_URL=database) as started:
        yield started


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The machine's own Chromium, quiet."""
    from scripts.ensure_browser import browser_path

    path = browser_path()
    if path is None:
        missing("browser", "no Chromium; see scripts/ensure_browser.py")
    quiet = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync"
    )
    return {**browser_type_launch_args, "executable_path": path, "args": quiet.split()}


def missing(what: str, words: str) -> NoReturn:
    """Skips, or fails where the tests were told that they must run."""
    if what in REQUIRED:
        pytest.fail(f"{what} is required: {words}")
    pytest.skip(words)
