"""Networks and hosts that an admin allows besides public addresses, in Settings → Network (specification section 9, SSRF)."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from webhookui.core.database import Database
from webhookui.core.urls import ascii_host
from webhookui.people import audit, stored_settings
from webhookui.people.stored_settings import InvalidSetting
from webhookui.people.tables import User
from webhookui.settings import Network

KEY = "network"
MOST = 200
"""Entries of each list."""


@dataclass(frozen=True)
class Allowances:
    """`hosts`: in lower case, without a dot at the end; they may resolve to whatever they do."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()


def stored(session: Session) -> Allowances:
    value = stored_settings.value(session, KEY) or {}
    networks = tuple(map(ipaddress.ip_network, value.get("networks", ())))
    return Allowances(networks, frozenset(value.get("hosts", ())))


def save(session: Session, networks: str, hosts: str, by: User) -> None:
    """Texts with an entry a line. Raises InvalidSetting."""
    errors: dict[str, str] = {}
    value = {
        "networks": _entries("networks", networks, _network, errors),
        "hosts": _entries("hosts", hosts, _host, errors),
    }
    if errors:
        raise InvalidSetting(errors)
    before = stored_settings.value(session, KEY) or {"networks": [], "hosts": []}
    changes = audit.difference(before, value)
    details = {name: [", ".join(part) for part in parts] for name, parts in changes.items()}
    stored_settings.save(session, KEY, value if any(value.values()) else None, "Network", details, by)


@dataclass
class StoredAllowances:
    """What is stored, as it stands at the moment of asking: read again when it has moved."""

    db: Database
    _kept: tuple[int, Allowances] = field(default=(-1, Allowances()))

    def __call__(self) -> Allowances:
        revision, kept = self._kept
        current = self.db.committed_revision(stored_settings.REVISION, revision)
        if current != revision or revision < 0:
            with self.db.read() as session:
                kept = stored(session)
            self._kept = (max(current, 0), kept)
        return kept


def _entries(name: str, text: str, read: Callable[[str], str], errors: dict[str, str]) -> list[str]:
    entries: list[str] = []
    problems: list[str] = []
    for line in text.replace(",", "\n").splitlines():
        try:
            entries += [read(line.strip())] if line.strip() else []
        except ValueError as error:
            problems.append(str(error))
    if len(entries) > MOST:
        problems.append(f"At most {MOST} entries.")
    if problems:
        errors[name] = " ".join(problems[:5])
    return list(dict.fromkeys(entries))


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"“{text[:60]}” is not a network such as 10.1.0.0/16 or 192.168.7.20.") from None
    if ipaddress.ip_interface(text).ip != network.network_address:
        raise ValueError(f"“{text[:60]}” is an address within a network; that network is {network}.")
    if network.prefixlen == 0:
        raise ValueError(
            f"“{text[:60]}” would allow every address, this machine and the cloud's metadata among them: name the networks."
        )
    return str(network)


def _host(text: str) -> str:
    host = ascii_host(text.rstrip(".")).lower() if ":" not in text and "/" not in text else ""
    if not host:
        raise ValueError(
            f"“{text[:60]}” is not the name of a host such as erp.internal.example (without https:// and port)."
        )
    if host.replace(".", "").isdigit():
        raise ValueError(f"“{text[:60]}” is an address: enter it under Networks.")
    return host
