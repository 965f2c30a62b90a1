"""OAuth 2 client credentials against a real token endpoint: kept until they expire, renewed after a 401, refused in words
(SPEC section 4.4, RFC 6749 section 4.4)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Answer, Received, Receiver
from tests.support.running import until
from tests.support.working import LOOPBACK, Working, working
from webhookui.delivery.addresses import AddressPolicy
from webhookui.delivery.oauth import OAuthTokens
from webhookui.delivery.transport import Transport
from webhookui.webhooks.definition import Authorization

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
def made(tmp_path: Path) -> Iterator[Working]:
    with working(tmp_path, retry_delays=(0, 0, 0)) as made:
        yield made.start()


def action(receiver: Receiver, **authorization: str) -> dict[str, Any]:
    return {
        "url": f"{receiver.url}/x",
        "authorization": {
            "type": "oauth2", "token_url": f"{receiver.url}/token", "client_id": "me", "client_secret": SECRET,
            **authorization,
        },
    }  # fmt: skip


def bearer_tokens(receiver: Receiver) -> list[str | None]:
    return [each.header("Authorization") for each in receiver.requests]


def test_after_a_401_the_retry_asks_for_a_new_token(made: Working, receiver: Receiver) -> None:
    endpoint = TokenEndpoint(receiver)
    receiver.answers = [Answer(401), Answer(200)]
    made.workflow("contacts", action(receiver))
    made.create("contacts", last_name="A")
    assert made.ended(1).status == "success"
    assert bearer_tokens(receiver) == ["Bearer access-1", "Bearer access-2"]
    made.create("contacts", last_name="B")
    assert made.ended(2).status == "success"
    assert bearer_tokens(receiver)[2] == "Bearer access-2"
    assert endpoint.given == 2


def test_webhooks_with_another_scope_or_client_have_tokens_of_their_own(made: Working, receiver: Receiver) -> None:
    endpoint = TokenEndpoint(receiver)
    made.workflow("contacts", action(receiver), action(receiver, scope="all"), action(receiver, client_id="you"))
    made.create("contacts", last_name="A")
    made.create("contacts", last_name="B")
    assert [made.ended(each).status for each in range(1, 7)] == ["success"] * 6
    assert endpoint.given == 3
    assert sorted(each.body for each in receiver.routed) == [
        b"grant_type=client_credentials",
        b"grant_type=client_credentials",
        b"grant_type=client_credentials&scope=all",
    ]


@pytest.mark.parametrize("expires_in", [1, 31, "1", 0])
def test_a_token_is_renewed_when_its_time_is_up(receiver: Receiver, expires_in: Any) -> None:
    TokenEndpoint(receiver, expires_in)
    get, authorization = getter(), credentials(receiver)
    assert get(authorization) == get(authorization) == "access-1"
    until(lambda: get(authorization) == "access-2", 5)


@pytest.mark.parametrize("expires_in", [None, 3600, "3600"])
def test_a_token_is_kept_while_it_is_good(receiver: Receiver, expires_in: Any) -> None:
    TokenEndpoint(receiver, expires_in)
    get, authorization = getter(), credentials(receiver)
    assert [get(authorization) for _ in range(3)] == ["access-1"] * 3


def getter() -> Callable[[Authorization], str]:
    """Gets tokens within five seconds."""
    tokens = OAuthTokens(Transport(AddressPolicy(LOOPBACK), read_limit=65536, connections=1))
    return lambda authorization: tokens.get(authorization, time.monotonic() + 5)


def credentials(receiver: Receiver) -> Authorization:
    return Authorization("oauth2", token_url=f"{receiver.url}/token", client_id="me", secrets={"client_secret": SECRET})


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
    "elsewhere": (Answer(302, b"", {"Location": "/token2"}), "no access token"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_without_a_token_nothing_is_sent_and_the_log_says_why(made: Working, receiver: Receiver, case: str) -> None:
    answer, words = REFUSALS[case]
    receiver.routes["/token"] = lambda _received: answer
    made.workflow("contacts", action(receiver))
    made.create("contacts", last_name="A")
    ended = made.ended(1)
    attempts = made.attempts(1)
    assert (ended.status, len(attempts), receiver.requests) == ("failed", 4, [])
    assert {each.error_code for each in attempts} == {"token"}
    assert words in (ended.error or "")
    assert SECRET not in f"{vars(ended)} {[vars(each) for each in attempts]}"
