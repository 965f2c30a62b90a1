"""Where requests may go: public addresses, and what an admin has allowed besides (SPEC section 9, SSRF).

The check sits where the connection is made: a name is looked up once, every address it has is judged, and the
connection goes to an address that was judged. What a URL looks like plays no part.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import requests
from requests_hardened.ip_filter import EXTRA_BLOCKED_NET_RANGES

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAT64 = ipaddress.ip_network("64:ff9b::/96")
COMPATIBLE = ipaddress.ip_network("::/96")


class AddressBlocked(requests.RequestException):
    """The address is not public and not allowed. `host` is the name asked for, `address` what it stands for."""

    def __init__(self, host: str, address: Address) -> None:
        super().__init__(f"{host} is {address}, which is not a public address.")
        self.host = host
        self.address = address


class NameNotFound(requests.ConnectionError):
    """The host's name can't be looked up."""


def embedded(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4), or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether everybody may be sent there: globally routable, no multicast, and what it embeds is public as well."""
    inner = embedded(address)
    if inner is not address and not is_public(inner):
        return False
    if inner is address and any(address in network for network in EXTRA_BLOCKED_NET_RANGES):
        return False
    return inner.is_global and not inner.is_multicast and not inner.is_reserved and not inner.is_unspecified


@dataclass(frozen=True)
class AddressPolicy:
    """Networks and host names that are allowed besides the public ones; `own` are (host, port) of this application."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    own: frozenset[tuple[str, int]] = frozenset()

    def allows(self, address: Address) -> bool:
        return is_public(address) or any(
            candidate in network
            for network in self.networks
            for candidate in {address, embedded(address)}
            if candidate.version == network.version
        )

    def pin(self, host: str, port: int, *, own: bool = False) -> str:
        """The address to connect to. Raises AddressBlocked or NameNotFound. `own`: a request to the app's own inspector."""
        addresses = list(_look_up(host, port))
        trusted = host.rstrip(".").lower() in self.hosts or (own and (host.lower(), port) in self.own)
        if not trusted:
            for address in addresses:
                if not self.allows(address):
                    raise AddressBlocked(host, address)
        first = addresses[0]
        return f"[{first}]" if first.version == 6 else str(first)


def _look_up(host: str, port: int) -> Iterable[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameNotFound(f"The name {host} was not found.") from error
    for family, _kind, _protocol, _name, address in found:
        if family in (socket.AF_INET, socket.AF_INET6):
            yield ipaddress.ip_address(str(address[0]).partition("%")[0])
