"""OAuth 2 client credentials against a real token endpoint: kept until they expire, renewed after a 401, refused in words
(specification section 4.4, RFC 6749 section 4.4)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote_plus, unquote_plus

import pytest

from tests.support.receiver import Answer, Received, Receiver
from tests.support.running import until
from tests.support.working import LOOPBACK, Working, working
from webhookui.outgoing.address_policy import AddressPolicy
from webhookui.outgoing.http_client import Transport
from webhookui.outgoing.oauth import OAuthTokens
from webhookui.webhooks.definition import Authorization
from webhookui.webhooks.secret_scope import SecretScope, origin_as_written
from webhookui.workflows.document import InvalidDocument

SECRET = "hush-hush-hush"


class TokenEndpoint:
    """Gives access-1, access-2, … with the lifetime that it is told."""

    def __init__(self, receiver: Receiver, expires_in: Any = 3600) -> None:
        self.given = 0
        self.expires_in = expires_in
        receiver.routes["/token"] = self

    def __call__(self, received: Received) -> Answer:
        self.given += 1
        body = {"access_token": f"access-{self.given}", "token_type": "Bearer", "expires_in": self.expires_in}
        return Answer(200, json.dumps({key: value for key, value in body.items() if value is not None}).encode())


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Working]:
    with working(tmp_path, retry_delays=(0, 0, 0)) as crm:
        yield crm.start()


def action(receiver: Receiver, **authorization: str) -> dict[str, Any]:
    return {
        "url": f"{receiver.url}/x",
        "authorization": {
            "type": "oauth2", "token_url": f"{receiver.url}/token", "client_id": "me", "client_secret": SECRET,
            **authorization,
        },
    }  # fmt: skip


def bearer_tokens(receiver: Receiver) -> list[str | None]:
    return [request.header("Authorization") for request in receiver.requests]


def test_after_a_401_the_retry_asks_for_a_new_token(crm: Working, receiver: Receiver) -> None:
    endpoint = TokenEndpoint(receiver)
    receiver.answers = [Answer(401), Answer(200)]
    crm.workflow("contacts", action(receiver))
    crm.create("contacts", last_name="A")
    assert crm.ended(1).status == "success"
    assert bearer_tokens(receiver) == ["Bearer access-1", "Bearer access-2"]
    crm.create("contacts", last_name="B")
    assert crm.ended(2).status == "success"
    assert bearer_tokens(receiver)[2] == "Bearer access-2"
    assert endpoint.given == 2


def test_webhooks_with_another_scope_or_client_have_tokens_of_their_own(crm: Working, receiver: Receiver) -> None:
    endpoint = TokenEndpoint(receiver)
    crm.workflow("contacts", action(receiver), action(receiver, scope="all"), action(receiver, client_id="you"))
    crm.create("contacts", last_name="A")
    crm.create("contacts", last_name="B")
    assert [crm.ended(number).status for number in range(1, 7)] == ["success"] * 6
    assert endpoint.given == 3
    assert sorted(request.body for request in receiver.routed) == [
        b"grant_type=client_credentials",
        b"grant_type=client_credentials",
        b"grant_type=client_credentials&scope=all",
    ]


class RevocableTokens(TokenEndpoint):
    """And takes back what it gave: the receiver answers 401 to every token but the last."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(receiver)
        self.revoked: set[str] = set()
        receiver.routes["/x"] = self.use

    def use(self, received: Received) -> Answer:
        return Answer(401 if received.header("Authorization") in self.revoked else 200)


def test_a_token_that_was_taken_back_costs_no_attempt(crm: Working, receiver: Receiver) -> None:
    endpoint = RevocableTokens(receiver)
    crm.workflow("contacts", action(receiver))
    crm.create("contacts", last_name="A")
    crm.ended(1)
    endpoint.revoked.add("Bearer access-1")
    crm.create("contacts", last_name="B")
    ended = crm.ended(2)
    (attempt,) = crm.attempts(2)
    assert (ended.status, ended.attempt_count, attempt.status_code, endpoint.given) == ("success", 1, 200, 2)
    url = f"{receiver.url}/x"
    assert attempt.hops == [{"status_code": 401, "method": "POST", "url": url, "because": "new_token"}]


