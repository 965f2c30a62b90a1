"""When a stored secret must be typed again (specification section 4.4)."""

from __future__ import annotations

import pytest

from webhookui.webhooks.secret_scope import origin_as_written, secret_scope

SAME = [
    ("https://api.example.com/a", "https://api.example.com/b?c=d"),
    ("https://api.example.com/a", "https://API.example.com:443/a"),
    ("http://api.example.com", "http://api.example.com:80/"),
    ("https://api.example.com/{{ id }}", "https://api.example.com/{{ name }}/x"),
    ("https://[2001:db8::1]/a", "https://[2001:db8::1]:443/b"),
]
OTHER = [
    ("https://api.example.com/", "http://api.example.com/"),
    ("https://api.example.com/", "https://api.example.com:8443/"),
    ("https://api.example.com/", "https://api.example.com.evil.test/"),
    ("https://api.example.com/", "https://api.example.com@evil.test/"),
    ("https://api.example.com/", "https://api.example.com\\@evil.test/"),
    ("https://user@a.test/", "https://user@b.test/"),
    ("https://{{ organization.website }}/", "https://{{ name }}/"),
    ("https://{{ x | replace('/', '') }}.a.test/", "https://{{ x | replace('/', '') }}.b.test/"),
    ("{{ url }}", "{{ website }}"),
    ("https://a.test{{ x }}/", "https://a.test{{ y }}/"),
    ("https://[2001:db8::1]/", "https://[2001:db8::2]/"),
]


@pytest.mark.parametrize(("before", "after"), SAME)
def test_another_path_of_the_same_host_is_the_same_place(before: str, after: str) -> None:
    assert origin_as_written(before) == origin_as_written(after)


@pytest.mark.parametrize(("before", "after"), OTHER)
def test_another_scheme_host_or_port_is_another_place_however_it_is_spelled(before: str, after: str) -> None:
    assert origin_as_written(before) != origin_as_written(after)


def test_a_client_secret_goes_to_the_token_url_too() -> None:
    def action(token_url: str) -> dict[str, object]:
        return {"url": "https://a.test/", "authorization": {"type": "oauth2", "token_url": token_url}}

    assert secret_scope(action("https://id.test/token")) == secret_scope(action("https://id.test/v2/token"))
    assert secret_scope(action("https://id.test/token")) != secret_scope(action("https://evil.test/token"))
