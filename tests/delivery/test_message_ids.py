"""`webhook-id` is unique in the world, the same over attempts, and kept by an original redelivery (specification section 6)."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import pages
from tests.support.receiver import Answer, Receiver
from tests.support.sending import sending
from webhookui.workflows.redelivery import redeliver


def test_two_installations_share_no_id_though_they_count_alike(tmp_path: Path, receiver: Receiver) -> None:
    for name in ("one", "two"):
        with sending(tmp_path / name) as room:
            room.hook(receiver.url)
            for _ in range(3):
                assert room.settled(room.save()).delivery.status == "success"
    assert [request.header("x-delivery") for request in receiver.requests] == ["1", "2", "3"] * 2
    ids = {request.header("webhook-id") or "" for request in receiver.requests}
    assert len(ids) == 6 and all(re.fullmatch(r"msg_[0-9a-f]{32}", id_) for id_ in ids)


def test_attempts_and_original_redeliveries_keep_the_id_and_a_current_one_has_its_own(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answers = [Answer(500), Answer(410)]
    with sending(tmp_path, retry_delays=(0, 0)) as room:
        room.hook(receiver.url)
        old = room.save()
        assert room.settled(old, attempts=2).delivery.status == "failed"
        for payload in ("original", "original", "current"):
            with room.db.write() as session:
                fresh = redeliver(session, old, payload, "Ann", "http://crm").id or 0
            assert room.settled(fresh).delivery.status == "success"
        then, current = room.logged(old).delivery.message_id, room.logged(fresh).delivery.message_id
        assert then != current
        assert [request.header("webhook-id") for request in receiver.requests] == [then] * 4 + [current]
        assert [request.header("x-delivery") for request in receiver.requests] == ["1", "1", "2", "3", str(fresh)]


def test_the_log_and_the_api_tell_the_id(tmp_path: Path, receiver: Receiver) -> None:
    with sending(tmp_path) as room:
        room.hook(receiver.url)
        room.settled(room.save())
    sent = receiver.requests[0].header("webhook-id") or ""
    with pages.app_in(tmp_path) as app:
        assert sent in pages.admin(app).get("/log/1").text
