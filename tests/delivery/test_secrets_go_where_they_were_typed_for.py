"""A secret goes only to the scheme, host and port that it was typed for; what decides is the request that goes out
(specification section 4.4)."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Answer, Received, Receiver, receiving
from tests.support.sending import Sending, sending
from webhookui.definitions.tables import WorkflowAction
from webhookui.delivery.tables import Delivery, DeliveryRequest
from webhookui.delivery.webhook_cache import WebhookCache, seal
from webhookui.outgoing.secret_guard import check_goes_to
from webhookui.webhooks.secret_scope import SecretElsewhere, origin_as_written
from webhookui.workflows import redelivery_jobs
from webhookui.workflows.redelivery import NotRedeliverable, redeliver

FIRST, SECOND = "first-secret-aaaaaaaa", "second-secret-bbbbbbbb"


def key(text: str) -> str:
    return "whsec_" + base64.b64encode(text.ljust(32).encode()).decode()


def action(kind: str, secret: str, token_url: str) -> dict[str, Any]:
    """A webhook of which this is the secret."""
    authorization: dict[str, dict[str, Any]] = {
        "basic": {"type": "basic", "username": "u", "password": secret},
        "bearer": {"type": "bearer", "token": secret},
        "header": {"type": "api_key", "in": "header", "name": "X-Key", "value": secret},
        "query": {"type": "api_key", "in": "query", "name": "key", "value": secret},
        "oauth2": {"type": "oauth2", "token_url": token_url, "client_id": "c", "client_secret": secret},
        "signature": {"type": "none"},
    }
    return {"authorization": authorization[kind], "signing": {"secret": key(secret)} if kind == "signature" else False}


KINDS = ("basic", "bearer", "header", "query", "oauth2", "signature")


class Places:
    """Third parties at addresses of their own: A, B, and one that gives access tokens."""

    def __init__(self, stack: ExitStack) -> None:
        self.a, self.b, self.tokens = (stack.enter_context(receiving()) for _ in range(3))
        self.tokens.default = Answer(200, b'{"access_token":"a-token","token_type":"bearer","expires_in":300}')


@pytest.fixture
def places() -> Iterator[Places]:
    with ExitStack() as stack:
        yield Places(stack)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Sending]:
    with sending(tmp_path, retry_delays=(0,)) as new_room:
        yield new_room


def move(room: Sending, workflow: int, url: str, **changes: Any) -> None:
    """The first webhook of a workflow gets another URL, and what else is said."""
    document = room.document(workflow)
    document["actions"][0] |= {"url": url, **changes}
    room.replace(workflow, document)


def again(room: Sending, delivery_id: int, payload: str = "original") -> int:
    with room.db.write() as session:
        return redeliver(session, delivery_id, payload, "Ann", "http://crm").id or 0


def said(received: Received) -> str:
    return "\n".join([received.line, *(f"{name}: {value}" for name, value in received.headers)])


@pytest.mark.parametrize("kind", KINDS)
def test_an_original_redelivery_goes_to_the_address_and_with_the_secret_of_now(
    room: Sending, places: Places, kind: str
) -> None:
    places.a.default = Answer(410)
    workflow = room.hook(f"{places.a.url}/then", **action(kind, FIRST, places.tokens.url))
    old = room.save()
    assert room.settled(old).delivery.status == "failed"
    move(room, workflow, f"{places.b.url}/now", **action(kind, SECOND, places.tokens.url))
    fresh = room.settled(again(room, old)).delivery
    assert (fresh.status, fresh.url) == ("success", f"{places.b.url}/now")
    (then,), (now,) = places.a.requests, places.b.requests
    assert now.body == then.body != b""
    assert now.header("webhook-id") == then.header("webhook-id")
    assert now.header("content-type") == then.header("content-type") == "application/json"
    assert kind in ("oauth2", "signature", "basic") or (SECOND in said(now) and FIRST in said(then))
    assert FIRST not in said(now)


def test_many_at_once_go_to_the_address_of_now(room: Sending, places: Places) -> None:
    places.a.default = Answer(410)
    workflow = room.hook(places.a.url, **action("basic", FIRST, ""))
    for old in [room.save() for _ in range(3)]:
        assert room.settled(old).delivery.status == "failed"
    move(room, workflow, places.b.url, **action("basic", SECOND, ""))
    with room.db.write() as session:
        redelivery_jobs.start(session, "original", "Ann", ids=[delivery.id or 0 for delivery in room.deliveries()])
    places.b.wait_for(3)
    assert len(places.a.requests) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_retry_to_the_old_address_carries_no_secret_of_the_new_one(
    tmp_path: Path, places: Places, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WebhookCache, "CHECK_EVERY_S", 0.0)
    with sending(tmp_path, retry_delays=(3600,)) as room:
        places.a.default = Answer(500)
        workflow = room.hook(places.a.url, **action(kind, FIRST, places.tokens.url))
        old = room.save()
        assert room.settled(old).delivery.status == "retry"
        move(room, workflow, places.b.url, **action(kind, SECOND, places.tokens.url))
        asked = len(places.tokens.requests)
        with room.db.write() as session:
            delivery = session.get_one(Delivery, old)
            delivery.next_attempt_at = delivery.created_at
        room.installation.queue.wake(delivery.endpoint_key)
        ended = room.settled(old, attempts=2)
        assert ended.delivery.status == "failed"
        assert places.a.url in (ended.delivery.error or "") and places.b.url in (ended.delivery.error or "")
        assert len(places.a.requests) == 1 and not places.b.requests
        assert len(places.tokens.requests) == asked


def test_what_decides_is_what_the_secret_was_typed_for_not_what_the_webhook_says(room: Sending, places: Places) -> None:
    """A row whose address was moved without its secrets, by whatever way, sends them nowhere."""
    workflow = room.hook(places.a.url, **action("bearer", FIRST, ""))
    with room.db.write() as session:
        row = session.query(WorkflowAction).filter_by(workflow_id=workflow).one()
        row.definition = row.definition | {"url": places.b.url}
    ended = room.settled(room.save())
    assert ended.delivery.status == "failed" and not places.b.requests
    assert "were entered for" in (ended.delivery.error or "") and FIRST not in (ended.delivery.error or "")


def test_a_client_secret_goes_to_no_other_token_url(room: Sending, places: Places) -> None:
    workflow = room.hook(places.a.url, **action("oauth2", FIRST, f"{places.tokens.url}/token"))
    with room.db.write() as session:
        row = session.query(WorkflowAction).filter_by(workflow_id=workflow).one()
        row.definition = row.definition | {
            "authorization": row.definition["authorization"] | {"token_url": f"{places.b.url}/token"}
        }
    ended = room.settled(room.save())
    assert ended.delivery.status == "failed"
    assert not places.b.requests and not places.a.requests


def test_an_access_token_that_was_fetched_for_one_address_is_not_sent_to_another(room: Sending, places: Places) -> None:
    """Two webhooks with the same client: each fetches a token of its own."""
    tokens = iter(("token-one", "token-two"))
    places.tokens.routes["/token"] = lambda _: Answer(
        200, f'{{"access_token":"{next(tokens)}","token_type":"bearer","expires_in":300}}'.encode()
    )
    authorization = action("oauth2", FIRST, f"{places.tokens.url}/token")
    room.hook(places.a.url, "one", **authorization)
    room.hook(places.b.url, "two", **authorization)
    for name in ("one", "two", "one"):
        assert room.settled(room.save(name)).delivery.status == "success"
    assert [request.header("authorization") for request in places.a.requests] == ["Bearer token-one"] * 2
    assert [request.header("authorization") for request in places.b.requests] == ["Bearer token-two"]


def test_a_test_carries_the_secrets_of_its_draft_to_the_address_of_its_draft(room: Sending, places: Places) -> None:
    places.a.default = Answer(410)
    workflow = room.hook(places.a.url, **action("bearer", FIRST, ""))
    old = room.save()
    with room.db.write() as session:  # what `send_test` writes
        definition = session.query(WorkflowAction).filter_by(workflow_id=workflow).one().definition
        request = session.get_one(DeliveryRequest, old)
        request.definition, request.secrets = definition, seal(room.box, definition, {"token": FIRST})
    room.settled(old)
    move(room, workflow, places.b.url, **action("bearer", SECOND, ""))
    assert room.settled(again(room, old)).delivery.url == places.a.url + "/"
    assert [request.header("authorization") for request in places.a.requests] == [f"Bearer {FIRST}"] * 2
    assert not places.b.requests


# ---- the payload of then, at the address of now -------------------------------------------------------------------------


def test_after_a_typo_in_the_path_was_mended_the_original_goes_to_the_mended_path(
    room: Sending, receiver: Receiver
) -> None:
    receiver.answers = [Answer(410)]
    path = "{{ last_name }}/{{ delivery.id }}"
    workflow = room.hook(f"{receiver.url}/contcats/{path}", headers=[{"name": "X-Of", "value": "then"}])
    old = room.save(first_name="Ada")
    room.settled(old)
    with room.db.read() as session:
        contact = session.get_one(Delivery, old).record_id or 0
    room.update("contacts", contact, last_name="Renamed")
    move(
        room, workflow, f"{receiver.url}/contacts/{path}", method="PUT",
        headers=[{"name": "X-Of", "value": "now {{ first_name }}"}, {"name": "Content-Type", "value": "text/plain"}],
    )  # fmt: skip
    fresh = again(room, old)
    room.settled(fresh)
    now = receiver.requests[-1]
    assert now.line == f"PUT /contacts/hook/{fresh} HTTP/1.1", "the record as it was at that save"
    assert now.body == b'{"name":"hook"}'
    assert (now.header("x-of"), now.header("content-type")) == ("now Ada", "application/json")


def test_the_query_that_parameters_made_is_the_payload_of_a_get(room: Sending, receiver: Receiver) -> None:
    receiver.answers = [Answer(410)]
    workflow = room.hook(f"{receiver.url}/old?source=then", method="GET", content_type="FORM")
    old = room.save()
    room.settled(old)
    move(room, workflow, f"{receiver.url}/new?source=now", parameters=[{"name": "other", "value": "x"}])
    room.settled(again(room, old))
    assert [request.line for request in receiver.requests] == [
        "GET /old?source=then&name=hook HTTP/1.1",
        "GET /new?source=now&name=hook HTTP/1.1",
    ]
    again(room, old, "current")
    assert receiver.wait_for(3)[-1].line == "GET /new?source=now&other=x HTTP/1.1"


@pytest.mark.parametrize(("then", "now"), [("GET", "POST"), ("POST", "GET")])
def test_a_body_and_a_query_are_not_made_into_each_other(
    room: Sending, receiver: Receiver, then: str, now: str
) -> None:
    receiver.answers = [Answer(410)]
    workflow = room.hook(receiver.url, method=then, content_type="FORM")
    old = room.save()
    room.settled(old)
    move(room, workflow, receiver.url, method=now)
    room.settled(again(room, old))
    first, second = receiver.requests
    assert (second.line, second.body) == (first.line, first.body)


def test_a_redelivery_for_a_record_that_is_gone_knows_it_from_its_timeline(room: Sending, receiver: Receiver) -> None:
    receiver.answers = [Answer(410)]
    workflow = room.hook(f"{receiver.url}/a/{{{{ first_name }}}}", "first")
    old = room.save("first", first_name="Ada")
    room.settled(old)
    with room.db.read() as session:
        contact = session.get_one(Delivery, old).record_id or 0
    room.delete("contacts", contact)
    move(room, workflow, f"{receiver.url}/b/{{{{ first_name }}}}")
    room.settled(again(room, old))
    assert receiver.requests[-1].line.startswith("POST /b/Ada ")


def test_without_record_and_timeline_only_a_place_that_is_written_out_is_known(room: Sending, places: Places) -> None:
    places.a.default = Answer(410)
    workflow = room.hook(f"{places.a.url}/{{{{ last_name }}}}", headers=[])
    old = room.save()
    room.settled(old)
    with room.db.write() as session:
        delivery = session.get_one(Delivery, old)
        delivery.change_id, delivery.record_id = None, None
    room.settled(again(room, old))
    assert [request.line for request in places.a.requests] == ["POST /hook HTTP/1.1"] * 2
    move(room, workflow, f"{places.b.url}/{{{{ last_name }}}}")
    with pytest.raises(NotRedeliverable, match="address has changed"):
        again(room, old)
    move(room, workflow, f"{places.b.url}/all")
    room.settled(again(room, old))
    assert places.b.requests[-1].line == "POST /all HTTP/1.1"


# ---- the guard by itself ------------------------------------------------------------------------------------------------

GOES = [
    ("https://api.example.com/a", "https://api.example.com/b?c=d"),
    ("https://api.example.com/a", "https://API.example.com:443/"),
    ("https://bücher.example/", "https://xn--bcher-kva.example/x"),
    ("http://[2001:db8::1]/", "http://[2001:db8::1]:80/x"),
    ("https://api.example.com/{{ id }}", "https://api.example.com/7"),
    ("https://{{ region }}.api.example.com/{{ id }}", "https://eu.api.example.com/7"),
    ("https://{{ region }}.api.example.com:8443/", "https://eu.api.example.com:8443/"),
]
GOES_NOT = [
    ("https://api.example.com/", "http://api.example.com/"),
    ("https://api.example.com/", "https://api.example.com:8443/"),
    ("https://api.example.com/", "https://api.example.com.evil.test/"),
    ("https://api.example.com/", "https://xapi.example.com/"),
    ("https://{{ region }}.api.example.com/", "https://eu.api.example.org/"),
    ("https://{{ region }}.api.example.com/", "http://eu.api.example.com/"),
    ("https://{{ region }}.api.example.com/", "https://eu.api.example.com:444/"),
    ("https://{{ region }}.api.example.com/", "https://evil.test/.api.example.com"),
    ("{{ website }}", "https://evil.test/"),
    ("https://{{ website }}/", "https://evil.test/"),
    ("", "https://evil.test/"),
]


@pytest.mark.parametrize(("typed_for", "url"), GOES)
def test_the_guard_lets_pass_what_the_secret_was_typed_for(typed_for: str, url: str) -> None:
    check_goes_to(origin_as_written(typed_for), url)


@pytest.mark.parametrize(("typed_for", "url"), GOES_NOT)
def test_the_guard_stops_everything_else(typed_for: str, url: str) -> None:
    with pytest.raises(SecretElsewhere):
        check_goes_to(origin_as_written(typed_for), url)
