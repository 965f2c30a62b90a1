"""Secret headers, parameters and parts of a URL from the form or a document to the receiver
(specification sections 4.1, 4.4 and 10)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Answer, Receiver, receiving
from tests.support.sending import Sending, sending
from webhookui.delivery.webhook_cache import WebhookCache
from webhookui.delivery_log.queries import detail
from webhookui.workflows import store
from webhookui.workflows.document import InvalidDocument
from webhookui.workflows.redelivery import redeliver
from webhookui.workflows.reencrypt import reencrypt_all


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sending]:
    monkeypatch.setattr(WebhookCache, "CHECK_EVERY_S", 0.0)  # a change is known at once
    with sending(tmp_path, retry_delays=(3600,)) as new_room:
        yield new_room


def rows(value: str, **more: Any) -> dict[str, Any]:
    """An action with that secret as a parameter, a header and a part of the URL."""
    return {
        "headers": [{"name": "X-Key", "value": f"{value}-header", "secret": True}],
        "parameters": [{"name": "token", "value": f"{value} <parameter>", "secret": True}],
        "secrets": [{"name": "part", "value": f"{value}/part"}],
        **more,
    }


def again(room: Sending, delivery_id: int) -> int:
    with room.db.write() as session:
        return redeliver(session, delivery_id, "original", "Ann", "http://crm").id or 0


@pytest.mark.parametrize("content_type", ["JSON", "FORM", "XML"])
def test_the_receiver_gets_what_was_typed_and_nothing_else_shows_it(
    room: Sending, receiver: Receiver, content_type: str
) -> None:
    action = rows("hush-hush", url=f"{receiver.url}/{{{{ secret.part }}}}/x", content_type=content_type)
    workflow = room.hook(action.pop("url"), **action)
    delivery = room.save()
    assert room.settled(delivery).delivery.status == "success"
    [received] = receiver.requests
    assert received.line == "POST /hush-hush%2Fpart/x HTTP/1.1" and received.header("x-key") == "hush-hush-header"
    assert {
        "JSON": b'{"token":"hush-hush <parameter>"}',
        "FORM": b"token=hush-hush+%3Cparameter%3E",
        "XML": b"<token>hush-hush &lt;parameter&gt;</token>",
    }[content_type] in received.body
    with room.db.read() as session:
        details = detail(session, delivery)
        shown = [details.delivery.url, details.request.headers, (details.request.body or b"").decode()]
        shown += [[attempt.request_url, attempt.request_headers] for attempt in details.attempts]
    document = room.document(workflow)
    said = json.dumps([shown, document], ensure_ascii=False, default=str)
    assert "hush" not in said and "wuisecret" not in said and said.count("••••••") == 5


def test_null_leaves_a_secret_unchanged_and_what_is_typed_takes_its_place(room: Sending, receiver: Receiver) -> None:
    workflow = room.hook(f"{receiver.url}/{{{{ secret.part }}}}", **rows("old"))
    document = room.document(workflow)
    action = document["actions"][0]
    assert [action["parameters"][0]["value"], action["headers"][0]["value"], action["secrets"][0]["value"]] == [
        None
    ] * 3
    action["parameters"][0]["value"] = "new"
    del action["headers"][0]["value"]
    room.replace(workflow, document)
    room.settled(room.save())
    [received] = receiver.requests
    assert (received.path, received.header("x-key")) == ("/old%2Fpart", "old-header")
    assert received.body == b'{"token":"new"}'


def test_a_secret_must_be_typed_again_under_another_name_and_for_another_address(room: Sending) -> None:
    workflow = room.hook("https://a.example/{{ secret.part }}", **rows("old"))
    renamed = room.document(workflow)
    renamed["actions"][0]["parameters"][0]["name"] = "other"
    with pytest.raises(InvalidDocument) as refused:
        room.replace(workflow, renamed)
    assert refused.value.errors == {"actions.0.parameters.0.value": "Enter the secret value."}
    moved = room.document(workflow)
    moved["actions"][0]["url"] = "https://b.example/{{ secret.part }}"
    with pytest.raises(InvalidDocument) as refused:
        room.replace(workflow, moved)
    places = [f"actions.0.{name}.0.value" for name in ("headers", "parameters", "secrets")]
    assert sorted(refused.value.errors) == places and "changed" in refused.value.errors[places[0]]


def test_an_export_has_no_secrets_and_an_import_of_it_says_what_must_be_typed(room: Sending) -> None:
    workflow = room.hook("https://a.example/{{ secret.part }}", **rows("old"))
    with room.db.read() as session:
        exported = store.to_document(session, store.get(session, workflow), with_ids=False)
    assert "old" not in json.dumps(exported["actions"]) and "markers" not in exported["actions"][0]
    with room.db.write() as session, pytest.raises(InvalidDocument) as refused:
        store.create(session, room.box, exported, room.user)
    assert sorted(refused.value.errors) == [
        f"actions.0.{name}.0.value" for name in ("headers", "parameters", "secrets")
    ]


def test_what_waits_is_sent_with_the_secret_of_now_also_after_a_copy_and_a_new_key(
    room: Sending, receiver: Receiver
) -> None:
    receiver.answers = [Answer(410)]
    workflow = room.hook(f"{receiver.url}/{{{{ secret.part }}}}", content_type="XML", **rows("old"))
    old = room.save()
    room.settled(old)
    document = room.document(workflow)
    document["actions"][0] |= {**rows("n<w"), "content_type": "JSON"}
    room.replace(workflow, document)
    with room.db.write() as session:
        store.set_active(session, store.duplicate(session, room.box, workflow, room.user).id or 0, True, room.user)
        reencrypt_all(session, room.box.add_key())
    room.settled(again(room, old))
    assert receiver.requests[-1].path == "/n%3Cw%2Fpart"
    assert b"<token>n&lt;w &lt;parameter&gt;</token>" in receiver.requests[-1].body, "the body of then, in XML"
    room.save()
    receiver.wait_for(4)
    assert [request.body for request in receiver.requests[2:]] == [b'{"token":"n<w <parameter>"}'] * 2


def test_a_request_whose_secret_was_taken_out_of_the_webhook_is_not_sent(room: Sending, receiver: Receiver) -> None:
    receiver.answers = [Answer(410)]
    workflow = room.hook(receiver.url, **rows("old"))
    old = room.save()
    room.settled(old)
    document = room.document(workflow)
    document["actions"][0]["parameters"] = []
    room.replace(workflow, document)
    ended = room.settled(again(room, old)).delivery
    assert ended.status == "failed" and "no longer part of the webhook" in (ended.error or "")
    assert len(receiver.requests) == 1


def test_a_redirect_to_another_host_takes_no_secret_along(room: Sending, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        for kind, location in (("body", "/x"), ("URL", "/x?key=old%2Fpart")):
            receiver.answers = [Answer(307, b"", {"Location": elsewhere.url + location})]
            action = rows("old", follow_redirects=True)
            if kind == "URL":
                action |= {"method": "GET", "parameters": []}
            room.hook(f"{receiver.url}/{{{{ secret.part }}}}", kind, **action)
            ended = room.settled(room.save(kind)).delivery
            assert ended.status == "failed" and "nothing was sent there" in (ended.error or ""), kind
        assert elsewhere.requests == []
