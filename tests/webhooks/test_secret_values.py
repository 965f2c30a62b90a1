"""Secret headers, parameters and parts of a URL: what may be saved, what is kept, what goes out (specification section 4.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from tests.support.building import refusals, saved
from webhookui.webhooks.request import Context, Request, RequestError, build_request
from webhookui.webhooks.secret_values import (
    MASK,
    SecretGone,
    by_marker,
    reveal,
    reveal_body,
    secrets_of,
    veil,
    veil_body,
    with_markers,
)
from webhookui.webhooks.stored import from_definition, stored_definition, webhook_document

SECRET = 'pl4nted & "<sécret>\\/%+ ;'
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1)


def secret(name: str, value: str = SECRET, **more: Any) -> dict[str, Any]:
    return {"name": name, "value": value, "secret": True, **more}


def kept_and_sent(values: Mapping[str, Any] | None = None, **action: Any) -> tuple[Request, Request]:
    """The request of an action as it is stored, and as it goes out: the webhook has been through its row meanwhile."""
    webhook = with_markers(saved([], list(values or {}), **action))
    definition, secrets = stored_definition(webhook), secrets_of(webhook)
    assert SECRET not in json.dumps(definition, ensure_ascii=False)
    kept = build_request(from_definition(definition, {}), Context(values or {}))
    by_marker_ = by_marker(from_definition(definition, secrets))
    headers = tuple((name, reveal(value, by_marker_)) for name, value in kept.headers)
    return kept, Request(kept.method, reveal(kept.url, by_marker_), headers, reveal_body(kept.body, by_marker_))


@pytest.mark.parametrize("content_type", ["JSON", "JSONARRAY", "XML", "FORM"])
@given(text=TEXTS)
@example(text=SECRET)
@example(text="]]>&amp;\u2028")
def test_a_secret_parameter_arrives_as_it_was_typed(content_type: str, text: str) -> None:
    rows = [secret("auth.token", text), {"name": "other", "value": "{{ x }}"}]
    kept, sent = kept_and_sent({"x": "y"}, content_type=content_type, parameters=rows)
    body = (sent.body or b"").decode()
    if content_type == "FORM":
        arrived = parse_qs(body, strict_parsing=True)["auth[token]"][0]
    elif content_type == "XML":
        arrived = etree.fromstring(body.encode()).findtext("auth/token")
    else:
        document = json.loads(body)
        arrived = (document[0] if isinstance(document, list) else document)["auth"]["token"]
    assert arrived == text
    assert MASK in (veil_body(kept.body) or b"").decode() and b"y" in (kept.body or b"")


@given(text=TEXTS)
@example(text="..")
def test_a_secret_in_the_query_of_a_get_arrives_as_it_was_typed(text: str) -> None:
    kept, sent = kept_and_sent(method="GET", parameters=[secret("token", text)])
    assert parse_qs(urlsplit(sent.url).query, strict_parsing=True) == {"token": [text]}
    assert veil(kept.url) == f"https://example.com/?token={MASK}"


def test_a_named_secret_stands_in_url_headers_and_parameters_escaped_for_each() -> None:
    kept, sent = kept_and_sent(
        url="https://example.com/bot{{ secret.token }}/send?key={{ secret.token }}",
        secrets=[{"name": "token", "value": "1:a/b\"&c'"}],
        headers=[{"name": "X-Key", "value": "Token {{ secret.token }}"}, secret("X-Other", "plain ascii")],
        parameters=[
            {"name": "token", "value": "{{ secret.token }}"},
            {"name": "json", "value": '{"inner": "<{{ secret.token }}>"}', "type": "json"},
        ],
    )
    encoded = "1%3Aa%2Fb%22%26c%27"
    assert sent.url == f"https://example.com/bot{encoded}/send?key={encoded}"
    assert dict(sent.headers)["X-Key"] == "Token 1:a/b\"&c'" and dict(sent.headers)["X-Other"] == "plain ascii"
    assert json.loads(sent.body or b"") == {"token": "1:a/b\"&c'", "json": {"inner": "<1:a/b\"&c'>"}}
    assert veil(kept.url) == f"https://example.com/bot{MASK}/send?key={MASK}"
    assert {name: veil(value) for name, value in kept.headers if name != "Content-Type"} == {
        "X-Key": f"Token {MASK}", "X-Other": MASK,
    }  # fmt: skip


def using(url: str) -> dict[str, Any]:
    """An action with a secret `a` and this URL."""
    return {"secrets": [{"name": "a", "value": "b"}], "url": url}


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "number": ({"parameters": [secret("a", type="number")]}, "parameters.0.type", "as text"),
    "number of a named one": (
        {"secrets": [{"name": "a", "value": "1"}], "parameters": [{"name": "x", "value": "{{ secret.a }}", "type": "number"}]},
        "parameters.0.type", "as text",
    ),
    "without a value": ({"parameters": [secret("a", "")]}, "parameters.0.value", "Enter the secret value"),
    "a number for a value": ({"headers": [secret("X-A", 5)]}, "headers.0.value", "must be text"),  # type: ignore[arg-type]
    "a line break in a header": ({"headers": [secret("X-A", "a\r\nX-Evil: 1")]}, "headers.0.value", "line break"),
    "beyond ASCII in a header": ({"headers": [secret("X-A", "é")]}, "headers.0.value", "can't be sent in a header"),
    "beyond ASCII, named, in a header": (
        {"secrets": [{"name": "a", "value": "é"}], "headers": [{"name": "X-A", "value": "{{ secret.a }}"}]},
        "secrets.0.value", "can't be sent in a header",
    ),
    "in the host": (using("https://{{ secret.a }}.example.com/"), "url", "not in its host"),
    "as the whole URL": (using("{{ secret.a }}"), "url", "not in its host"),
    "through a filter": (using("https://e.com/{{ secret.a|upper }}"), "url", "by itself"),
    "through a method": (using("https://e.com/{{ secret.a.upper() }}"), "url", "by itself"),
    "put together": (using("https://e.com/{{ secret.a ~ 'x' }}"), "url", "by itself"),
    "asked": (using("https://e.com/{% if secret.a == 'b' %}x{% endif %}"), "url", "by itself"),
    "taken": (using("https://e.com/{% set x = secret.a %}{{ x|upper }}"), "url", "by itself"),
    "captured": (
        using("https://e.com/{% set x %}{{ secret.a }}{% endset %}{{ x|upper }}"), "url", "not available",
    ),
    "all of them": (using("https://e.com/{{ secret }}"), "url", "by itself"),
    "one that is not there": (using("https://e.com/{{ secret.c }}"), "url", "secret.c"),
    "none is there": ({"url": "https://e.com/{{ secret.c }}"}, "url", "secret"),
    "a strange name": ({"secrets": [{"name": "A b", "value": "b"}]}, "secrets.0.name", "lower case"),
    "a name twice": ({"secrets": [{"name": "a", "value": "b"}, {"name": "a", "value": "c"}]}, "secrets.1.name", "twice"),
    "a key of its own": ({"secrets": [{"name": "a", "value": "b", "secret": True}]}, "secrets.0.secret", "no key"),
    "a host that is all placeholder": ({"url": "https://{{ 1 }}/", "parameters": [secret("a")]}, "url", "written out"),
    "no truth": ({"parameters": [{"name": "a", "value": "b", "secret": "yes"}]}, "parameters.0.secret", "true or false"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_a_secret_is_refused_at_its_place_and_does_not_say_it(case: str) -> None:
    action, path, words = REFUSED[case]
    errors = refusals(**action)
    assert words in errors.get(path, ""), errors
    assert SECRET not in " ".join(errors.values())


def test_a_document_has_null_in_the_place_of_secrets_and_no_markers() -> None:
    webhook = with_markers(
        saved(url="https://e.com/{{ secret.a }}", secrets=[{"name": "a", "value": "v"}], headers=[secret("X-A", "w")],
              parameters=[secret("p")])
    )  # fmt: skip
    document = webhook_document(webhook)
    assert document["secrets"] == [{"name": "a", "value": None}]
    assert document["headers"] == [{"name": "X-A", "value": None, "secret": True}]
    assert document["parameters"][0]["value"] is None and document["parameters"][0]["secret"] is True
    assert "wuisecret" not in json.dumps(document)


def test_a_secret_that_is_gone_is_told_and_no_marker_goes_out() -> None:
    kept, _ = kept_and_sent(parameters=[secret("a")])
    with pytest.raises(SecretGone):
        reveal_body(kept.body, {})


def test_the_text_of_a_record_is_never_taken_for_a_secret() -> None:
    """Only who knows a marker could name one, and nobody is shown any."""
    _, sent = kept_and_sent(
        {"x": "{{ secret.a }} wuisecret"}, parameters=[secret("a"), {"name": "x", "value": "{{ x }}"}]
    )
    assert json.loads(sent.body or b"")["x"] == "{{ secret.a }} wuisecret"


RAW_BODIES: dict[str, tuple[str, str, str]] = {
    "in quotes of JSON": ("application/json", '{"a": "Bearer {{ secret.a }}"}', '{"a": "Bearer x\\"<&]]>"}'),
    "a JSON value": ("application/json", '{"a": {{ secret.a }}}', '{"a": "x\\"<&]]>"}'),
    "a text of XML": ("text/xml", "<a>{{ secret.a }}</a>", "<a>x&quot;&lt;&amp;]]&gt;</a>"),
    "an attribute": ("text/xml", '<a b="{{ secret.a }}"/>', '<a b="x&quot;&lt;&amp;]]&gt;"/>'),
    "a CDATA section": ("text/xml", "<a><![CDATA[{{ secret.a }}]]></a>", "<a><![CDATA[]]>x&quot;&lt;&amp;]]&gt;<![CDATA[]]></a>"),
    "a form": ("application/x-www-form-urlencoded", "a={{ secret.a }}", "a=x%22%3C%26%5D%5D%3E"),
    "text": ("text/plain", "a {{ secret.a }}{% if x %} {{ secret.a }}{% endif %}", 'a x"<&]]> x"<&]]>'),
}  # fmt: skip


def raw(media_type: str, body: str) -> dict[str, Any]:
    secrets = [{"name": "a", "value": 'x"<&]]>'}]
    return {"content_type": "RAW", "media_type": media_type, "body": body, "secrets": secrets}


@pytest.mark.parametrize("case", RAW_BODIES)
def test_a_named_secret_stands_in_a_body_of_ones_own(case: str) -> None:
    media_type, body, expected = RAW_BODIES[case]
    _, sent = kept_and_sent({"x": "1"}, **raw(media_type, body))
    assert (sent.body or b"").decode() == expected


@pytest.mark.usefixtures("saved_untried")
@pytest.mark.parametrize(
    ("media_type", "body", "words"),
    [
        ("text/xml", "<a><!-- {{ secret.a }} --></a>", "CDATA section"),
        ("text/xml", "<a {{ secret.a }}='1'/>", "CDATA section"),
        ("text/plain; charset=utf-16", "{{ secret.a }}", "must be in UTF-8"),
    ],
)
def test_where_a_secret_can_not_stand_nothing_is_built(media_type: str, body: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        kept_and_sent(**raw(media_type, body))


def test_in_a_body_of_ones_own_a_secret_stands_by_itself_too() -> None:
    assert "by itself" in refusals(**raw("text/plain", "{{ secret.a|upper }}"))["body"]
