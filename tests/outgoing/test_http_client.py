"""The exchange with a third party: what is sent, what is read, and that nobody can hold it longer than its timeout."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
import requests

from tests.support.raw_server import Behaviour, answer, raw_server, read_request
from webhookui import __version__
from webhookui.outgoing import connections as kept
from webhookui.outgoing import diagnosis, resolver
from webhookui.outgoing.address_policy import AddressPolicy
from webhookui.outgoing.http_client import Answer, DeadlinePassed, Hop, Interrupted, Outgoing, Transport

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


@pytest.fixture
def transport() -> Iterator[Transport]:
    new_transport = Transport(AddressPolicy(LOOPBACK), read_limit=1048576, connections=4)
    yield new_transport
    new_transport.close()


def post(url: str, body: bytes = b"{}", timeout_s: float = 5.0, **more: object) -> Outgoing:
    return Outgoing("POST", url, (("Content-Type", "application/json"), ("X-A", "1")), body, timeout_s, **more)  # type: ignore[arg-type]


def test_exactly_the_given_headers_and_body_are_sent(transport: Transport) -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket, _number: int) -> None:
        seen.append(read_request(connection))
        connection.sendall(answer(b'{"id":1}', headers="Content-Type: application/json\r\n"))

    with raw_server(serve) as url:
        got = transport.exchange(post(url + "a?b=1", b'{"x":1}'))
    assert (got.status_code, got.body, got.cut) == (200, b'{"id":1}', False)
    host = url.removeprefix("http://").rstrip("/")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /a?b=1 HTTP/1.1"
    assert sorted(head.decode().split("\r\n")[1:]) == sorted(
        ["Content-Type: application/json", "X-A: 1", f"Host: {host}", "Accept: */*", "Accept-Encoding: gzip, deflate",
         "Content-Length: 7", f"User-Agent: webhookui/{__version__}"]
    )  # fmt: skip
    assert body == b'{"x":1}'


def test_connections_are_kept_alive(transport: Transport) -> None:
    connections: set[int] = set()

    def serve(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            connections.add(number)
            connection.sendall(answer(b"ok"))

    with raw_server(serve) as url:
        for _ in range(5):
            transport.exchange(post(url))
    assert connections == {1}


def test_a_kept_connection_that_the_server_closed_is_replaced_at_once(transport: Transport) -> None:
    def serve(connection: socket.socket, number: int) -> None:
        read_request(connection)
        connection.sendall(answer(b"first" if number == 1 else b"second"))
        if number == 1:
            read_request(connection)  # the next request on it gets no answer: the connection ends

    with raw_server(serve) as url:
        assert transport.exchange(post(url)).body == b"first"
        assert transport.exchange(post(url)).body == b"second"


def trickle_head(connection: socket.socket, _number: int) -> None:
    read_request(connection)
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 1000:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def trickle_body(connection: socket.socket, _number: int) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"x")
        time.sleep(0.05)


def hang(connection: socket.socket, _number: int) -> None:
    read_request(connection)
    connection.recv(1)


@pytest.mark.parametrize("behaviour", [trickle_head, hang])
def test_an_answer_that_trickles_or_hangs_ends_within_the_timeout_of_the_whole(
    transport: Transport, behaviour: object
) -> None:
    with raw_server(behaviour) as url:  # type: ignore[arg-type]
        started = time.monotonic()
        with pytest.raises((DeadlinePassed, requests.Timeout)) as caught:
            transport.exchange(post(url, timeout_s=0.6))
        assert time.monotonic() - started < 1.2
    assert diagnosis.of_exception(caught.value, host="h", timeout_s=0.6).code == "timed_out"


def test_a_body_that_trickles_ends_in_time_too_and_leaves_the_status_and_headers(transport: Transport) -> None:
    with raw_server(trickle_body) as url:
        started = time.monotonic()
        got = transport.exchange(post(url, timeout_s=0.6))
        assert time.monotonic() - started < 1.2
    assert (got.status_code, got.headers, got.body[:1]) == (200, [("Content-Length", "1000")], b"x")
    assert diagnosis.of_body(got, host="h", timeout_s=0.6) == "h did not answer in full within 0.6 s."


def test_an_endless_answer_is_read_up_to_the_limit(transport: Transport) -> None:
    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with raw_server(serve) as url:
        got = transport.exchange(post(url))
    assert got.cut
    assert len(got.body) == 1048576


def test_a_compressed_bomb_does_not_fill_the_memory(transport: Transport) -> None:
    bomb = gzip.compress(b"\0" * 200_000_000, mtime=0)

    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(answer(bomb, headers="Content-Encoding: gzip\r\n"))

    with raw_server(serve) as url:
        tracemalloc.start()
        got = transport.exchange(post(url))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert got.cut
    assert peak < 20_000_000


def reset(connection: socket.socket, _number: int) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def garbage(connection: socket.socket, _number: int) -> None:
    read_request(connection)
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def no_answer(connection: socket.socket, _number: int) -> None:
    read_request(connection)


@pytest.mark.parametrize(("behaviour", "code"), [(garbage, "not_http"), (no_answer, "broken_off")])
def test_a_broken_answer_is_told_in_plain_words(transport: Transport, behaviour: object, code: str) -> None:
    with raw_server(behaviour) as url, pytest.raises(Exception) as caught:  # type: ignore[arg-type]
        transport.exchange(post(url))
    diagnosed = diagnosis.of_exception(caught.value, host="shop.example", timeout_s=5)
    assert diagnosed.code == code
    assert "shop.example" in diagnosed.error
    assert diagnosed.advice
    assert not diagnosed.ends


# ---- bodies that are not whole, or packed ----------------------------------------------------------------------------


def says(head: str, body: bytes = b"") -> Behaviour:
    """Says the same on every connection, once."""

    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(f"HTTP/1.1 {head}\r\n\r\n".encode() + body)

    return serve


def packed(coding: str, body: bytes) -> Behaviour:
    return says(f"200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}", body)


def half_a_head(connection: socket.socket, _number: int) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-B: ")


PACKED = gzip.compress(b"it is long enough to be packed, " * 40, mtime=0)
RAW_DEFLATE = zlib.compress(b"deflate", wbits=-15)
TOO_EARLY = "The connection to h was lost: the answer ended too early."
UNPACKED = "The answer of h could not be unpacked: "
ZLIB = UNPACKED + "Error -3 while decompressing data: "
UNCLEAR = "It is unclear where the answer of h ends: "
CHUNKS = "Transfer-Encoding: chunked"
BROKEN: list[tuple[str, Behaviour, int, bytes, str]] = [
    ("reset", reset, 200, b"half", "The connection to h was lost: it was reset."),
    ("too short", says("410 Gone\r\nContent-Length: 500", b"ok"), 410, b"ok", TOO_EARLY),
    ("nothing of it", says("200 OK\r\nContent-Length: 5"), 200, b"", TOO_EARLY),
    ("half a chunk", says(f"429 Slow\r\n{CHUNKS}", b"2\r\nok\r\n5\r\nhal"), 429, b"okhal", TOO_EARLY),
    ("no last chunk", says(f"200 OK\r\n{CHUNKS}", b"2\r\nok\r\n"), 200, b"ok", TOO_EARLY),
    ("no chunks", says(f"200 OK\r\n{CHUNKS}", b"plain text\r\n"), 200, b"", TOO_EARLY),
    ("no gzip", packed("gzip", b"plain"), 200, b"plain", f"{ZLIB}incorrect header check."),
    ("half a gzip", packed("gzip", PACKED[:-9]), 200, b"it is lo", f"{UNPACKED}the compressed data ends too early."),
    ("a wrong sum", packed("gzip", PACKED[:-8] + b"12345678"), 200, PACKED[:8], f"{ZLIB}incorrect data check."),
    ("no deflate", packed("deflate", b"\xff\xff\xff"), 200, b"\xff\xff\xff", f"{ZLIB}invalid block type."),
    ("two lengths", says("200 OK\r\nContent-Length: 2, 5", b"ok"), 200, b"", f"{UNCLEAR}its length is given as “2, 5”."),
    ("half a head", half_a_head, 200, b"", f"{UNCLEAR}it ends within its headers."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("behaviour", "status", "body", "sentence"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
def test_status_and_headers_stay_when_the_body_is_not_whole(
    transport: Transport, behaviour: Behaviour, status: int, body: bytes, sentence: str
) -> None:
    numbers: list[int] = []

    def counted(connection: socket.socket, number: int) -> None:
        numbers.append(number)
        behaviour(connection, number)

    with raw_server(counted) as url:
        for _ in range(2):
            got = transport.exchange(post(url))
            assert (got.status_code, got.body[: len(body) or 1], bool(got.headers)) == (status, body, True)
            assert diagnosis.of_body(got, host="h", timeout_s=5) == sentence
            assert {"connect", "tls", "first_byte", "total"} <= got.timing_ms.keys()
    assert numbers == [1, 2], "the connection is not used again"


@pytest.mark.parametrize(
    ("coding", "data", "body"),
    [
        ("gzip", PACKED, b"it is long enough to be packed, " * 40),
        ("X-GZip", PACKED, b"it is long enough to be packed, " * 40),
        ("gzip", gzip.compress(b"one ", mtime=0) + gzip.compress(b"two", mtime=0), b"one two"),
        ("gzip", gzip.compress(b"padded", mtime=0) + bytes(8), b"padded"),
        ("gzip", b"", b""),
        ("deflate", zlib.compress(b"deflate"), b"deflate"),
        ("deflate", RAW_DEFLATE, b"deflate"),
        ("br", b"\x0b\x01\x80ok\x03", b"\x0b\x01\x80ok\x03"),
        ("gzip, gzip", b"as it came", b"as it came"),
        ("identity", b"plain", b"plain"),
    ],
)
@pytest.mark.parametrize("step", [1, 100_000])
def test_what_was_asked_for_is_unpacked_in_whatever_pieces_it_comes(
    transport: Transport, coding: str, data: bytes, body: bytes, step: int
) -> None:
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    with raw_server(says(f"200 OK\r\nContent-Encoding: {coding}\r\nTransfer-Encoding: chunked", chunks)) as url:
        got = transport.exchange(post(url))
    assert (got.body, got.cut, got.broken) == (body, False, None)


def test_a_stop_while_the_body_comes_leaves_the_answer_known(transport: Transport) -> None:
    """A delivery that is known to be answered is never sent again (specification section 6)."""
    arrived = threading.Event()

    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        arrived.set()
        connection.recv(1)

    answers: list[Answer] = []
    with raw_server(serve) as url:
        sending = threading.Thread(target=lambda: answers.append(transport.exchange(post(url, timeout_s=20))))
        sending.start()
        assert arrived.wait(5)
        while not answers and sending.is_alive():
            transport.interrupt()  # again, should it not have read the status line yet
            sending.join(0.05)
    (got,) = answers
    assert (got.status_code, type(got.broken)) == (200, Interrupted)


def test_interim_answers_are_passed_over_on_a_connection_that_is_kept(transport: Transport) -> None:
    numbers: list[int] = []

    def serve(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            numbers.append(number)
            connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(b"done", status="201 Made"))

    with raw_server(serve) as url:
        for _ in range(2):
            got = transport.exchange(post(url))
            assert (got.status_code, got.body, got.headers) == (201, b"done", [("Content-Length", "4")])
    assert numbers == [1, 1]


@pytest.mark.parametrize(("idle_s", "connections"), [(19, {1}), (21, {1, 2})])
def test_a_connection_that_was_idle_for_20_s_is_not_used_again(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, idle_s: float, connections: set[int]
) -> None:
    used: set[int] = set()

    def serve(connection: socket.socket, number: int) -> None:
        while read_request(connection):
            used.add(number)
            connection.sendall(answer(b"ok"))

    with raw_server(serve) as url:
        transport.exchange(post(url))
        later = time.monotonic() + idle_s
        monkeypatch.setattr(kept, "clock", lambda: later)
        elsewhere = threading.Thread(target=lambda: transport.exchange(post(url)))
        elsewhere.start()  # threads share the connections
        elsewhere.join(5)
    assert used == connections


def test_a_refused_connection_is_told_in_plain_words(transport: Transport) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(requests.ConnectionError) as caught:
        transport.exchange(post(f"http://127.0.0.1:{port}/"))
    assert diagnosis.of_exception(caught.value, host="h", timeout_s=5).code == "refused"


def test_tls_to_a_plain_server_is_told_as_such(transport: Transport) -> None:
    def serve(connection: socket.socket, _number: int) -> None:
        connection.recv(10)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_server(serve) as url, pytest.raises(requests.RequestException) as caught:
        transport.exchange(post(url.replace("http://", "https://")))
    assert diagnosis.of_exception(caught.value, host="h", timeout_s=5).code == "tls"


def test_redirects_are_not_followed_unless_asked(transport: Transport) -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket, _number: int) -> None:
        while request := read_request(connection):
            seen.append(request.split(b"\r\n")[0])
            if b" /start" in request:
                connection.sendall(answer(status="307 Temporary Redirect", headers="Location: /end\r\n"))
            else:
                connection.sendall(answer(b"there"))

    with raw_server(serve) as url:
        assert transport.exchange(post(url + "start")).status_code == 307
        assert transport.exchange(post(url + "start", follow_redirects=True)).body == b"there"
    assert seen[-1] == b"POST /end HTTP/1.1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_only_post_becomes_get_and_only_on_301_302_and_303(transport: Transport, method: str, status: int) -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket, _number: int) -> None:
        while request := read_request(connection):
            seen.append(request)
            there = request.split(b" ")[1] == b"/there"
            connection.sendall(
                answer(b"ok") if there else answer(status=f"{status} On", headers="Location: /there\r\n")
            )

    body = None if method == "GET" else b'{"a":1}'
    hops: list[Hop] = []
    with raw_server(serve) as url:
        outgoing = Outgoing(method, url, (("Content-Type", "application/json"),), body, 5.0, follow_redirects=True)
        assert transport.exchange(outgoing, hops).status_code == 200
    becomes_get = method == "POST" and status in (301, 302, 303)
    head, _, sent = seen[1].partition(b"\r\n\r\n")
    assert head.startswith(b"GET" if becomes_get else method.encode())
    assert sent == (b"" if becomes_get else body or b"")
    assert (b"Content-Type: application/json" in head) != becomes_get
    assert hops == [Hop(status, "GET" if becomes_get else method, f"{url}there")]


@pytest.mark.parametrize(
    ("location", "asked_for"),
    [
        ("/a b", b"/a%20b"), ("/caf\xc3\xa9", b"/caf%C3%A9"), ("/a%20b?c=%41#part", b"/a%20b?c=%41"), ("?q=1", b"/?q=1"),
    ],
)  # fmt: skip
def test_a_location_is_read_as_browsers_read_it(transport: Transport, location: str, asked_for: bytes) -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket, _number: int) -> None:
        while request := read_request(connection):
            seen.append(request.split(b" ")[1])
            on = f"HTTP/1.1 307 On\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
            connection.sendall(on if len(seen) == 1 else answer(b"ok"))

    with raw_server(serve) as url:
        assert transport.exchange(post(url, follow_redirects=True)).status_code == 200
    assert seen[1] == asked_for


def test_a_redirect_to_another_origin_takes_no_secret_along(transport: Transport) -> None:
    got: list[bytes] = []

    def other(connection: socket.socket, _number: int) -> None:
        got.append(read_request(connection))
        connection.sendall(answer(b"x"))

    with raw_server(other) as target:

        def serve(connection: socket.socket, _number: int) -> None:
            read_request(connection)
            connection.sendall(answer(status="307 Temporary Redirect", headers=f"Location: {target}\r\n"))

        with raw_server(serve) as url:
            headers = (("Authorization", "Basic c2VjcmV0"), ("X-Api-Key", "planted"), ("Content-Type", "text/plain"))
            transport.exchange(Outgoing("POST", url, headers, b"b", 5.0, follow_redirects=True))
    assert b"c2VjcmV0" not in got[0]
    assert b"planted" not in got[0]
    assert b"Content-Type: text/plain" in got[0]


def test_many_threads_share_one_transport(transport: Transport) -> None:
    def serve(connection: socket.socket, _number: int) -> None:
        while request := read_request(connection):
            connection.sendall(answer(request.partition(b"\r\n\r\n")[2]))

    wrong: list[str] = []

    def work(word: str, url: str) -> None:
        for _ in range(20):
            if transport.exchange(post(url, word.encode())).body != word.encode():
                wrong.append(word)

    with raw_server(serve) as url:
        threads = [threading.Thread(target=work, args=(f"word{n}", url)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


# ---- the time of the whole ---------------------------------------------------------------------------------------------


def ends_in_time(transport: Transport, outgoing: Outgoing) -> str:
    """The code of what it ended with; fails when it took longer than its timeout and half a second."""
    started = time.monotonic()
    with pytest.raises(requests.RequestException) as caught:
        transport.exchange(outgoing)
    assert time.monotonic() - started < outgoing.timeout_s + 0.5
    return diagnosis.of_exception(caught.value, host="h", timeout_s=outgoing.timeout_s).code


def test_a_receiver_that_does_not_read_the_request_ends_in_time(transport: Transport) -> None:
    stop = threading.Event()
    with raw_server(lambda _connection, _number: stop.wait(10) and None) as url:
        assert ends_in_time(transport, post(url, b"x" * 50_000_000, timeout_s=0.6)) == "timed_out"
        stop.set()


def test_a_receiver_that_reads_a_byte_at_a_time_ends_in_time(transport: Transport) -> None:
    def sip(connection: socket.socket, _number: int) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        while connection.recv(1):
            time.sleep(0.01)

    with raw_server(sip) as url:
        assert ends_in_time(transport, post(url, b"x" * 50_000_000, timeout_s=0.6)) == "timed_out"


def test_a_handshake_that_never_ends_ends_in_time(transport: Transport) -> None:
    def trickle(connection: socket.socket, _number: int) -> None:
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x40\x00\x02")  # the head of a long handshake message
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.05)

    with raw_server(trickle) as url:
        assert ends_in_time(transport, post(url.replace("http:", "https:"), timeout_s=0.6)) == "timed_out"


def test_redirects_share_the_time_of_the_first_request(transport: Transport) -> None:
    def around(connection: socket.socket, _number: int) -> None:
        while read_request(connection):
            time.sleep(0.25)
            connection.sendall(answer(status="307 On", headers="Location: /again\r\n"))

    with raw_server(around) as url:
        assert ends_in_time(transport, post(url, timeout_s=0.6, follow_redirects=True)) == "timed_out"


def test_an_interrupted_transport_ends_what_is_in_the_air_and_begins_nothing(transport: Transport) -> None:
    arrived = threading.Event()
    requests_seen: list[int] = []

    def serve(connection: socket.socket, number: int) -> None:
        requests_seen.append(number)
        arrived.set()
        connection.recv(65536)
        connection.recv(65536)

    ended: list[Exception] = []

    def send(url: str) -> None:
        try:
            transport.exchange(post(url, timeout_s=20))
        except Exception as error:
            ended.append(error)

    with raw_server(serve) as url:
        sending = threading.Thread(target=send, args=(url,))
        sending.start()
        assert arrived.wait(5)
        transport.interrupt()
        sending.join(1)
        assert not sending.is_alive()
        send(url)
    assert [type(error) for error in ended] == [Interrupted, Interrupted]
    assert requests_seen == [1]


# ---- names -------------------------------------------------------------------------------------------------------------


class Names:
    """Stands in for the system's resolver, because none of ours can be told to hang: names are known, or hang until `go`."""

    def __init__(self, patch: pytest.MonkeyPatch, addresses: dict[str, list[str]]) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()
        self._addresses = addresses
        self._real = socket.getaddrinfo
        patch.setattr(resolver.socket, "getaddrinfo", self)

    def __call__(self, host: str, port: object, *args: object, **kwargs: object) -> object:
        if kwargs.get("flags") or not host.endswith(".example"):
            return self._real(host, port, *args, **kwargs)  # type: ignore[arg-type]
        self.asked.append(host)
        if host not in self._addresses:
            self.go.wait(20)
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in self._addresses[host]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    new_names = Names(monkeypatch, {"good.example": ["127.0.0.1"], "two.example": ["127.0.0.2", "127.0.0.1"]})
    yield new_names
    new_names.go.set()


