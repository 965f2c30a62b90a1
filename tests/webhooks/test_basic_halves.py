"""Basic Authentication with one half empty (specification section 4.4): a user name without a password is a key,
and kept like one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Answer, Received, Receiver
from tests.support.working import Working, working
from webhookui.web.workflow_editor.webhook_draft import document_of_webhook, draft_of_webhook, webhook_draft
from webhookui.workflows.document import InvalidDocument

KEY = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"
STRIPE = {"type": "basic", "username": KEY, "password": ""}
TOKEN = {"type": "basic", "username": "", "password": "tok-31415926"}
BOTH = {"type": "basic", "username": "ann", "password": "p4ssw0rd!"}
GIVEN_BACK = {
    "a key as the user name": (STRIPE, {"type": "basic", "username": None, "password": ""}, f"{KEY}:"),
    "a token as the password": (TOKEN, {"type": "basic", "username": "", "password": None}, ":tok-31415926"),
    "both": (BOTH, {"type": "basic", "username": "ann", "password": None}, "ann:p4ssw0rd!"),
}


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Working]:
    with working(tmp_path) as crm:
        yield crm


def echo(received: Received) -> Answer:
    """Says back the credentials that it was sent."""
    sent = (received.header("Authorization") or "").removeprefix("Basic ")
    return Answer(200, json.dumps({"sent": sent, "read": base64.b64decode(sent).decode()}).encode())


def saved(crm: Working, url: str, authorization: dict[str, Any]) -> int:
    return crm.workflow("contacts", {"url": url, "method": "DELETE", "authorization": authorization})


def with_authorization(crm: Working, workflow: int, **changes: Any) -> dict[str, Any]:
    document = crm.document(workflow)
    (action,) = document["actions"]
    return {**document, "actions": [{**action, **changes}]}


@pytest.mark.parametrize(("given", "answer", "pair"), GIVEN_BACK.values(), ids=GIVEN_BACK)
def test_either_half_may_be_empty_and_what_is_secret_of_it_is_kept_so(
    crm: Working, receiver: Receiver, given: dict[str, Any], answer: dict[str, Any], pair: str
) -> None:
    receiver.routes["/echo"] = echo
    workflow = saved(crm, f"{receiver.url}/echo", given)
    document = crm.document(workflow)
    assert document["actions"][0]["authorization"] == answer
    crm.replace(workflow, document)  # null is "leave unchanged", for both halves
    assert crm.document(workflow)["actions"][0]["authorization"] == answer
    crm.start()
    crm.create("contacts", last_name="A")
    delivery = crm.ended(1)
    (attempt,) = crm.attempts(1)
    encoded = base64.b64encode(pair.encode()).decode()
    assert [request.header("Authorization") for request in receiver.routed] == [f"Basic {encoded}"]
    assert ["Authorization", "Basic ••••••"] in [list(request_header) for request_header in attempt.request_headers]
    secret = given["password"] or given["username"]
    assert secret not in (kept := f"{vars(delivery)} {vars(attempt)}") and encoded not in kept
    stored = b"".join(path.read_bytes() for path in crm.settings.instance.glob("*.db*"))
    assert secret.encode() not in stored


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "both halves empty": ({"username": "", "password": ""}, "username", "not both"),
    "nothing of it known": ({"username": None, "password": None}, "password", "Enter the password"),
    "an import of a key": ({"username": None, "password": ""}, "username", "Enter the user name"),
    "no password given": ({"username": "ann"}, "password", "Enter the password"),
}


@pytest.mark.parametrize(("halves", "key", "words"), REFUSED.values(), ids=REFUSED)
def test_what_must_be_typed_is_said_at_its_half(crm: Working, halves: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(InvalidDocument) as refused:
        saved(crm, "https://api.example.com/", {"type": "basic", **halves})
    assert list(refused.value.errors) == [f"actions.0.authorization.{key}"]
    assert words in refused.value.errors[f"actions.0.authorization.{key}"]


def test_a_key_is_typed_again_when_the_address_changes_and_when_it_gets_a_password(crm: Working) -> None:
    workflow = saved(crm, "https://api.stripe.com/v1/customers/1", STRIPE)
    with pytest.raises(InvalidDocument) as refused:
        crm.replace(workflow, with_authorization(crm, workflow, url="https://elsewhere.example.com/"))
    assert list(refused.value.errors) == ["actions.0.authorization.username"]
    renamed = {"type": "basic", "username": "ann", "password": None}
    with pytest.raises(InvalidDocument) as refused:
        crm.replace(workflow, with_authorization(crm, workflow, authorization=renamed))
    assert refused.value.errors == {"actions.0.authorization.password": "Enter the password."}


FORM: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "untouched": ({}, {"username": None, "password": ""}),
    "another key": ({"username": "sk_2"}, {"username": "sk_2", "password": ""}),
    "a password instead": ({"no_password": "", "password": "p"}, {"username": "", "password": "p"}),
    "a name and a password": ({"no_password": "", "username": "ann", "password": "p"}, {"username": "ann", "password": "p"}),
}  # fmt: skip


@pytest.mark.parametrize(("typed", "expected"), FORM.values(), ids=FORM)
def test_the_form_of_a_stored_key_shows_none_and_leaves_it_unchanged(
    typed: dict[str, str], expected: dict[str, Any]
) -> None:
    draft = draft_of_webhook({"id": 7, "authorization": {"type": "basic", "username": None, "password": ""}})
    assert draft["authorization"]["no_password"] and draft["authorization"]["username"] == ""
    posted = webhook_draft({**draft, "authorization": {**draft["authorization"], **typed}})
    assert document_of_webhook(posted)["authorization"] == {"type": "basic", **expected}


def test_in_the_form_no_password_is_said_and_not_just_left_out() -> None:
    blank = webhook_draft({"authorization": {"type": "basic", "username": "key"}})
    assert document_of_webhook(blank)["authorization"] == {"type": "basic", "username": "key", "password": None}
    said = webhook_draft({"authorization": {"type": "basic", "username": "key", "no_password": "1"}})
    assert document_of_webhook(said)["authorization"] == {"type": "basic", "username": "key", "password": ""}
