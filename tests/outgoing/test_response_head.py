"""Heads of answers: what is read quickly is what the standard library reads, what is odd too, in linear time and in order."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from webhookui.outgoing.response_head import FinalResponse, HeadTooLarge, read_fields

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
    quick, slow = read_fields(ours), http.client.parse_headers(theirs)
    assert quick == [(name, str(value).rstrip().replace("\r\n", "")) for name, value in slow.items()]
    assert ours.read() == theirs.read()


@pytest.mark.parametrize("head", [b"A: " + b"x" * 70_000 + b"\r\n\r\n", b"A: 1\r\n" * 101 + b"\r\n"])
def test_too_long_and_too_many_are_refused_as_there(head: bytes) -> None:
    for read in (read_fields, http.client.parse_headers):
        with pytest.raises(http.client.HTTPException):
            read(io.BytesIO(head))


@pytest.mark.parametrize(
    "head",
    [
        b"A: x" + b" " * 60_000 + b"x\r\n\r\n",
        b"A:" + b" \t" * 30_000 + b"\r\n\r\n",
        b"A" * 60_000 + b"\r\n\r\n",
        b"A: x\r\n" + b" \r\n" * 90 + b" " * 60_000 + b"x\r\n\r\n",
    ],
    ids=["blanks inside", "blanks alone", "no colon", "folded"],
)
def test_a_head_is_read_in_linear_time(head: bytes) -> None:
    """Blanks once cost the square of their number, and with it the whole process: 72 s for 60,000 of them."""
    started = time.process_time()
    read_fields(io.BytesIO(head))
    assert time.process_time() - started < 1


@contextmanager
def response(data: bytes, method: str = "POST") -> Iterator[FinalResponse]:
    """What `data` and then the end of the connection are read as."""
    near, far = socket.socketpair()
    with near, far:
        far.sendall(data)
        far.shutdown(socket.SHUT_WR)
        new_response = FinalResponse(near, method=method)
        new_response.begin()
        yield new_response
        new_response.close()


EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"


@pytest.mark.parametrize(
    "interim",
    [
        b"",
        EARLY,
        EARLY * 50,
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + EARLY,
        b"HTTP/1.1 199 \r\n\r\n",
    ],
)
def test_interim_answers_are_passed_over(interim: bytes) -> None:
    with response(interim + b"HTTP/1.1 201 Made\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok") as got:
        assert (got.status, got.reason, got.fields, got.read()) == (
            201, "Made", [("X-A", "1"), ("Content-Length", "2")], b"ok",
        )  # fmt: skip


def test_interim_answers_without_end_are_too_much() -> None:
    with pytest.raises(HeadTooLarge), response(EARLY * 2000):
        pass


def test_an_end_after_an_interim_answer_is_no_connection_that_was_closed_before() -> None:
    """Such a one is tried again at once, and this request is being worked on."""
    with pytest.raises(http.client.IncompleteRead), response(EARLY):
        pass
    with pytest.raises(ConnectionResetError), response(b""):
        pass


def test_101_is_the_end_of_http_on_the_connection() -> None:
    with response(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n\x00\x01") as got:
        assert (got.status, got.read(), got.will_close) == (101, b"", True)


@pytest.mark.parametrize(
    ("headers", "body", "closes", "misframed"),
    [
        ("Content-Length: 2", b"ok", False, False),
        ("Content-Length: 2\r\nConnection: close", b"ok", True, False),
        ("Content-Length: 2, 2", b"ok", False, False),
        ("Content-Length: 2\r\nContent-Length: 2", b"ok", False, False),
        ("Content-Length: 2\r\nContent-Length: 3", None, True, True),
        ("Content-Length: +2", None, True, True),
        ("Content-Length: -1", None, True, True),
        ("Content-Length: two", None, True, True),
        ("Transfer-Encoding: gzip, chunked", None, True, True),
        ("X-None: 1", b"ok\r\n0\r\n\r\n", True, False),
    ],
)
def test_where_a_body_ends(headers: str, body: bytes | None, closes: bool, misframed: bool) -> None:
    with response(f"HTTP/1.1 200 OK\r\n{headers}\r\n\r\nok\r\n0\r\n\r\n".encode()) as got:
        assert (got.will_close, bool(got.misframed)) == (closes, misframed)
        assert body is None or got.read() == body
        assert "\r\n".join(f"{name}: {value}" for name, value in got.fields) == headers, "shown as they were sent"


@pytest.mark.parametrize("size", [b"-5", b"+2", b"0x2", b"1_0", b" 2", b"", b"2 2", b"f" * 17])
def test_what_is_no_size_of_a_chunk_breaks_the_body_off(size: bytes) -> None:
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
    with response(start + size + b"\r\nok\r\n0\r\n\r\n") as got, pytest.raises(http.client.IncompleteRead):
        got.read()


def test_chunks_may_have_extensions_and_trailers_but_not_without_end() -> None:
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n"
    with response(start + b"X-Sum: 1\r\n\r\n") as got:
        assert got.read() == b"ok"
    with response(start + b"X-Sum: 1\r\n" * 7000) as got, pytest.raises(HeadTooLarge):
        got.read()
