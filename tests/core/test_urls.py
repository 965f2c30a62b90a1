"""A URL has one spelling: what is built, shown and logged is what the third party reads (specification sections 4.1 and 4.6)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.receiver import Receiver, receiving
from tests.support.working import LOOPBACK
from webhookui.core.urls import host_is_fixed, normalized, url_problem, with_query
from webhookui.outgoing.address_policy import AddressPolicy
from webhookui.outgoing.http_client import Outgoing, Transport
from webhookui.webhooks.definition import Parameter, Webhook
from webhookui.webhooks.request import Context, RequestError, build_request

SPELLED = {
    "https://example.com": "https://example.com/",
    "HTTPS://Example.com/A": "https://example.com/A",
    "https://example.com?a=b": "https://example.com/?a=b",
    "https://example.com:8443/a": "https://example.com:8443/a",
    "https://example.com/a b?c=d e": "https://example.com/a%20b?c=d%20e",
    "https://example.com/ž?ž=ž": "https://example.com/%C5%BE?%C5%BE=%C5%BE",
    "https://example.com/%c5%be": "https://example.com/%C5%BE",
    "https://example.com/100%?a=100%&b=%20": "https://example.com/100%25?a=100%25&b=%20",
    "https://example.com/a[0]?b[c]=d": "https://example.com/a%5B0%5D?b%5Bc%5D=d",
    "https://example.com/a?b=c?d/e": "https://example.com/a?b=c?d/e",
    "https://example.com/a/../b/./c": "https://example.com/a/../b/./c",
    'https://example.com/"<>\\^`{|}': "https://example.com/%22%3C%3E%5C%5E%60%7B%7C%7D",
    "https://example.com/a#part": "https://example.com/a",
    "https://example.com/a;b=c,d@e:f!$&'()*+": "https://example.com/a;b=c,d@e:f!$&'()*+",
    "https://bücher.example/": "https://xn--bcher-kva.example/",
    "https://BÜCHER.example/": "https://xn--bcher-kva.example/",
    "https://[2001:DB8::1]:8443/a": "https://[2001:db8::1]:8443/a",
    "http://127.0.0.1/": "http://127.0.0.1/",
    "http://a_b.example.com./": "http://a_b.example.com./",
}
REFUSED = [
    "", "example.com", "/a", "ftp://example.com/", "file:///etc/passwd", "javascript:alert(1)", "https://", "https:///a",
    "https://:443/", "https://example.com:0/", "https://example.com:/", "https://example.com:99999/", "https://example.com:x/",
    "https://me@example.com/", "https://me:pw@example.com/", "https://example.com\\@evil.test/", "https://exa mple.com/",
    "https://exa%20mple.com/", "https://-example.com/", "https://example..com/", "https://.example.com/", "https://[::1/",
    "https://[x]/", "https://exa<mple.com/", "https://ex\u2100mple.com/", f"https://{'a.' * 127}com/",
]  # fmt: skip


@pytest.mark.parametrize("url", SPELLED)
def test_a_url_is_spelled_like_this(url: str) -> None:
    assert url_problem(url) == ""
    assert normalized(url) == SPELLED[url]
    assert normalized(SPELLED[url]) == SPELLED[url]
    assert build_request(Webhook(title="A", url=url, method="GET"), Context({})).url == SPELLED[url]


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_no_address_is_refused_in_words(url: str) -> None:
    assert url_problem(url)
    with pytest.raises(RequestError, match="URL to Notify: "):
        build_request(Webhook(title="A", url=url), Context({}))


@pytest.mark.parametrize(
    ("url", "added", "whole"),
    [
        ("https://a.test/", "", "https://a.test/"),
        ("https://a.test/", "b=c", "https://a.test/?b=c"),
        ("https://a.test/?", "b=c", "https://a.test/?b=c"),
        ("https://a.test/?a", "b=c", "https://a.test/?a&b=c"),
        ("https://a.test/#x", "b=c", "https://a.test/?b=c"),
    ],
)
def test_a_query_is_added_to_the_one_that_is_there(url: str, added: str, whole: str) -> None:
    assert with_query(normalized(url), added) == whole


FIXED = [
    "https://api.example.com/{{ record.id }}", "https://api.example.com?x={{ name }}", "https://api.example.com",
    "http://127.0.0.1:8000/{{ x }}", "https://{{ account }}.example.com/", "https://eu-{{ account }}.api.example.com:8443/x",
    "https://api.example.com/{% if x %}a{% endif %}", "https://[::1]:80/{{ x }}",
]  # fmt: skip
NOT_FIXED = [
    "{{ website }}", "{{ scheme }}://api.example.com/", "https://{{ host }}/", "https://{{ host }}.com/",
    "https://api.example.com{{ x }}/", "https://api.example.com:{{ port }}/",
    "https://api.example.com{% if x %}.evil.test{% endif %}/",
    "https://{{ x | replace('/', '') }}/", "https://{{ x }}.example.com{{ y }}/", "https://api.example.com{# #}/",
    "https://{{ x }}@/.example.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", FIXED)
def test_a_host_that_is_written_out_may_get_a_secret(url: str) -> None:
    assert host_is_fixed(url)


@pytest.mark.parametrize("url", NOT_FIXED)
def test_a_host_that_a_value_decides_may_not(url: str) -> None:
    assert not host_is_fixed(url)


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[Transport, Receiver]]:
    transport = Transport(AddressPolicy(LOOPBACK), read_limit=65536, connections=2)
    with receiving() as receiver:
        yield transport, receiver
    transport.close()


def target_on_the_wire(wire: tuple[Transport, Receiver], url: str) -> str:
    transport, receiver = wire
    transport.exchange(Outgoing("GET", url, (), None, 10))
    return receiver.requests[-1].line.split(" ")[1]


def target_of(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


@pytest.mark.parametrize("url", [url for url in SPELLED if "example.com" in url])
def test_the_wire_has_the_same_spelling(wire: tuple[Transport, Receiver], url: str) -> None:
    parts = urlsplit(SPELLED[url])
    local_url = f"{wire[1].url}{target_of(SPELLED[url])}"
    assert target_on_the_wire(wire, local_url) == target_of(local_url) == target_of(parts.geturl())


any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=150, deadline=None)
@given(path=any_text, query=any_text, value=any_text)
def test_whatever_an_address_is_made_of_the_wire_carries_what_was_built(
    wire: tuple[Transport, Receiver], path: str, query: str, value: str
) -> None:
    parameters = (Parameter("a", value),) if "{" not in value else ()
    webhook = Webhook(title="A", url=f"{wire[1].url}/{path}?{query}", method="GET", parameters=parameters)
    try:
        built = build_request(webhook, Context({}))
    except RequestError:
        return  # a control character, or a template that is none
    assert target_on_the_wire(wire, built.url) == target_of(built.url)
