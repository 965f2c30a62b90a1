"""What an authorization may look like in a document, and what is refused when it is saved (specification sections 4.4 and 10)."""

from __future__ import annotations

from typing import Any

import pytest

from webhookui.webhooks.document import parse_webhook
from webhookui.webhooks.templating.template import Schema

GOOD: list[dict[str, Any]] = [
    {"type": "none"},
    {"type": "basic", "username": "zoë", "password": "pä: ss€"},
    {"type": "basic", "username": "sk_test_1", "password": ""},
    {"type": "basic", "username": "", "password": "token"},
    {"type": "bearer", "token": "a.b-c_d~e+f/g="},
    {"type": "api_key", "in": "header", "name": "X-Api-Key", "value": "Token token=a b"},
    {"type": "api_key", "in": "query", "name": "clé", "value": "ž&=/"},
    {"type": "api_key", "name": "X-Api-Key", "value": "header is the default"},
    {"type": "oauth2", "token_url": "https://id.test/token", "client_id": "a", "client_secret": "ž", "scope": ""},
]
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "digest"}, "authorization.type", "not one of: none, basic, bearer, api_key, oauth2"),
    ({"type": "none", "token": "x"}, "authorization.token", "no key “token”"),
    ({"type": "basic", "username": "", "password": ""}, "authorization.username", "not both"),
    ({"type": "bearer", "token": ""}, "authorization.token", "Enter a value"),
    ({"type": "basic", "username": "a:b", "password": "p"}, "authorization.username", "colon"),
    ({"type": "basic", "username": "a", "password": None}, "authorization.password", "Enter a value"),
    ({"type": "basic", "username": "a", "password": "a\r\nb"}, "authorization.password", "line break"),
    ({"type": "bearer"}, "authorization.token", "Enter a value"),
    ({"type": "bearer", "token": "ключ"}, "authorization.token", "“к” can't be sent in a header"),
    ({"type": "bearer", "token": "a\nX-Evil: b"}, "authorization.token", "line break"),
    ({"type": "api_key", "in": "body", "name": "k", "value": "v"}, "authorization.in", "not one of: header, query"),
    ({"type": "api_key", "in": "header", "name": "a b", "value": "v"}, "authorization.name", "not a valid header name"),
    ({"type": "api_key", "in": "header", "name": "k", "value": "€"}, "authorization.value", "“€” can't be sent in a header"),
    ({"type": "api_key", "in": "query", "name": "", "value": "v"}, "authorization.name", "required"),
    ({"type": "oauth2", "token_url": "id.test", "client_id": "a", "client_secret": "s"}, "authorization.token_url", "http"),
    ({"type": "oauth2", "token_url": "https://id.test/", "client_id": "", "client_secret": "s"}, "authorization.client_id",
     "required"),
    ({"type": "oauth2", "token_url": "https://id.test/", "client_id": "a"}, "authorization.client_secret", "Enter a value"),
]  # fmt: skip

RESERVED = [
    "Host", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer", "Upgrade", "Expect",
    "HTTP2-Settings", "Proxy-Authorization", "Proxy-Connection", "Webhook-Id", "webhook-timestamp", "webhook-signature",
]  # fmt: skip
BAD_NAMES = ["a b", "a:b", "é", "a\rb", "a\tb", "(x)", *RESERVED]
KEY = {"type": "api_key", "in": "header", "value": "v"}
BASIC = {"type": "basic", "username": "a", "password": "p"}
IN_QUERY = {"type": "api_key", "in": "query", "name": "key", "value": "v"}
COLLIDING: list[tuple[dict[str, Any], str]] = [
    (
        {"authorization": {**KEY, "name": "x-api-key"}, "headers": [{"name": "X-Api-Key", "value": "1"}]},
        "headers.0.name",
    ),
    ({"authorization": BASIC, "headers": [{"name": "authorization", "value": "1"}]}, "headers.0.name"),
    ({"authorization": {"type": "bearer", "token": "t"}, "headers": [{"name": "Authorization"}]}, "headers.0.name"),
    ({"authorization": IN_QUERY, "url": "https://a.test/?q=1&key={{ name }}"}, "authorization.name"),
    ({"authorization": IN_QUERY, "method": "GET", "parameters": [{"name": "key", "value": "1"}]}, "authorization.name"),
]
BESIDE_EACH_OTHER: list[dict[str, Any]] = [
    {"authorization": {**KEY, "name": "X-Api-Key"}, "headers": [{"name": "Authorization", "value": "1"}]},
    {"authorization": {"type": "none"}, "headers": [{"name": "Authorization", "value": "1"}]},
    {"authorization": {**KEY, "name": "Cookie"}, "headers": [{"name": "X-Key"}]},
    {"authorization": IN_QUERY, "parameters": [{"name": "key", "value": "1"}]},
    {"authorization": IN_QUERY, "url": "https://a.test/key?keys=key"},
]


def errors_of(authorization: Any, url: str = "https://api.example.com/{{ name }}", **more: Any) -> dict[str, str]:
    errors: dict[str, str] = {}
    document = {"title": "A", "url": url, "authorization": authorization, **more}
    parse_webhook(document, "", errors, Schema({"name": "text"}), {}, {})
    return errors


@pytest.mark.parametrize("authorization", GOOD, ids=str)
def test_such_an_authorization_can_be_saved(authorization: dict[str, Any]) -> None:
    assert errors_of(authorization) == {}


@pytest.mark.parametrize(("authorization", "path", "words"), REFUSED, ids=str)
def test_another_is_refused_at_its_key(authorization: dict[str, Any], path: str, words: str) -> None:
    errors = errors_of(authorization)
    assert list(errors) == [path]
    assert words in errors[path]


@pytest.mark.parametrize("authorization", GOOD[1:], ids=str)
def test_no_record_decides_which_host_gets_a_secret(authorization: dict[str, Any]) -> None:
    assert "who gets the secret" in errors_of(authorization, "https://{{ name }}/")["url"]
    assert errors_of(authorization, "https://{{ name }}.example.com/") == {}
    assert errors_of({"type": "none"}, "https://{{ name }}/") == {}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_the_name_of_a_header_is_held_to_the_same_rules_for_a_row_and_for_a_key(name: str) -> None:
    row = errors_of({"type": "none"}, headers=[{"name": name, "value": "v"}])
    key = errors_of({**KEY, "name": name})
    assert row == {"headers.0.name": key["authorization.name"]}
    assert "can't be set" in row["headers.0.name"] or "not a valid header name" in row["headers.0.name"]


def test_a_key_can_not_be_the_content_type() -> None:
    assert errors_of({**KEY, "name": "Content-type"}) == {
        "authorization.name": "Content-type can't be set: it says what the body is."
    }


@pytest.mark.parametrize(("action", "path"), COLLIDING, ids=str)
def test_what_the_authorization_adds_does_not_stand_there_twice(action: dict[str, Any], path: str) -> None:
    errors = errors_of(**action)
    assert list(errors) == [path]
    assert "already" in errors[path]


@pytest.mark.parametrize("action", BESIDE_EACH_OTHER, ids=str)
def test_what_is_not_the_same_place_is_no_collision(action: dict[str, Any]) -> None:
    assert errors_of(**action) == {}