def test_a_401_to_the_new_token_too_is_a_401(crm: Working, receiver: Receiver) -> None:
    endpoint = TokenEndpoint(receiver)
    receiver.routes["/x"] = lambda _received: Answer(401)
    crm.workflow("contacts", action(receiver))
    crm.create("contacts", last_name="A")
    ended = crm.ended(1)
    assert (ended.status, {attempt.error_code for attempt in crm.attempts(1)}) == ("failed", {"unauthorized"})
    assert endpoint.given == 8, "two for each of the four attempts"


def test_a_token_that_is_given_once_more_is_not_tried_once_more(crm: Working, receiver: Receiver) -> None:
    receiver.routes["/token"] = lambda _received: Answer(200, b'{"access_token":"always","token_type":"bearer"}')
    receiver.answers = [Answer(401), Answer(200)]
    crm.workflow("contacts", action(receiver))
    crm.create("contacts", last_name="A")
    assert crm.ended(1).status == "success"
    assert [attempt.hops for attempt in crm.attempts(1)] == [[], []]


def test_when_no_new_token_is_given_the_log_tells_both(crm: Working, receiver: Receiver) -> None:
    answers = iter([Answer(200, b'{"access_token":"one"}')])
    receiver.routes["/token"] = lambda _received: next(answers, Answer(400, b'{"error":"invalid_client"}'))
    receiver.routes["/x"] = lambda _received: Answer(401)
    crm.workflow("contacts", action(receiver))
    crm.create("contacts", last_name="A")
    crm.ended(1)
    first = crm.attempts(1)[0]
    assert (first.error_code, [hop["because"] for hop in first.hops]) == ("token", ["new_token"])
    assert first.error == "The token URL gave no access token: it answered 400: invalid_client."


@pytest.mark.parametrize("client_id", ["me", "a b", "it’s:me", "a+b%41c&="])
@pytest.mark.parametrize("secret", ["hush", "a+b%41c", "p:q/ä €", "&client_id=x"])
def test_id_and_secret_are_form_encoded_in_the_header_and_in_the_body(
    receiver: Receiver, client_id: str, secret: str
) -> None:
    TokenEndpoint(receiver)
    get, plain = getter(), credentials(receiver)
    authorization = replace(plain, client_id=client_id, client_secret=secret, scope="a b", audience="https://api/?x=1")
    get(authorization)
    get(replace(authorization, client_authentication="body"))
    by_header, by_body = receiver.routed
    pair = base64.b64decode((by_header.header("Authorization") or "").removeprefix("Basic ")).decode()
    assert [unquote_plus(half) for half in pair.split(":")] == [client_id, secret]
    asked_for = [("grant_type", "client_credentials"), ("scope", "a b"), ("audience", "https://api/?x=1")]
    assert parse_qsl(by_header.body.decode()) == asked_for
    assert by_body.header("Authorization") is None
    assert parse_qsl(by_body.body.decode()) == [*asked_for, ("client_id", client_id), ("client_secret", secret)]
    assert {request.header("Content-Type") for request in receiver.routed} == {"application/x-www-form-urlencoded"}


def test_what_an_error_says_back_of_the_client_is_masked(crm: Working, receiver: Receiver) -> None:
    def echo(received: Received) -> Answer:
        sent = (received.header("Authorization") or "").removeprefix("Basic ") or received.body.decode()
        return Answer(400, json.dumps({"error": "no", "error_description": sent}).encode())

    receiver.routes["/token"] = echo
    secret = "hüsh+hush%41/hush"
    bodies = (
        action(receiver, client_secret=secret),
        action(receiver, client_secret=secret, client_authentication="body"),
    )
    crm.workflow("contacts", *bodies)
    crm.create("contacts", last_name="A")
    for number in (1, 2):
        error = crm.ended(number).error or ""
        assert "••••••" in error and quote_plus(secret) not in error
        assert base64.b64encode(f"me:{quote_plus(secret)}".encode()).decode() not in error