def test_a_name_server_that_hangs_ends_in_time_and_is_asked_once(transport: Transport, names: Names) -> None:
    codes: list[str] = []

    def send() -> None:
        codes.append(ends_in_time(transport, post("http://slow.example/", timeout_s=0.5)))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == ["name_slow"] * 8
    assert names.asked == ["slow.example"]


def test_names_that_hang_keep_no_other_from_being_looked_up(transport: Transport, names: Names) -> None:
    hanging = [
        threading.Thread(target=lambda n=n: ends_in_time(transport, post(f"http://{n}.slow.example/", timeout_s=2)))  # type: ignore[misc]
        for n in range(100)
    ]
    for thread in hanging:
        thread.start()
    with raw_server(answers_always) as url:
        port = url.rsplit(":", 1)[1]
        started = time.monotonic()
        assert transport.exchange(post(f"http://good.example:{port}")).status_code == 200
        assert time.monotonic() - started < 1
    for thread in hanging:
        thread.join()


def test_a_name_is_not_looked_up_again_for_a_while(transport: Transport, names: Names) -> None:
    with raw_server(answers_always) as url:
        port = url.rsplit(":", 1)[1]
        for _ in range(5):
            assert transport.exchange(post(f"http://good.example:{port}")).status_code == 200
    assert names.asked == ["good.example"]


def test_when_the_first_address_takes_no_connection_the_next_one_is_tried(transport: Transport, names: Names) -> None:
    with raw_server(answers_always) as url:
        port = url.rsplit(":", 1)[1]
        assert transport.exchange(post(f"http://two.example:{port}")).status_code == 200


def test_a_name_of_another_script_goes_out_as_dns_knows_it(transport: Transport, names: Names) -> None:
    names._addresses["xn--bcher-kva.example"] = ["127.0.0.1"]
    seen: list[bytes] = []

    def serve(connection: socket.socket, _number: int) -> None:
        seen.append(read_request(connection))
        connection.sendall(answer(b"ok"))

    with raw_server(serve) as url:
        port = url.rsplit(":", 1)[1].strip("/")
        transport.exchange(post(f"http://Bücher.example:{port}/x"))
    assert f"Host: xn--bcher-kva.example:{port}".encode() in seen[0]


def answers_always(connection: socket.socket, _number: int) -> None:
    while read_request(connection):
        connection.sendall(answer(b"ok"))
