"""What the tests of webhooks share."""

from __future__ import annotations

import pytest

from webhookui.webhooks import document


@pytest.fixture
def saved_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Actions are saved as they were before saving tried them out: such ones are stored, and their deliveries fail in words."""
    monkeypatch.setattr(document, "check_buildable", lambda *_: None)
