"""A path that would take for ever holds nobody: it is ended, and says so (specification section 5)."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.support.receiver import Answer, Receiver
from tests.support.working import working
from webhookui.webhooks import capture
from webhookui.webhooks.paths import path_worker
from webhookui.webhooks.paths.path_error import PathError

REGEX = b'[{"a":"' + b"a" * 60 + b'!"}]'
FLAT = b"[" + b",".join([b"[1,[2],3]"] * 5000) + b"]"
MANY = b"<a>" + b"<b/>" * 50_000 + b"</a>"

ENDLESS: dict[str, tuple[str, str, bytes]] = {
    "backtracking in search()": ("JSONPATH", "$[?search(@.a, '(a|aa)+$')]", REGEX),
    "backtracking in `sub`": ("JSONPATH", "$[0].a.`sub(/(a|aa)+$/, x)`", REGEX),
    "descendants of descendants": ("JSONPATH", "$..*..*..*..*..x", b"[" * 60 + b"1" + b"]" * 60),
    "filters in filters": ("JSONPATH", "$..[?$..[?$..[?@==7]]]", FLAT),
    "what follows everything": ("XPATH", "//*/following::*", MANY),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_a_path_that_takes_too_long_is_ended_in_words(case: str) -> None:
    kind, path, body = ENDLESS[case]
    capture.check_path(kind, path)
    with pytest.raises(PathError, match=r"takes too (long|much memory) on this response"):
        capture.find(kind, path, body)
    assert capture.find("JSONPATH", "$[?@.a==1].b", b'[{"a":1,"b":2}]') == [2], "and the next one is followed"


def test_a_process_that_is_gone_is_replaced() -> None:
    def ask() -> list[object]:
        return capture.find("JSONPATH", "$[?@==1]", b"[1,2]")

    assert ask() == [1]
    for child in path_worker._children:
        if child._process is not None:
            os.kill(child._process.pid, signal.SIGKILL)
            child._process.wait()
    assert ask() == [1]


def test_questions_from_many_threads_get_their_own_answers() -> None:
    answers: dict[int, list[object]] = {}

    def ask(number: int) -> None:
        answers[number] = capture.find("JSONPATH", f"$[?@>={number}]", b"[0,1,2,3,4,5,6,7]")

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: list(range(number, 8)) for number in range(8)}


def test_while_a_path_takes_its_time_others_are_sent_and_records_are_saved(tmp_path: Path, receiver: Receiver) -> None:
    receiver.routes["/slow"] = lambda _received: Answer(200, MANY, {"Content-Type": "application/xml"})
    with working(tmp_path) as crm:
        slow = {"type": "XPATH", "on_success": [{"path": "//*/following::*", "field": "title"}]}
        crm.workflow(
            "contacts",
            {"url": f"{receiver.url}/slow", "capture": slow},
            {"url": f"{receiver.url}/quick"},
        )
        crm.start()
        contact = crm.create("contacts", last_name="A")
        begun = time.monotonic()
        crm.update("contacts", contact, last_name="B")
        assert time.monotonic() - begun < 1.5, "a save waits for no path"
        assert crm.ended(2).status == crm.ended(4).status == "success"
        for delivery in (1, 3):
            assert crm.ended(delivery, timeout_s=60).status == "success"
            (captured,) = crm.captured(delivery)
            assert (captured.outcome, captured.message) == ("unreadable", "The path takes too long on this response.")
        assert crm.values("contacts", contact)["title"] is None
