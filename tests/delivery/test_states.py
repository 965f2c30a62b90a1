"""The status machine as a table."""

from __future__ import annotations

import pytest

from webhookui.delivery.states import STATUSES, TRANSITIONS, after, table_as_markdown


def test_every_transition_leads_between_known_statuses() -> None:
    for step in TRANSITIONS:
        assert {*step.before, step.after} <= set(STATUSES)


def test_nothing_leaves_a_final_status() -> None:
    final = {status.name for status in STATUSES.values() if status.final}
    assert not any(set(step.before) & final for step in TRANSITIONS)


def test_a_step_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="success"):
        after("claimed", "success")


def test_the_document_has_every_status_and_event() -> None:
    text = table_as_markdown()
    assert all(f"| {status.label} |" in text for status in STATUSES.values())
    assert text.count("\n") == len(STATUSES) + len(TRANSITIONS) + 5