def test_audience_and_client_authentication_stand_in_the_document(crm: Working, receiver: Receiver) -> None:
    workflow = crm.workflow("contacts", action(receiver, audience="api", client_authentication="body"))
    written = crm.document(workflow)["actions"][0]["authorization"]
    assert (written["audience"], written["client_authentication"], written["client_secret"]) == ("api", "body", None)
    workflow = crm.workflow("contacts", action(receiver))
    written = crm.document(workflow)["actions"][0]["authorization"]
    assert (written["audience"], written["client_authentication"]) == ("", "basic")
    with pytest.raises(InvalidDocument) as caught:
        crm.workflow("contacts", action(receiver, client_authentication="jwt"))
    assert "basic, body" in caught.value.errors["actions.0.authorization.client_authentication"]


@pytest.mark.parametrize("expires_in", [1, 31, "1", 0, -5])
def test_a_token_is_renewed_when_its_time_is_up(receiver: Receiver, expires_in: Any) -> None:
    TokenEndpoint(receiver, expires_in)
    get, authorization = getter(), credentials(receiver)
    assert get(authorization) == get(authorization) == "access-1"
    until(lambda: get(authorization) == "access-2", 5)


@pytest.mark.parametrize("expires_in", [None, 3600, "3600", 3600.5, 1e300, 10**400])
def test_a_token_is_kept_while_it_is_good(receiver: Receiver, expires_in: Any) -> None:
    TokenEndpoint(receiver, expires_in)
    get, authorization = getter(), credentials(receiver)
    assert [get(authorization) for _ in range(3)] == ["access-1"] * 3


def getter() -> Callable[[Authorization], str]:
    """Gets tokens within five seconds."""
    tokens = OAuthTokens(Transport(AddressPolicy(LOOPBACK), read_limit=65536, connections=1))
    return lambda authorization: tokens.get(authorization, typed_for(authorization), time.monotonic() + 5)


def typed_for(authorization: Authorization) -> SecretScope:
    return SecretScope("https://api.example.com:443", origin_as_written(authorization.token_url))


def credentials(receiver: Receiver) -> Authorization:
    return Authorization("oauth2", token_url=f"{receiver.url}/token", client_id="me", client_secret=SECRET)


REFUSALS: dict[str, tuple[Answer, str]] = {
    "unknown client": (Answer(401, b'{"error":"invalid_client","error_description":"who?"}'), "invalid_client"),
    "wrong scope": (Answer(400, b'{"error":"invalid_scope"}'), "invalid_scope"),
    "broken": (Answer(500, b"<h1>Oops</h1>"), "500"),
    "no JSON": (Answer(200, b"hello"), "no access token"),
    "no token": (Answer(200, b"{}"), "no access token"),
    "a list": (Answer(200, b"[1]"), "no access token"),
    "an empty token": (Answer(200, b'{"access_token":""}'), "no access token"),
    "a number for a token": (Answer(200, b'{"access_token":5}'), "no access token"),
    "a token with a line break": (Answer(200, b'{"access_token":"a\\r\\nX-Evil: 1"}'), "no access token"),
    "a strange lifetime": (Answer(200, b'{"access_token":"a","expires_in":"soon"}'), "no access token"),
    "a truth for a lifetime": (Answer(200, b'{"access_token":"a","expires_in":true}'), "not a number of seconds"),
    "another type": (Answer(200, b'{"access_token":"a","token_type":"DPoP"}'), 'of the type "DPoP"'),
    "elsewhere": (Answer(302, b"", {"Location": "/token2"}), "no access token"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_without_a_token_nothing_is_sent_and_the_log_says_why(crm: Working, receiver: Receiver, case: str) -> None:
    answer, words = REFUSALS[case]
    receiver.routes["/token"] = lambda _received: answer
    crm.workflow("contacts", action(receiver))
    crm.create("contacts", last_name="A")
    ended = crm.ended(1)
    attempts = crm.attempts(1)
    assert (ended.status, len(attempts), receiver.requests) == ("failed", 4, [])
    assert {attempt.error_code for attempt in attempts} == {"token"}
    assert words in (ended.error or "")
    assert SECRET not in f"{vars(ended)} {[vars(attempt) for attempt in attempts]}"
