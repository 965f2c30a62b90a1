"""Signatures (specification section 4.5): the official packages verify what a third party read, over retries and rotations.

`webhook-id` is the delivery's message ID, as in the log: unique in the world, the same over its attempts.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks

from tests.support.receiver import Answer, Received, Receiver
from tests.support.running import until
from tests.support.working import Working, working
from webhookui.core.database import bump_revision, now
from webhookui.definitions.tables import WorkflowAction
from webhookui.webhooks.signature import new_secret, secret_problem
from webhookui.workflows import store
from webhookui.workflows.document import InvalidDocument

OLD = "whsec_" + base64.b64encode(b"the old secret, 24 bytes and more").decode()
NEW = "whsec_" + base64.b64encode(b"the new secret, 24 bytes and more").decode()
OTHER = "whsec_" + base64.b64encode(b"somebody else's, 24 bytes and more").decode()


def by_standardwebhooks(secret: str, received: Received) -> None:
    standardwebhooks.Webhook(secret).verify(received.body, dict(received.headers), json_parse=False)


def by_svix(secret: str, received: Received) -> None:
    svix.webhooks.Webhook(secret).verify(received.body, dict(received.headers))


VERIFIERS: list[Callable[[str, Received], None]] = [by_standardwebhooks, by_svix]


def verifies(secret: str, received: Received) -> bool:
    """Whether both packages say so; they must agree."""
    verdicts = set()
    for verify in VERIFIERS:
        try:
            verify(secret, received)
            verdicts.add(True)
        except standardwebhooks.WebhookVerificationError:
            verdicts.add(False)
    (verdict,) = verdicts
    return verdict


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Working]:
    with working(tmp_path, retry_delays=(0, 0, 0)) as crm:
        yield crm.start()


def action(receiver: Receiver, **more: Any) -> dict[str, Any]:
    rows = [{"name": "name", "value": "{{ last_name }}"}, {"name": "text.of", "value": 'Zoë & "<co>"'}]
    return {"url": f"{receiver.url}/hook", "parameters": rows, "signing": {"secret": OLD}, **more}


@pytest.mark.parametrize("content_type", ["JSON", "JSONARRAY", "XML", "FORM"])
def test_every_attempt_of_every_content_type_verifies(crm: Working, receiver: Receiver, content_type: str) -> None:
    receiver.answers = [Answer(500), Answer(503), Answer(200)]
    crm.workflow("contacts", action(receiver, content_type=content_type))
    crm.create("contacts", last_name="Ž 'x'")
    assert crm.ended(1).status == "success"
    assert [verifies(OLD, request) for request in receiver.requests] == [True] * 3
    assert [verifies(OTHER, request) for request in receiver.requests] == [False] * 3
    assert {request.header("webhook-id") for request in receiver.requests} == {crm.ended(1).message_id}
    assert len({request.body for request in receiver.requests}) == 1


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_request_without_a_body_verifies_too(crm: Working, receiver: Receiver, method: str) -> None:
    rows = [] if method == "DELETE" else action(receiver)["parameters"]
    crm.workflow("contacts", action(receiver, method=method, content_type="FORM", parameters=rows))
    crm.create("contacts", last_name="A")
    received = receiver.wait_for(1)[0]
    assert received.body == b""
    assert verifies(OLD, received)


def test_what_was_changed_on_the_way_does_not_verify(crm: Working, receiver: Receiver) -> None:
    crm.workflow("contacts", action(receiver))
    crm.create("contacts", last_name="A")
    received = receiver.wait_for(1)[0]
    assert verifies(OLD, received)
    headers = [(name, "2" if name == "webhook-id" else value) for name, value in received.headers]
    assert not verifies(OLD, Received(received.line, received.headers, received.body + b" ", 0))
    assert not verifies(OLD, Received(received.line, headers, received.body, 0))


def test_without_a_signature_the_id_goes_out_and_nothing_else_of_it(crm: Working, receiver: Receiver) -> None:
    receiver.answers = [Answer(500)]
    crm.workflow("contacts", action(receiver, signing=False))
    crm.create("contacts", last_name="A")
    receiver.wait_for(2)
    for received in receiver.requests:
        assert [name for name, _ in received.headers if name.startswith("webhook-")] == ["webhook-id"]
        assert received.header("webhook-id") == crm.deliveries()[0].message_id


def test_during_a_rotation_either_secret_verifies_and_after_it_only_the_new_one(
    crm: Working, receiver: Receiver
) -> None:
    workflow = crm.workflow("contacts", action(receiver))
    assert signed_by(crm, receiver, 1) == {OLD}
    document = crm.document(workflow)
    document["actions"][0]["signing"] = {"secret": NEW}
    crm.replace(workflow, document)
    assert signed_by(crm, receiver, 2) == {OLD, NEW}
    crm.replace(workflow, crm.document(workflow))  # saved again, unchanged: the overlap goes on
    assert signed_by(crm, receiver, 2) == {OLD, NEW}
    with crm.db.write() as session:
        row = session.get(WorkflowAction, 1)
        assert row is not None
        assert timedelta(hours=23) < (row.previous_signing_until or now()) - now() < timedelta(hours=25)
        row.previous_signing_until = now() - timedelta(seconds=1)
        bump_revision(session, "workflows")
    assert signed_by(crm, receiver, 1) == {NEW}


def signed_by(crm: Working, receiver: Receiver, signatures: int) -> set[str]:
    """Saves contacts until a request with so many signatures has come (a changed secret is taken up within a quarter of a
    second); the secrets that verify it."""

    def sent() -> bool:
        crm.create("contacts", last_name="A")
        number = len(crm.deliveries())
        received = receiver.wait_for(number)[-1]
        return len((received.header("webhook-signature") or "").split(" ")) == signatures

    until(sent, 10)
    return {secret for secret in (OLD, NEW, OTHER) if verifies(secret, receiver.requests[-1])}


def test_a_retry_is_signed_with_the_secret_of_its_time(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [Answer(500)]
    with working(tmp_path, retry_delays=(1, 1)) as crm:
        crm.start()
        workflow = crm.workflow("contacts", action(receiver))
        crm.create("contacts", last_name="A")
        receiver.wait_for(1)
        document = crm.document(workflow)
        document["actions"][0]["signing"] = {"secret": NEW}
        crm.replace(workflow, document)
        assert crm.ended(1).status == "success"
    first, second = receiver.requests
    assert (verifies(OLD, first), verifies(NEW, first)) == (True, False)
    assert (verifies(OLD, second), verifies(NEW, second)) == (True, True)
    assert first.header("webhook-id") == second.header("webhook-id")


def test_a_secret_that_is_made_is_shown_once_and_verifies(crm: Working, receiver: Receiver) -> None:
    with crm.db.write() as session:
        document = {"name": "W", "module": "contacts", "trigger": {"on": "create", "recurrence": "every_time"},
                    "actions": [{"type": "webhook", "title": "A", **action(receiver, signing={})}]}  # fmt: skip
        created = store.create(session, crm.box, document, crm.user)
        secret = store.to_document(session, created, with_ids=True)["actions"][0]["signing"]["secret"]
        assert store.to_document(session, created, with_ids=False)["actions"][0]["signing"] == {"secret": None}
    assert crm.document(1)["actions"][0]["signing"] == {"secret": None}
    crm.create("contacts", last_name="A")
    assert verifies(secret, receiver.wait_for(1)[0])


WRONG = {
    "": "starts with whsec_",
    "secret": "starts with whsec_",
    "whsec_": "24 to 64 bytes; this one has 0",
    "whsec_" + "!" * 40: "is base64",
    "whsec_" + base64.b64encode(b"x" * 23).decode(): "this one has 23",
    "whsec_" + base64.b64encode(b"x" * 65).decode(): "this one has 65",
}


@pytest.mark.parametrize("secret", WRONG)
def test_a_secret_that_cannot_sign_is_refused_when_saved(crm: Working, receiver: Receiver, secret: str) -> None:
    assert WRONG[secret] in secret_problem(secret)
    if secret:
        with pytest.raises(InvalidDocument) as refused:
            crm.workflow("contacts", action(receiver, signing={"secret": secret}))
        assert WRONG[secret] in refused.value.errors["actions.0.signing.secret"]


def test_secrets_that_are_made_are_good_and_differ() -> None:
    secrets_made = {new_secret() for _ in range(20)}
    assert len(secrets_made) == 20
    assert {secret_problem(secret) for secret in secrets_made} == {""}
