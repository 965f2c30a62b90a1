"""No request goes where it must not, by the way that every request goes: outbox, engine, transport
(specification section 9, SSRF)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.raw_server import answer, raw_server, read_request
from tests.support.receiver import Answer, Receiver
from tests.support.sending import Logged, Sending, sending
from webhookui.delivery import outbox
from webhookui.outgoing import resolver
from webhookui.webhooks.definition import Webhook
from webhookui.webhooks.request import Request
from webhookui.workflows.document import InvalidDocument

HOW_TO_ALLOW = "Settings → Network"


class Trap:
    """Servers on loopback, IPv4 and IPv6 on one port, that nothing may reach."""

    def __init__(self, stack: ExitStack) -> None:
        self.connections = 0
        ipv4 = socket.create_server(("127.0.0.1", 0))
        self.port: int = ipv4.getsockname()[1]
        listeners = [ipv4]
        if socket.has_ipv6:
            with suppress(OSError):  # a machine without IPv6
                listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for listener in listeners:
            stack.callback(listener.close)
            threading.Thread(target=self._count, args=(listener,), daemon=True).start()

    def _count(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.sendall(answer(b"reached"))
            connection.close()


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    with ExitStack() as stack:
        yield Trap(stack)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sending]:
    """Nothing is allowed besides public addresses."""
    with sending(tmp_path_factory.mktemp("ssrf"), allowed_networks=(), port=1) as new_room:
        yield new_room


def send_raw(room: Sending, url: str, **webhook: Any) -> Logged:
    """A delivery to `url` as if it had passed whatever looks at addresses before the transport does."""
    with room.db.write() as session, outbox.reserved(
        session, webhook_id=None, webhook=Webhook("A", url, **webhook), workflow_id=None, workflow="W", module="contacts",
        record_id=None, record_name="", change=None, caused_by="",
        test=True, definition={"type": "webhook", "title": "A", "url": url, **webhook},
    ) as delivery:  # fmt: skip
        delivery.request = Request("POST", url, (), b"{}")
    return room.settled(delivery.id)


PRIVATE = (
    # IPv4, spelled every way that the system's own reader understands
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "017700000001", "0177.0.0.1",
    "00000177.0.0.01", "0x7f.0.0x0.1", "127.255.255.254", "0", "0.0.0.0", "0x0", "000.000.0.00",
    # the rest of what is not public
    "10.0.0.1", "167772161", "172.16.0.1", "172.31.255.255", "192.168.0.1", "0xc0.0xa8.0.1", "169.254.1.1", "100.64.0.1",
    "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "4294967295",
    # metadata services
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:169.254.169.254]", "100.100.100.200",
    "[fd00:ec2::254]", "[fd20:ce::254]", "192.0.0.192", "168.63.129.16", "0xA83F8110", "2822734096", "[::ffff:168.63.129.16]",
    "[64:ff9b::168.63.129.16]", "[2002:a83f:8110::1]", "192.80.8.124", "[fd00:42::42]", "[fd00:a9fe:a9fe::1]",
    # IPv6
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[fe80::1]", "[fc00::1]", "[fdff::1]", "[ff02::1]", "[fec0::1]",
    "[2001:db8::1]", "[100::1]", "[3fff::1]", "[5f00::1]",
    # IPv4 inside of IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:FFFF:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]", "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]",
    "[2002:a00:1::1]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[64:ff9b:1::a9fe:a9fe]", "[64:ff9b:1:ffff::1]", "[2001:0:a83f:8110::1]", "192.88.99.2", "[2002:c058:6301::1]",
    "[2a00:1450::5efe:10.0.0.1]", "[2a00:1450::200:5efe:127.0.0.1]",
    # names
    "localhost", "LOCALHOST", "LocalHost.", "localhost.", "any.localhost",
    # digits and dots of other scripts
    "１２７.０.０.１", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "ｌｏｃａｌｈｏｓｔ", "ⓛocalhost",
)  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_what_is_not_public_is_refused_however_it_is_spelled(host: str, room: Sending, trap: Trap) -> None:
    logged = send_raw(room, f"http://{host}:{trap.port}/")
    assert (logged.delivery.status, logged.last.error_code) == ("failed", "address_blocked"), logged.last.error
    assert logged.last.error is not None and logged.last.error.startswith("Nothing was sent: ")
    assert logged.last.error.endswith("not a public address.")
    assert HOW_TO_ALLOW in (logged.last.advice or "")
    assert (len(logged.attempts), logged.delivery.next_attempt_at) == (1, None)
    assert trap.connections == 0


TRICKS = (
    "http://user@127.0.0.1:{port}/", "http://user:password@127.0.0.1:{port}/", "http://example.com@127.0.0.1:{port}/",
    "http://example.com:80@127.0.0.1:{port}/", "http://127.0.0.1:{port}@example.invalid/",
    "http://example.com\\@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@example.invalid/", "http:\\\\127.0.0.1:{port}\\",
    "http://127.0.0.1:{port}\\.example.invalid/", "http://127.0.0.1%2f.example.invalid:{port}/",
    "http://%31%32%37.0.0.1:{port}/", "http://127%2e0%2e0%2e1:{port}/", "http://127.0.0.1%00.example.invalid:{port}/",
    "http://loc%61lhost:{port}/", "http://[::1%25lo]:{port}/", "http://[::1%lo]:{port}/", "http://[::ffff:127.0.0.1%251]:{port}/",
    "http://127.0.0.1:80:{port}/", "http://127.0.0.1 :{port}/", "http://127.0.0.1;x:{port}/", "http:///127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://127.0.0.1,example.com:{port}/",
    "http://:{port}/", "http://[::1]x:{port}/", "http://127.0.0.1:{port}0000/", "ftp://127.0.0.1:{port}/", "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x", "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun%2Fdocker.sock/info", "",
)  # fmt: skip


@pytest.mark.parametrize("url", TRICKS)
def test_an_address_that_programs_read_in_different_ways_is_none(url: str, room: Sending, trap: Trap) -> None:
    logged = send_raw(room, url.format(port=trap.port))
    assert logged.delivery.status == "failed", logged.last.error
    assert logged.last.error_code in ("invalid_url", "address_blocked"), logged.last.error
    assert (len(logged.attempts), logged.delivery.next_attempt_at) == (1, None)
    assert trap.connections == 0


@pytest.mark.parametrize("url", [*TRICKS, "http://[127.0.0.1]:{port}/"])
def test_and_the_form_does_not_take_it(url: str, room: Sending, trap: Trap) -> None:
    with pytest.raises(InvalidDocument) as caught:
        room.hook(url.format(port=trap.port), "form")
    assert "actions.0.url" in caught.value.errors


def test_a_line_break_in_an_address_reaches_nothing(room: Sending, trap: Trap) -> None:
    logged = send_raw(room, f"http://127.0.0.1:{trap.port}/\r\nHost: evil\r\n")
    assert (logged.delivery.status, logged.last.error_code) == ("failed", "address_blocked")
    assert trap.connections == 0


# ---- names ------------------------------------------------------------------------------------------------------------


@contextmanager
def names(**addresses: list[str]) -> Iterator[list[str]]:
    """The system's resolver answers for these names (`_` for a dot), by turns; yields the names that it was asked for.

    It is replaced because no name server of ours can answer for names of others, nor differently from one time to the next.
    """
    asked: list[str] = []
    real = socket.getaddrinfo
    addresses_by_name = {name.replace("_", "."): resolved for name, resolved in addresses.items()}

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("flags") or host not in addresses_by_name:
            return real(host, port, *args, **kwargs)
        turns = addresses_by_name[host]
        resolved = turns[min(asked.count(host), len(turns) - 1)]
        asked.append(host)
        families = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(families[":" in address], socket.SOCK_STREAM, 6, "", (address, 0)) for address in resolved.split()]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolver.socket, "getaddrinfo", getaddrinfo)
        patch.setattr(resolver, "KEPT_S", 0.0)
        yield asked


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("private.example", "127.0.0.1"), ("private6.example", "::1"), ("mapped.example", "::ffff:127.0.0.1"),
        ("metadata.google.internal", "169.254.169.254"), ("instance-data.ec2.internal", "169.254.169.254"),
        ("metadata.example", "fd00:ec2::254"), ("shared.example", "100.64.0.1"), ("first.example", "127.0.0.1 93.184.216.34"),
        ("second.example", "93.184.216.34 127.0.0.1"), ("third.example", "93.184.216.34 2606:4700:4700::1111 ::1"),
    ],
)  # fmt: skip
def test_a_name_is_judged_by_every_address_it_has(name: str, addresses: str, room: Sending, trap: Trap) -> None:
    with names(**{name.replace(".", "_"): [addresses]}):
        logged = send_raw(room, f"http://{name}:{trap.port}/")
    assert (logged.delivery.status, logged.last.error_code) == ("failed", "address_blocked")
    assert name in (logged.last.error or "")
    assert HOW_TO_ALLOW in (logged.last.advice or "")
    assert trap.connections == 0


def test_a_name_that_changes_after_it_was_judged_is_not_asked_again(tmp_path: Path, trap: Trap) -> None:
    reached: list[bytes] = []

    def serve(connection: socket.socket, _number: int) -> None:
        reached.append(read_request(connection))
        connection.sendall(answer(b"{}"))

    with (
        sending(tmp_path, allowed_networks="127.0.0.3/32", port=1) as room,
        raw_server(serve, "127.0.0.3") as url,
        names(changing_example=["127.0.0.3", "127.0.0.1"]) as asked,
    ):
        port = url.rsplit(":", 1)[1].strip("/")
        first = send_raw(room, f"http://changing.example:{port}/")
        assert first.delivery.status == "success", first.last.error
        assert len(asked) == 1, "the name was looked up between the check and the connection"
        second = send_raw(room, f"http://changing.example:{port}/")
    assert (second.delivery.status, second.last.error_code) == ("failed", "address_blocked")
    assert len(asked) == 2
    assert len(reached) == 1
    assert trap.connections == 0


# ---- redirects, placeholders, token URLs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/", "HTTP://127.1:{port}/", "http://user@127.0.0.1:{port}/", "http://[::1]:{port}/",
        "http://127.0.0.1:{port}\\@127.0.0.3/", "http:127.0.0.1:{port}/", "http://１２７.0.0.1:{port}/",
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary"])
def test_a_redirect_is_judged_like_a_first_request(location: str, status: str, tmp_path: Path, trap: Trap) -> None:
    headers = f"Location: {location.format(port=trap.port)}\r\n"

    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 " + status.encode() + b"\r\n" + headers.encode() + b"Content-Length: 0\r\n\r\n")

    with sending(tmp_path, allowed_networks="127.0.0.3/32", port=1) as room, raw_server(serve, "127.0.0.3") as url:
        logged = send_raw(room, url, follow_redirects=True)
    assert logged.delivery.status in ("failed", "retry"), logged.last.error
    assert logged.last.error_code in ("address_blocked", "invalid_url", "redirect")
    if logged.last.error_code == "address_blocked":
        assert (logged.last.error or "").startswith("The redirect was not followed: ")
    assert trap.connections == 0


def test_an_address_that_turns_private_through_a_placeholder(room: Sending, trap: Trap) -> None:
    room.hook(f"http://{{{{ description }}}}:{trap.port}/", "placeholder")
    for value in ("127.0.0.1", "localhost", "2130706433"):
        logged = room.settled(room.save("placeholder", description=value))
        assert (logged.delivery.status, logged.last.error_code) == ("failed", "address_blocked")
    for value in ("a@127.0.0.1", "127.0.0.1/x?", "[::1]", "127.0.0.1#", "a\\@127.0.0.1"):
        logged = room.settled(room.save("placeholder", description=value), attempts=0)
        assert logged.delivery.status == "failed", value
    assert trap.connections == 0


def test_a_token_url_is_judged_too(room: Sending, trap: Trap) -> None:
    for number, host in enumerate(("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]")):
        authorization = {
            "type": "oauth2", "token_url": f"http://{host}:{trap.port}/token", "client_id": "me", "client_secret": "hush",
        }  # fmt: skip
        logged = room.send("http://93.184.216.34/", f"token {number}", authorization=authorization)
        assert (logged.delivery.status, logged.last.error_code) == ("failed", "token")
        assert (logged.last.error or "").startswith("No access token: Nothing was sent: ")
        assert HOW_TO_ALLOW in (logged.last.advice or "")
    assert trap.connections == 0


def test_a_redirect_of_a_token_url_is_not_followed(tmp_path: Path, receiver: Receiver, trap: Trap) -> None:
    receiver.default = Answer(307, b"", {"Location": f"http://127.0.0.1:{trap.port}/"})
    authorization = {
        "type": "oauth2", "token_url": f"{receiver.url}/token", "client_id": "me", "client_secret": "hush",
    }  # fmt: skip
    with sending(tmp_path, allowed_networks="127.0.0.1/32") as room:
        logged = room.send(f"{receiver.url}/hook", "token", authorization=authorization)
    assert (logged.delivery.status, logged.last.error_code) == ("retry", "token")
    assert trap.connections == 0


# ---- what is allowed --------------------------------------------------------------------------------------------------


def test_an_allowed_network_and_an_allowed_host_are_reached_and_their_neighbours_are_not(
    tmp_path: Path, receiver: Receiver, trap: Trap
) -> None:
    port = receiver.url.rsplit(":", 1)[1]
    with sending(tmp_path / "network", allowed_networks="127.0.0.1/32", port=1) as room:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"):
            assert send_raw(room, f"http://{host}:{port}/").delivery.status == "success"
        assert send_raw(room, f"http://127.0.0.2:{port}/").last.error_code == "address_blocked"
    with sending(tmp_path / "host", allowed_networks=(), allowed_hosts="LocalHost.", port=1) as room:
        for host in ("localhost", "localhost.", "LOCALHOST"):
            assert send_raw(room, f"http://{host}:{port}/").delivery.status == "success"
        for host in ("127.0.0.1", "127.0.0.2", "a.localhost"):
            assert send_raw(room, f"http://{host}:{port}/").last.error_code == "address_blocked"
    assert len(receiver.requests) == 7


OWN = {
    "/inspect/demo": True,
    "/inspect/demo/deeper?x=1": True,
    "/inspect/a.b_c-d/": True,
    "/": False,
    "/login": False,
    "/api/v1/modules": False,
    "/inspect": False,
    "/inspect/": False,
    "/inspector/demo": False,
    "/inspect/../api/v1/modules": False,
    "/inspect/..": False,
    "/inspect/demo/../../login": False,
    "/inspect/./demo": False,
    "/inspect/%2e%2e/login": False,
    "/inspect/demo/%2E%2E/%2e%2e/login": False,
    "/inspect/demo/%252e%252e/%252e%252e/login": False,
    "/inspect/demo/..%2f..%2flogin": False,
    "/inspect/demo/..%5c..%5clogin": False,
    "/inspect/demo\\..\\..\\login": False,
    "/inspect/demo/..;/..;/login": False,
    "/inspect//login": False,
    "/inspect/%2flogin": False,
    "//inspect/demo": False,
    "/Inspect/demo": False,
    "/api/../inspect/demo": False,
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sending, Receiver]]:
    """An installation and, at its own address, a server that notes what reaches it."""
    receiver = Receiver()
    port = int(receiver.url.rsplit(":", 1)[1])
    try:
        with sending(tmp_path_factory.mktemp("own"), allowed_networks=(), port=port) as room:
            yield room, receiver
    finally:
        receiver.close()


@pytest.mark.parametrize("path", OWN)
def test_of_the_application_itself_the_inspector_is_reached_and_nothing_else(
    path: str, own: tuple[Sending, Receiver]
) -> None:
    room, receiver = own
    before = len(receiver.requests)
    logged = send_raw(room, f"{room.settings.address}{path}")
    if OWN[path]:
        assert logged.delivery.status == "success", logged.last.error
    else:
        assert (logged.delivery.status, logged.last.error_code) == ("failed", "address_blocked"), logged.last.error
    assert len(receiver.requests) - before == OWN[path]


def test_the_inspector_does_not_lead_further_into_the_application(own: tuple[Sending, Receiver]) -> None:
    room, receiver = own
    before = len(receiver.requests)
    for number, location in enumerate(("/login", "/inspect/other", f"{room.settings.address}/api/v1/modules")):
        receiver.answers = [Answer(307, b"", {"Location": location})]
        logged = send_raw(room, f"{room.settings.address}/inspect/demo", follow_redirects=True)
        assert (logged.delivery.status, logged.last.error_code) == ("failed", "address_blocked")
        assert len(receiver.requests) - before == number + 1


def test_another_port_or_name_of_the_own_host_is_not_the_own_address(own: tuple[Sending, Receiver], trap: Trap) -> None:
    room, receiver = own
    before = len(receiver.requests)
    port = room.settings.port
    urls = (
        f"http://127.0.0.1:{trap.port}/inspect/demo", f"http://localhost:{port}/inspect/demo",
        f"http://127.1:{port}/inspect/demo", f"http://127.0.0.2:{port}/inspect/demo", f"https://127.0.0.1:{port}/inspect/demo",
    )  # fmt: skip
    for url in urls:
        logged = send_raw(room, url)
        assert (logged.delivery.status, logged.last.error_code) == ("failed", "address_blocked"), url
    assert len(receiver.requests) == before
    assert trap.connections == 0
