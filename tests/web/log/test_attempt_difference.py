"""What changed from one attempt to the next."""

from __future__ import annotations

from typing import Any

from webhookui.core.database import now
from webhookui.delivery.tables import Attempt
from webhookui.web.log.attempt_difference import request_difference, response_difference
from webhookui.web.log.payload import payload

LINE = "POST /x HTTP/1.1"


def attempt(body: str = "", **values: Any) -> tuple[Attempt, Any]:
    row = Attempt(
        **{"delivery_id": 1, "number": 1, "at": now(), "outcome": "failed", "status_code": 500,
           "request_headers": [["X-A", "1"]], "response_headers": [["Date", "today"]], **values}
    )  # fmt: skip
    return row, payload(body.encode(), "application/json")


def test_the_same_answer_at_another_time_is_the_same() -> None:
    later = attempt('{"a":1}', response_headers=[["Date", "tomorrow"]])
    assert response_difference(attempt('{"a":1}'), later).words == "the response is the same"


def test_status_headers_and_body_are_compared_line_by_line() -> None:
    after = attempt('{"a":1,"b":3}', status_code=422, response_headers=[["Date", "x"], ["X-Left", "0"]])
    difference = response_difference(attempt('{"a":1,"b":2}'), after)
    assert difference.words == "the response differs in 5 lines"
    assert [line for line in difference.lines if line[0] in "+-"] == [
        ("-", "HTTP 500"), ("+", "HTTP 422"), ("+", "X-Left: 0"), ("-", '  "b": 2'), ("+", '  "b": 3'),
    ]  # fmt: skip
    assert (" ", '  "a": 1,') in difference.lines


def test_no_answer_is_compared_by_its_error() -> None:
    silent, nothing = attempt(status_code=None, error="It did not answer.", response_headers=[])
    assert response_difference((silent, nothing), attempt()).lines == (("-", "It did not answer."), ("+", "HTTP 500"))


def test_a_header_that_changed_in_the_request_is_shown_and_a_fresh_signature_is_not() -> None:
    before, _ = attempt(request_headers=[["X-A", "1"], ["webhook-timestamp", "1"]])
    after, _ = attempt(request_headers=[["X-A", "2"], ["webhook-timestamp", "2"]])
    difference = request_difference(before, after, (LINE, LINE))
    assert difference.lines == ((" ", LINE), ("-", "X-A: 1"), ("+", "X-A: 2"))


def test_what_was_sent_by_a_process_that_died_is_not_known() -> None:
    before, _ = attempt(request_headers=[], outcome="interrupted")
    assert request_difference(before, attempt()[0], (LINE, LINE)).words == "the request is not known"


def test_distant_changes_are_parted_and_endless_ones_are_cut() -> None:
    numbers = [str(number) for number in range(100)]
    old, new = (
        f"[{','.join(numbers)}]",
        f"[{','.join(['a', *numbers[1:-1], 'z'])}]".replace("a", '"a"').replace("z", '"z"'),
    )
    assert ("⋯", "") in response_difference(attempt(old), attempt(new)).lines
    long = response_difference(attempt("[" + "1," * 3000 + "1]"), attempt("[" + "2," * 3000 + "1]"))
    assert long.note == "Only the first 1,500 lines are compared."
    assert len(long.lines) == 400
