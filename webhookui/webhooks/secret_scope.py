"""The addresses that secrets were typed for (specification section 4.4).

They are kept with the secrets. When an edit gives the webhook another one, the secrets must be typed again; and nothing secret
is put onto a request that goes anywhere else, whatever the webhook says by then.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from webhookui.core.urls import DEFAULT_PORTS, LITERAL_TAIL

AMBIGUOUS = set("{}@\\")
"""In the place of a host: a template, or what programs disagree about where the host begins or ends."""


class SecretElsewhere(Exception):
    """A secret was about to go to an address that it was not typed for. The text is for people and names no secret."""


class SecretScope(NamedTuple):
    """Where a webhook's secrets may go, as `origin_as_written` writes it. `token_url`: of OAuth 2, else empty."""

    url: str
    token_url: str


def secret_scope(definition: Mapping[str, Any]) -> SecretScope:
    """The scheme, host and port, as written, of every URL that the action's secrets are sent to."""
    authorization = definition.get("authorization")
    token_url = authorization.get("token_url") if isinstance(authorization, Mapping) else None
    kind = authorization.get("type") if isinstance(authorization, Mapping) else None
    return SecretScope(
        origin_as_written(definition.get("url")), origin_as_written(token_url) if kind == "oauth2" else ""
    )


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


def host_pattern(written: str) -> tuple[str, str, int] | None:
    """(scheme, end of the host, port) of an origin whose host begins with a placeholder; None when that is not written out."""
    match = re.match(r"(https?)://([^/?#]*)", written, re.IGNORECASE)
    tail = match[2].rpartition("}")[2].lower() if match and "}" in match[2] else ""
    if match is None or not LITERAL_TAIL.fullmatch(tail):
        return None
    host, _, port = tail.partition(":")
    return match[1].lower(), host, int(port or DEFAULT_PORTS[match[1].lower()])
