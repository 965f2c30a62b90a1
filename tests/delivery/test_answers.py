"""What the log, the API and the record keep of answers that are not plain: broken bodies, redirects
(specification section 4.5)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.raw_server import answer, raw_server, read_request
from tests.support.sending import Logged, Sending, sending
from webhookui.api.deliveries import detail_document
from webhookui.delivery_log import queries
from webhookui.web.log.detail import read_detail

CAPTURE = {"type": "JSONPATH", "on_success": [{"path": "$.id", "field": "description"}], "on_failure": []}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sending]:
    with sending(tmp_path_factory.mktemp("answers")) as new_room:
        yield new_room


def attempt_document(room: Sending, logged: Logged) -> dict[str, Any]:
    with room.db.read() as session:
        attempts: list[dict[str, Any]] = detail_document(queries.detail(session, logged.delivery.id or 0), {})[
            "attempts"
        ]
    return attempts[-1]


def test_captures_take_nothing_of_a_body_that_is_not_whole_and_say_so(room: Sending) -> None:
    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": 7}')

    with raw_server(serve) as url:
        logged = room.send(url, "incomplete", capture=CAPTURE)
    why = "The connection to 127.0.0.1 was lost: the answer ended too early."
    assert logged.delivery.status == "success"
    (row,) = room.captured(logged.delivery.id or 0)
    assert (row.outcome, row.value, row.message) == ("unreadable", None, f"The body is incomplete. {why}")
    document = attempt_document(room, logged)
    assert (document["response"]["status_code"], document["response"]["body"], document["response"]["incomplete"]) == (
        200, '{"id": 7}', why,
    )  # fmt: skip
    assert logged.last.timing_ms["first_byte"] is not None
    with room.db.read() as session:
        shown = read_detail(session, logged.delivery.id or 0).attempts[-1].response
    assert shown.notes[0] == f"Body incomplete: {why}"


@pytest.mark.parametrize(("coding", "rest"), [("br", b"\x03"), ("zstd", b"\xb5\x2f"), ("gzip, br", b"")])
def test_a_compression_that_is_not_unpacked_is_called_by_its_name(room: Sending, coding: str, rest: bytes) -> None:
    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(answer(b"\x0b\x02\x80" + rest, headers=f"Content-Encoding: {coding}\r\n"))

    with raw_server(serve) as url:
        logged = room.send(url, f"packed {coding}", capture=CAPTURE)
    (row,) = room.captured(logged.delivery.id or 0)
    assert row.message == f"The body is compressed ({coding}), which was not requested and is not unpacked."
    with room.db.read() as session:
        shown = read_detail(session, logged.delivery.id or 0).attempts[-1].response
    assert (shown.kind, shown.label) == ("binary", f"Compressed data ({coding})")
    assert "not unpacked" in shown.notes[0]


def test_each_redirect_stands_in_the_log_and_errors_name_the_host_that_they_came_from(room: Sending) -> None:
    def refuses(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(answer(b"no", status="404 Not Found"))

    with raw_server(refuses, "127.0.0.2") as there:

        def serve(connection: socket.socket, _number: int) -> None:
            while request := read_request(connection):
                on, status = (f"{there}c", "307 On") if b" /b" in request else ("/b?key=1234567890", "302 Found")
                connection.sendall(answer(status=status, headers=f"Location: {on}\r\n"))

        with raw_server(serve) as url:
            key = {"type": "api_key", "in": "header", "name": "X-Key", "value": "1234567890"}
            logged = room.send(url, "hops", follow_redirects=True, authorization=key)
    assert logged.delivery.error == "127.0.0.2 answered 404: there is nothing at this address."
    document = attempt_document(room, logged)
    assert document["hops"] == [
        {"status_code": 302, "method": "GET", "url": f"{url}b?key=••••••", "because": "redirect"},
        {"status_code": 307, "method": "GET", "url": f"{there}c", "because": "redirect"},
    ]
    with room.db.read() as session:
        hops = read_detail(session, logged.delivery.id or 0).attempts[-1].hops
    assert hops == (
        f"HTTP 302 Found redirected to GET {url}b?key=••••••", f"HTTP 307 Temporary Redirect redirected to GET {there}c",
    )  # fmt: skip


def test_redirects_stand_in_the_log_when_no_answer_came_in_the_end(room: Sending) -> None:
    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(answer(status="308 On", headers="Location: http://no-such.invalid/\r\n"))

    with raw_server(serve) as url:
        logged = room.send(url, "nowhere", follow_redirects=True, method="PUT")
    assert logged.delivery.error == "The name no-such.invalid was not found."
    assert attempt_document(room, logged)["hops"] == [
        {"status_code": 308, "method": "PUT", "url": "http://no-such.invalid/", "because": "redirect"}
    ]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/xml; charset=utf-8", '<?xml version="1.0" encoding="ISO-8859-1"?><a>Zoë</a>'.encode()),
        ("application/xml", '<?xml version="1.0" encoding="ISO-8859-1"?><a>Zoë</a>'.encode("latin-1")),
        ("application/xml", '<?xml version="1.0" encoding="UTF-16"?><a>Zoë</a>'.encode("utf-16")),
        ("application/xml; charset=windows-1252", "<a>Zoë</a>".encode("cp1252")),
    ],
)
def test_record_success_log_and_api_read_one_text(room: Sending, content_type: str, body: bytes) -> None:
    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(answer(body, headers=f"Content-Type: {content_type}\r\n"))

    rows = {"type": "XPATH", "on_success": [{"path": "/a", "field": "description"}], "on_failure": []}
    success = {"type": "XPATH", "path": "/a", "equals": "Zoë"}
    with raw_server(serve) as url:
        logged = room.send(url, f"{content_type} {body[:9]!r}", capture=rows, success_if=success)
    assert logged.delivery.status == "success", logged.delivery.error
    (row,) = room.captured(logged.delivery.id or 0)
    assert (row.outcome, row.value) == ("written", "Zoë")
    assert "<a>Zoë</a>" in attempt_document(room, logged)["response"]["body"]
    with room.db.read() as session:
        assert "<a>Zoë</a>" in read_detail(session, logged.delivery.id or 0).attempts[-1].response.text
