"""An installation whose queue nobody works on, with a team in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.team import Team, team_of
from webhookui.installation import Installation, open_installation
from webhookui.settings import Settings


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    yield from opened(tmp_path, "")


def opened(folder: Path, database_url: str) -> Iterator[Installation]:
    settings = Settings(instance=folder, database_url=database_url, base_url="https://crm.example.com")  # type: ignore[call-arg]
    opened = open_installation(settings)
    yield opened
    opened.close()


@pytest.fixture
def team(installation: Installation) -> Team:
    return team_of(installation)
