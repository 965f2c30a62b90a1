"""Response heads: what is read quickly is what the standard library reads, and what is odd goes to it."""

from __future__ import annotations

import http.client
import io

import pytest

from webhookui.delivery.quick_head import QuickHeadResponse, read_head

PLAIN = (
    b"Content-Type: application/json\r\nX-Empty:\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Latin: caf\xe9 \r\n\r\nbody"
)
ODD = [
    b"A: 1\r\n folded\r\n\r\n",
    b"A : 1\r\nB: 2\r\n\r\n",
    b"no colon\r\nB: 2\r\n\r\n",
    b"A: 1\rB: 2\r\n\r\n",
    b"\r\n",
    b"A: 1\n\n",
    b"A: 1",
]


@pytest.mark.parametrize("head", [PLAIN, *ODD])
def test_the_fields_are_those_of_the_standard_library(head: bytes) -> None:
    ours, theirs = io.BytesIO(head), io.BytesIO(head)
    quick, slow = read_head(ours), http.client.parse_headers(theirs)
    assert [(name, str(value).rstrip()) for name, value in quick.items()] == [
        (name, str(value).rstrip()) for name, value in slow.items()
    ]
    assert ours.read() == theirs.read()
    assert quick.get_payload() == slow.get_payload()


@pytest.mark.parametrize("head", [b"A: " + b"x" * 70_000 + b"\r\n\r\n", b"A: 1\r\n" * 101 + b"\r\n"])
def test_too_long_and_too_many_are_refused_as_there(head: bytes) -> None:
    with pytest.raises(http.client.HTTPException) as quick:
        read_head(io.BytesIO(head))
    with pytest.raises(http.client.HTTPException) as slow:
        http.client.parse_headers(io.BytesIO(head))
    assert type(quick.value) is type(slow.value)
    assert str(quick.value) == str(slow.value)


def test_the_standard_library_still_asks_for_its_fields_where_ours_are_put() -> None:
    """When a Python version reads heads in another way, the quick way is not taken, and this says so."""
    assert "parse_headers" in http.client.HTTPResponse.begin.__code__.co_names
    assert QuickHeadResponse.begin.__globals__["parse_headers"] is read_head
