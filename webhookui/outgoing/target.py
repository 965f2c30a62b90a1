"""Where a URL leads, read the way the connection will be made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

import idna
import requests

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Target:
    """Where a URL leads: `host` in ASCII and lower case, without brackets; `netloc` as the Host header spells it."""

    scheme: str
    host: str
    port: int
    netloc: str
    url: str


_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]*:[0-9a-f:.]*")


@lru_cache(maxsize=4096)
def target_of(url: str) -> Target:
    """Reads a URL the way the connection will be made. Raises InvalidURL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        # No word of the URL itself, here and below: it may hold the key of an authorization in its query.
        raise requests.exceptions.InvalidURL(f"{error}.") from None
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise requests.exceptions.InvalidURL("It does not start with http:// or https://.")
    if "@" in parts.netloc or "\\" in parts.netloc:  # other programs would read another host out of it
        raise requests.exceptions.InvalidURL("It has a user name or a backslash before the path.")
    host = _ascii(parts.hostname or "")
    if not _HOST.fullmatch(host):
        raise requests.exceptions.InvalidURL(f"“{parts.hostname or ''}” is not a valid host name.")
    netloc = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
    if parts.netloc.isascii():
        netloc = parts.netloc
    return Target(scheme, host, port or DEFAULT_PORTS[scheme], netloc, urlunsplit(parts._replace(netloc=netloc)))


def _ascii(host: str) -> str:
    """The name as DNS knows it (UTS 46), which also reads digits and dots of other scripts as what they stand for."""
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True).decode("ascii").lower()
    except idna.IDNAError as error:
        raise requests.exceptions.InvalidURL(f"“{host}” is not a valid host name: {error}.") from error


def same_origin(target: Target, other: Target) -> bool:
    return (target.scheme, target.host, target.port) == (other.scheme, other.host, other.port)
