"""An installation whose queue nobody works on, with a team in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.team import Team, team_of
from webhookui.installation import Installation, open_installation
from webhookui.settings import Settings


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
