"""Where requests may go: judged at the connection, whatever the URL looks like (specification section 9)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

import pytest

from tests.support.raw_server import answer, raw_server, read_request
from webhookui.outgoing import diagnosis, resolver
from webhookui.outgoing.address_policy import AddressBlocked, AddressPolicy, is_public
from webhookui.outgoing.http_client import Outgoing, Transport
from webhookui.outgoing.resolver import NameNotFound

NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "192.0.0.1", "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1",
    "100::1", "2001:db8::1", "2002:7f00:1::", "fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]

SPELLINGS = [
    "http://127.0.0.1:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/", "http://0x7f.1:{port}/", "http://0:{port}/", "http://0.0.0.0:{port}/",
    "http://localhost:{port}/", "http://LOCALHOST:{port}/", "http://localhost.:{port}/",
    "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/", "http://[0:0:0:0:0:ffff:127.0.0.1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/",
    "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_allowed(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.fixture
def listening() -> Iterator[tuple[int, list[int]]]:
    """A loopback server that counts its connections: it must never see one."""
    connections: list[int] = []

    def serve(connection: socket.socket, number: int) -> None:
        connections.append(number)
        read_request(connection)
        connection.sendall(answer(b"reached"))

    with raw_server(serve) as url:
        yield int(url.rsplit(":", 1)[1].strip("/")), connections


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_is_refused_before_a_connection_is_made(spelling: str, listening: tuple[int, list[int]]) -> None:
    port, connections = listening
    transport = Transport(AddressPolicy(), read_limit=65536, connections=1)
    with pytest.raises((AddressBlocked, NameNotFound)) as caught:
        transport.exchange(Outgoing("GET", spelling.format(port=port), (), None, 5.0))
    assert connections == []
    if isinstance(caught.value, AddressBlocked):
        diagnosed = diagnosis.of_exception(caught.value, host="h", timeout_s=5)
        assert diagnosed.ends
        assert "Settings → Network" in diagnosed.advice


def test_a_name_that_changes_between_two_look_ups_is_judged_where_it_connects(
    listening: tuple[int, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The resolver is replaced because no name server of ours can answer twice differently for a public name."""
    port, connections = listening
    look_ups = 0

    def changing(host: str, port: int, *args: object, **kwargs: object) -> list[object]:
        nonlocal look_ups
        look_ups += 1
        address = "127.0.0.1" if look_ups == 1 else "93.184.216.34"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(resolver.socket, "getaddrinfo", changing)
    with pytest.raises(AddressBlocked):
        Transport(AddressPolicy(), read_limit=65536, connections=1).exchange(
            Outgoing("GET", f"http://rebind.example:{port}/", (), None, 5.0)
        )
    assert look_ups == 1
    assert connections == []


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(resolver.socket, "getaddrinfo", lambda *a, **k: both)
    with pytest.raises(AddressBlocked):
        AddressPolicy().pin("both.example", 80, within_s=5)


def test_a_redirect_to_a_private_address_is_checked_like_a_first_request(listening: tuple[int, list[int]]) -> None:
    port, connections = listening

    def serve(connection: socket.socket, _number: int) -> None:
        read_request(connection)
        connection.sendall(answer(status="302 Found", headers=f"Location: http://127.0.0.2:{port}/\r\n"))

    only_one = AddressPolicy(networks=(ipaddress.ip_network("127.0.0.1/32"),))
    with raw_server(serve) as url, pytest.raises(AddressBlocked):
        Transport(only_one, read_limit=65536, connections=1).exchange(
            Outgoing("GET", url, (), None, 5.0, follow_redirects=True)
        )
    assert connections == []


def test_an_allowed_network_is_reached(listening: tuple[int, list[int]]) -> None:
    port, connections = listening
    policy = AddressPolicy(networks=(ipaddress.ip_network("127.0.0.0/8"),))
    got = Transport(policy, read_limit=65536, connections=1).exchange(
        Outgoing("GET", f"http://[::ffff:127.0.0.1]:{port}/", (), None, 5.0)
    )
    assert got.body == b"reached"
    assert connections == [1]


def test_an_allowed_host_is_reached_whatever_it_resolves_to(listening: tuple[int, list[int]]) -> None:
    port, _ = listening
    policy = AddressPolicy(hosts=frozenset({"localhost"}))
    transport = Transport(policy, read_limit=65536, connections=1)
    assert transport.exchange(Outgoing("GET", f"http://localhost:{port}/", (), None, 5.0)).body == b"reached"


def test_the_own_address_is_reached_only_by_requests_to_the_inspector(listening: tuple[int, list[int]]) -> None:
    port, _ = listening
    policy = AddressPolicy(own=frozenset({("127.0.0.1", port)}))
    transport = Transport(policy, read_limit=65536, connections=1)
    url = f"http://127.0.0.1:{port}/"
    assert transport.exchange(Outgoing("GET", url, (), None, 5.0, own=True)).body == b"reached"
    with pytest.raises(AddressBlocked):
        transport.exchange(Outgoing("GET", url, (), None, 5.0))
