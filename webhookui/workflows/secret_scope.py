"""Where a stored secret may go: when that changes, it must be typed again (SPEC section 4.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SECRET_KEYS: Mapping[str, str] = {
    "basic": "password",
    "bearer": "token",
    "api_key": "value",
    "oauth2": "client_secret",
}
"""Type of authorization → key of its secret."""

AMBIGUOUS = set("{}@\\")
"""In the place of a host: a template, or what programs disagree about where the host begins or ends."""

DEFAULT_PORTS = {"http": "80", "https": "443"}


def secret_scope(definition: Mapping[str, Any]) -> tuple[str, ...]:
    """The scheme, host and port, as written, of every URL that the action's secret is sent to."""
    authorization = definition.get("authorization")
    token_url = authorization.get("token_url") if isinstance(authorization, Mapping) else None
    kind = authorization.get("type") if isinstance(authorization, Mapping) else None
    return origin_as_written(definition.get("url")), origin_as_written(token_url) if kind == "oauth2" else ""


def origin_as_written(url: Any) -> str:
    """scheme://host:port, in lower case, of a URL that may hold placeholders.

    When a template takes part in it, the whole URL is the answer: what such a text comes to can't be told from a part
    of it, and too much typing is better than a secret in a stranger's hands.
    """
    text = url.strip() if isinstance(url, str) else ""
    match = re.fullmatch(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", text, re.DOTALL)
    if match is None or AMBIGUOUS & set(match[2]):
        return text
    scheme, authority = match[1].lower(), match[2].lower()
    host, colon, port = authority.rpartition(":")
    if not colon or "]" in port:
        host, port = authority, ""
    return f"{scheme}://{host}:{port or DEFAULT_PORTS.get(scheme, '')}"
