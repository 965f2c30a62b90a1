"""Scripted answers of the inspector (specification section 4.6)."""

import pytest

from webhookui.inspector.script import PRESETS, InvalidScript, Script, Step, from_stored, parse


def test_a_script_answers_500_twice_and_then_200_for_ever() -> None:
    script = Script((Step(2, 500), Step(1, 200)))
    assert [script.step_at(n)[1].status for n in range(5)] == [500, 500, 200, 200, 200]  # type: ignore[index]
    assert script.words == "500 twice, then 200"


def test_a_script_without_steps_has_no_next_step() -> None:
    assert Script().step_at(0) is None
    assert Script().words == "200 at once"


def test_what_was_stored_reads_back_as_it_was() -> None:
    for _label, script in PRESETS.values():
        assert from_stored(script.stored()) == script


def test_a_form_row_becomes_a_step_and_empty_fields_take_their_defaults() -> None:
    row = {"times": "3", "status": "503", "content_type": "", "delay_s": "0,5", "body": "a\r\nb"}
    assert parse([row]).steps == (Step(3, 503, "application/json", "a\nb", 0.5),)


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("times", "0", "Must be a whole number from 1 to 1000."),
        ("times", "1.5", "Must be a whole number from 1 to 1000."),
        ("status", "99", "Must be a whole number from 200 to 599."),
        ("status", "teapot", "Must be a whole number from 200 to 599."),
        ("delay_s", "61", "Must be a number from 0 to 60."),
        ("delay_s", "-1", "Must be a number from 0 to 60."),
        ("content_type", "text/plain\r\nX-Evil: 1", "A content type looks like application/json."),
        ("content_type", "json", "A content type looks like application/json."),
        ("body", "x" * 65537, "The body must not be longer than 64 KiB."),
    ],
)
def test_a_wrong_field_is_named_with_its_sentence(field: str, text: str, sentence: str) -> None:
    with pytest.raises(InvalidScript) as raised:
        parse([{"status": "200"}, {field: text}])
    assert raised.value.errors == {f"steps.1.{field}": sentence}
