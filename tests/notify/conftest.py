"""An installation whose queue nobody works on, with a team in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.conftest import missing
from tests.support.databases import postgresql, postgresql_programs
from tests.support.team import Team, team_of
from webhookui.installation import Installation, open_installation
from webhookui.settings import Settings


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server; gives the URL of its first database."""
    if postgresql_programs() is None:
        missing("postgresql", "no PostgreSQL server programs")
    with postgresql() as url:
        yield url


_numbers = count(1)


def empty_database(server: str) -> str:
    """The URL of a new database on the server."""
    name = f"notify_{next(_numbers)}"
    with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    yield from opened(tmp_path, "")


def opened(folder: Path, database_url: str) -> Iterator[Installation]:
    settings = Settings(instance=folder, database_url=database_url, base_url="https://crm.example.com")  # type: ignore[call-arg]
    made = open_installation(settings)
    yield made
    made.close()


@pytest.fixture
def team(here: Installation) -> Team:
    return team_of(here)
