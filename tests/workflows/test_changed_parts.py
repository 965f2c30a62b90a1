"""What the audit list says of a save of a workflow (specification section 9)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookui.webhooks.definition import MASK
from webhookui.workflows.actions.kind import StoredAction
from webhookui.workflows.changed_parts import MOST, changed_parts, changed_secrets

A, B, C = ({"name": name, "value": value} for name, value in (("a", "1"), ("b", "2"), ("c", "3")))

CHANGES: dict[str, tuple[Any, Any, dict[str, list[Any]]]] = {
    "a plain value": ({"name": "Old"}, {"name": "New"}, {"name": ["Old", "New"]}),
    "a value within": ({"trigger": {"on": "create"}}, {"trigger": {"on": "update"}}, {"trigger.on": ["create", "update"]}),
    "a list of words": ({"related_modules": []}, {"related_modules": ["x", "y"]}, {"related_modules": ["", "x, y"]}),
    "one value of a row": (
        {"actions": [{"parameters": [A, B]}]}, {"actions": [{"parameters": [A, {**B, "value": "9"}]}]},
        {"actions.0.parameters.1.value": ["2", "9"]},
    ),
    "a row before the others": ({"rows": [B, C]}, {"rows": [A, B, C]}, {"rows.0 (added)": [None, '{"name":"a","value":"1"}']}),
    "a row taken from the middle": (
        {"rows": [A, B, C]}, {"rows": [A, C]}, {"rows.1 (removed)": ['{"name":"b","value":"2"}', None]}
    ),
    "the first row": ({"rows": []}, {"rows": [A]}, {"rows.0 (added)": [None, '{"name":"a","value":"1"}']}),
    "a key that was not there": ({}, {"timeout_s": 10}, {"timeout_s": [None, 10]}),
    "another kind of value": ({"body": {"a": 1}}, {"body": "text"}, {"body": ['{"a":1}', "text"]}),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_told_by_its_part_and_nothing_else_is(what: str) -> None:
    before, after, expected = CHANGES[what]
    kept = {"description": "the same", "criteria": {"all": [A], "any": []}}
    assert changed_parts(kept | before, kept | after) == expected


# None stands for what is not there, as it does in documents.
VALUES = st.recursive(
    st.booleans() | st.integers(2, 3) | st.sampled_from(("", "a", "b")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3)


@given(DOCUMENTS, DOCUMENTS)
def test_something_is_told_exactly_when_something_differs(before: dict[str, Any], after: dict[str, Any]) -> None:
    names = {*before, *after}
    differs = any(before.get(name) != after.get(name) for name in names)
    assert bool(changed_parts(before, after)) is differs
    assert changed_parts(before, before) == {}


def test_of_very_many_parts_some_are_told_and_the_rest_are_counted() -> None:
    rows = [{"name": str(number)} for number in range(MOST + 20)]
    told = changed_parts({"rows": []}, {"rows": rows})
    assert len(told) == MOST + 1 and told["more"] == [None, "20 more"]


def test_of_secrets_it_tells_that_they_changed_and_never_what_they_are() -> None:
    before = [StoredAction(1, {}, {"password": "old", "token": "same"}), StoredAction(2, {}, {"password": "kept"})]
    after = [StoredAction(2, {}, {"password": "kept"}),
             StoredAction(1, {}, {"password": "new", "token": "same", "signing": ["s"]}),
             StoredAction(3, {}, {"password": "of a new action"})]  # fmt: skip
    assert changed_secrets(before, after) == {"actions.1.password": [MASK, MASK], "actions.1.signing": [None, MASK]}
