"""Where a URL leads, read the way the connection will be made."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

import requests

from webhookui.core.urls import DEFAULT_PORTS, ascii_host, url_problem


@dataclass(frozen=True)
class Target:
    """Where a URL leads: `host` in ASCII and lower case, without brackets; `netloc` as the Host header spells it."""

    scheme: str
    host: str
    port: int
    netloc: str
    url: str


@lru_cache(maxsize=4096)
def target_of(url: str) -> Target:
    """Reads a URL the way the connection will be made. Raises InvalidURL."""
    problem = url_problem(url)
    if problem:
        # No word of the URL but its host: it may hold the key of an authorization in its query.
        raise requests.exceptions.InvalidURL(problem[0].upper() + problem[1:])
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), ascii_host(parts.hostname or "").lower()
    netloc = host if parts.port is None else f"{host}:{parts.port}"
    if parts.netloc.isascii():
        netloc = parts.netloc
    whole = urlunsplit(parts._replace(netloc=netloc))
    return Target(scheme, host.strip("[]"), parts.port or DEFAULT_PORTS[scheme], netloc, whole)


def same_origin(target: Target, other: Target) -> bool:
    return (target.scheme, target.host, target.port) == (other.scheme, other.host, other.port)
