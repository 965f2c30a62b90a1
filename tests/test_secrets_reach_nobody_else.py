"""The law of secrets: one that was typed for an address is received by no other (specification section 4.4), over random
sequences of edits, saves, retries, redeliveries one by one and in bulk, tests of drafts, redirects and token fetches, with real
receivers."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
import standardwebhooks
from sqlalchemy import select, update
from sqlmodel import col

from tests.support.receiver import Answer, Received, Receiver, receiving
from tests.support.running import until
from tests.support.sending import Sending, sending
from webhookui.core.background_jobs import Job
from webhookui.core.database import now
from webhookui.crm import records
from webhookui.crm.catalog import catalog
from webhookui.delivery.tables import Delivery
from webhookui.workflows import redelivery_jobs
from webhookui.workflows.document import InvalidDocument, parse
from webhookui.workflows.redelivery import NotRedeliverable, redeliver, send_test

HOSTS = ("127.0.0.1", "127.0.0.1", "127.3.0.9")
"""Two of them differ in the port alone."""
STEPS = 30
SECRET = re.compile(r"pl4nted\d+x")
TOKEN = re.compile(r"acc3ss\d+x")


class World:
    """Third parties, an installation, and what was planted where."""

    def __init__(self, room: Sending, stack: ExitStack, seed: int) -> None:
        self.room, self.chance = room, random.Random(seed)
        self.places = [stack.enter_context(receiving(host)) for host in HOSTS]
        self.token_places = [stack.enter_context(receiving()) for _ in range(2)]
        self.typed_for: dict[str, Receiver] = {}
        """Planted secret → the third party that it was typed for."""
        self.keys: dict[str, Receiver] = {}
        """The same of signing secrets, which are never sent themselves."""
        self.planted = self.tokens = 0
        for place in self.places:
            place.routes = _Answers(self, place)
        for place in self.token_places:
            place.routes["/token"] = self.token
        self.contact = room.create("contacts", last_name="A")
        self.workflows = [self.new_workflow(number) for number in range(2)]

    # ---- third parties ----

    def answer(self, received: Received, place: Receiver) -> Answer:
        kind = self.chance.choice(("ok", "ok", "fail", "gone", "redirect", "redirect"))
        if kind == "redirect":
            there = self.chance.choice(self.places).url + received.line.split(" ")[1]
            return Answer(self.chance.choice((301, 302, 303, 307, 308)), b"", {"Location": there})
        return Answer({"ok": 200, "fail": 500, "gone": 410}[kind])

    def token(self, _received: Received) -> Answer:
        self.tokens += 1
        token = {"access_token": f"acc3ss{self.tokens}x", "token_type": "bearer", "expires_in": 300}
        return Answer(200, json.dumps(token).encode())

    # ---- what is planted ----

    def secret(self, place: Receiver) -> str:
        self.planted += 1
        secret = f"pl4nted{self.planted}x"
        self.typed_for[secret] = place
        return secret

    def signing(self, place: Receiver) -> dict[str, str]:
        self.planted += 1
        key = "whsec_" + base64.b64encode(f"signing key {self.planted}".ljust(32).encode()).decode()
        self.keys[key] = place
        return {"secret": key}

    def action(self, place: Receiver) -> dict[str, Any]:
        """A webhook to that place with secrets of its own in as many places as chance has it."""
        chance, tokens = self.chance, self.chance.choice(self.token_places)
        basic = {"type": "basic", "username": "u", "password": self.secret(place)}
        authorization = chance.choice((
            {"type": "none"}, basic, {"type": "bearer", "token": self.secret(place)},
            {"type": "api_key", "in": "header", "name": "X-Key", "value": self.secret(place)},
            {"type": "api_key", "in": "query", "name": "key", "value": self.secret(place)},
            {"type": "oauth2", "token_url": f"{tokens.url}/token", "client_id": "same", "client_secret": self.secret(tokens)},
        ))  # fmt: skip
        return {
            "type": "webhook", "title": "A", "url": f"{place.url}/{chance.choice('abc')}/{{{{ secret.part }}}}",
            "method": chance.choice(("GET", "POST", "PUT", "DELETE")), "content_type": chance.choice(("JSON", "XML", "FORM")),
            "authorization": authorization, "follow_redirects": chance.random() < 0.7,
            "secrets": [{"name": "part", "value": self.secret(place)}],
            "headers": [{"name": "X-Secret", "value": self.secret(place), "secret": True}],
            "parameters": [
                {"name": "token", "value": self.secret(place), "secret": True}, {"name": "name", "value": "{{ last_name }}"},
            ],
            "signing": self.signing(place) if chance.random() < 0.5 else False,
        }  # fmt: skip

    # ---- what people do ----

    def new_workflow(self, number: int) -> int:
        return self.room.workflow("contacts", self.action(self.chance.choice(self.places)), name=f"W{number}")

    def save(self) -> None:
        self.room.update("contacts", self.contact, last_name=f"N{self.chance.random()}")

    def move(self) -> None:
        """Elsewhere, or to the same place, with secrets that are typed for it."""
        document = self.room.document(self.chance.choice(self.workflows))
        document["actions"][0] = {"id": document["actions"][0]["id"], **self.action(self.chance.choice(self.places))}
        self.room.replace(document["id"], document)

    def edit_and_leave_secrets(self) -> None:
        """An edit that types no secret again is saved at the same place, and refused at another."""
        document = self.room.document(self.chance.choice(self.workflows))
        action = document["actions"][0]
        before = action["url"].split("/")[2]
        place = self.chance.choice(self.places)
        action["url"] = f"{place.url}/{self.chance.choice('def')}/{{{{ secret.part }}}}"
        if place.url.endswith(before):
            self.room.replace(document["id"], document)
        else:
            with pytest.raises(InvalidDocument, match="The address has changed"):
                self.room.replace(document["id"], document)

    def retry(self) -> None:
        with self.room.db.write() as session:
            due = update(Delivery).where(col(Delivery.status) == "retry").values(next_attempt_at=now())
            session.execute(due.execution_options(synchronize_session=False))
        for delivery in self.room.deliveries():
            if delivery.status == "retry":
                self.room.installation.queue.wake(delivery.endpoint_key)
        until(
            lambda: all(
                delivery.next_attempt_at is None or delivery.next_attempt_at > now()
                for delivery in self.room.deliveries()
            ),
            20,
        )

    def redeliver(self) -> None:
        delivery = self.chance.choice(self.room.deliveries())
        with self.room.db.write() as session, suppress(NotRedeliverable):
            redeliver(session, delivery.id or 0, self.chance.choice(("original", "current")), "Ann", "http://crm")

    def redeliver_many(self) -> None:
        ids = [delivery.id or 0 for delivery in self.room.deliveries()]
        with self.room.db.write() as session:
            chosen = self.chance.sample(ids, min(3, len(ids)))
            redelivery_jobs.start(session, self.chance.choice(("original", "current")), "Ann", ids=chosen)
        until(self._no_job, 20)

    def _no_job(self) -> bool:
        with self.room.db.read() as session:
            return session.scalar(select(Job).where(col(Job.finished_at).is_(None)).limit(1)) is None

    def test_a_draft(self) -> None:
        with self.room.db.write() as session:
            action = self.action(self.chance.choice(self.places))
            document = {"name": "W", "module": "contacts", "trigger": {"on": "create"}, "actions": [action]}
            webhook = parse(document, catalog(session)).actions[0].checked.webhook
            record = records.get(session, "contacts", self.contact)
            send_test(session, self.room.box, webhook, record, by="Ann", address="http://crm", workflow="W")

    def step(self) -> None:
        doings = (
            self.save, self.save, self.move, self.edit_and_leave_secrets, self.retry, self.redeliver, self.redeliver,
            self.redeliver_many, self.test_a_draft,
        )  # fmt: skip
        self.chance.choice(doings)()
        until(lambda: all(delivery.status not in ("queued", "dispatched") for delivery in self.room.deliveries()), 30)

    # ---- the law ----

    def check(self) -> None:
        first: dict[str, Receiver] = {}
        for place in (*self.places, *self.token_places):
            for received in (*place.requests, *place.routed):
                sent_texts = said_by(received)
                for secret in SECRET.findall(sent_texts):
                    assert self.typed_for[secret] is place, f"{secret} came to {place.url}: {sent_texts[:400]}"
                for token in TOKEN.findall(sent_texts):
                    assert first.setdefault(token, place) is place, f"{token} came to {place.url} too"
                for key, owner in self.keys.items():
                    assert owner is place or not signed_with(key, received), (
                        f"{place.url} got a signature of {owner.url}"
                    )


class _Answers(dict[str, Any]):
    """Answers every path of a third party."""

    def __init__(self, world: World, place: Receiver) -> None:
        super().__init__()
        self._world, self._place = world, place

    def get(self, _path: str, _default: Any = None) -> Any:
        return lambda received: self._world.answer(received, self._place)


def said_by(received: Received) -> str:
    """All that a request says, also what is encoded in it."""
    text = "\n".join([received.line, *(f"{name}: {value}" for name, value in received.headers), received.body.decode()])
    pairs = [
        base64.b64decode(encoded + "==").decode("latin-1") for encoded in re.findall(r"Basic ([A-Za-z0-9+/]+)", text)
    ]
    return "\n".join([text, unquote_plus(text), *pairs])


def signed_with(key: str, received: Received) -> bool:
    if received.header("webhook-signature") is None:
        return False
    with suppress(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(key).verify(received.body, dict(received.headers), json_parse=False)
        return True
    return False


@pytest.fixture(params=range(3))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        room = stack.enter_context(sending(tmp_path, retry_delays=(3600, 3600), pause_after=100_000))
        yield World(room, stack, request.param)


def test_a_secret_is_received_by_no_address_but_the_one_it_was_typed_for(world: World) -> None:
    for _ in range(STEPS):
        world.step()
    world.check()
    said = "".join(said_by(request) for place in world.places for request in place.routed)
    came = set(SECRET.findall(said))
    assert len(came) > 10 and "webhook-signature" in said, "there was something to find"
    elsewhere = [
        delivery.error or "" for delivery in world.room.deliveries() if "entered for" in (delivery.error or "")
    ]
    assert elsewhere, "and something to hold back"
