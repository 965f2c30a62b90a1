"""Where requests may go: public addresses, and what an admin has allowed besides (specification section 9, SSRF).

The check sits where the connection is made: a name is looked up, every address it has is judged, and the connection goes
to one of those. What a URL looks like plays no part.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import unquote, urlsplit

import requests

from webhookui.outgoing.allowances import Allowances
from webhookui.outgoing.resolver import Address, Resolver
from webhookui.settings import Network

NAT64 = ipaddress.ip_network("64:ff9b::/96")
COMPATIBLE = ipaddress.ip_network("::/96")
TRANSLATED = ipaddress.ip_network("::ffff:0:0:0/96")
CLOUDS = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "192.80.8.124/32")))
"""Public by their range, and yet a machine's own cloud: Azure's wire server, Equinix Metal's metadata. Those of other clouds
(169.254.169.254, 100.100.100.200, 192.0.0.192, fd00:ec2::254 …) are in ranges that are not public."""
SPECIAL = tuple(
    map(ipaddress.ip_network, ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "2001:20::/28", "3fff::/20"))
)
"""Of special purpose by IANA's registries (RFC 6890), which some versions of Python take for global: shared address space,
protocol assignments, 6to4 relays, ORCHIDv2, documentation."""
ISATAP = (0x00005EFE, 0x02005EFE)
"""Third quarter of an IPv6 address whose last one is an IPv4 address (RFC 5214 section 6.1)."""
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All that has been given out of IPv6 so far; whatever is outside is not public, whatever becomes of it."""


class AddressBlocked(requests.RequestException):
    """The address is not public and not allowed. `host` is the name asked for, `address` what it stands for."""

    words = "Nothing was sent: {it} not a public address."

    def __init__(self, host: str, address: Address) -> None:
        it = f"{host} is" if host == str(address) else f"{host} is {address}, which is"
        super().__init__(self.words.format(it=it))
        self.host = host
        self.address = address


class RedirectBlocked(AddressBlocked):
    """A redirect leads to such an address."""

    words = "The redirect was not followed: {it} not a public address."


def embedded(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, compatible, translated, NAT64, 6to4, ISATAP), or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    is_isatap = int(address) >> 32 & 0xFFFFFFFF in ISATAP
    if is_isatap or address in NAT64 or address in TRANSLATED or (address in COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


@lru_cache(maxsize=4096)
def is_public(address: Address) -> bool:
    """Whether everybody may be sent there: globally routable, no multicast, and what it embeds is public as well."""
    inner = embedded(address)
    if inner is not address and not is_public(inner):
        return False
    if inner is address and any(address in network for network in (*SPECIAL, *CLOUDS)):
        return False
    if inner.version == 6 and inner not in GLOBAL_UNICAST:
        return False
    return inner.is_global and not inner.is_multicast and not inner.is_reserved and not inner.is_unspecified


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether the address, or the one that it embeds, is in one of the networks."""
    candidates = {address, embedded(address)}
    return any(
        candidate in network for network in networks for candidate in candidates if candidate.version == network.version
    )


@dataclass(frozen=True)
class AddressPolicy:
    """Networks and host names that are allowed besides the public ones; `own` are (host, port) of this application; `stored` says
    what else is allowed at this moment, and is asked only about what would be refused without it."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    own: frozenset[tuple[str, int]] = frozenset()
    stored: Callable[[], Allowances] = field(default=Allowances, compare=False)
    resolver: Resolver = field(default_factory=Resolver, compare=False)

    def allows(self, address: Address) -> bool:
        return is_public(address) or is_within(address, self.networks)

    def pin(self, host: str, port: int, *, within_s: float, own: bool = False) -> tuple[Address, ...]:
        """The addresses to connect to, the best first. `own`: a request to the app's own inspector.

        Raises AddressBlocked, NameNotFound, NameSlow.
        """
        addresses = self.resolver.addresses(host, within_s)
        name = host.rstrip(".").lower()
        if name in self.hosts or (own and (host.lower(), port) in self.own):
            return addresses
        refused = [address for address in addresses if not self.allows(address)]
        if refused:
            stored = self.stored()
            refused = [address for address in refused if not is_within(address, stored.networks)]
            if refused and name not in stored.hosts:
                raise AddressBlocked(host, refused[0])
        return addresses


_INSPECTOR_PATH = re.compile(r"/inspect/[A-Za-z0-9]")


def is_inspector(url: str, address: str) -> bool:
    """Whether a URL leads to the inspector of the application at `address` and, whoever reads it, nowhere else there.

    A path that a proxy on the way may fold together (`/inspect/../api`, encoded or not) does not.
    """
    if not url.startswith(address + "/inspect/"):
        return False
    path = urlsplit(url).path[len(urlsplit(address).path) :]
    if not _INSPECTOR_PATH.match(path):
        return False
    plain = unquote(unquote(path)).replace("\\", "/")
    return not any(segment.split(";")[0].strip() in (".", "..") for segment in plain.split("/"))
