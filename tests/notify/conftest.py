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
    made = open_installation(Settings(instance=tmp_path, base_url="https://crm.example.com"))  # type: ignore[call-arg]
    yield made
    made.close()


@pytest.fixture
def team(here: Installation) -> Team:
    return team_of(here)
