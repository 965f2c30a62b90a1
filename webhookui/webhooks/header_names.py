"""Names of headers that a webhook may set: in a header row, and for an API key (specification sections 4 and 4.4)."""

import re
from collections.abc import Mapping

HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""A token of RFC 9110 section 5.6.2."""

_FOLLOWS_FROM_BODY = "it follows from the body"
_ONE_CONNECTION = "it concerns a single connection, and webhookui manages those"
_PROXY = "it is meant for a proxy, not for the receiver"
_SIGNATURE = "the signature sets it"
RESERVED_HEADERS: Mapping[str, str] = {
    "host": "it is the host of the URL",
    "content-length": _FOLLOWS_FROM_BODY,
    "transfer-encoding": _FOLLOWS_FROM_BODY,
    "trailer": "a body has no trailer section",
    "expect": "the body is sent at once, without waiting for a 100",
    "connection": _ONE_CONNECTION,
    "keep-alive": _ONE_CONNECTION,
    "te": _ONE_CONNECTION,
    "upgrade": _ONE_CONNECTION,
    "http2-settings": _ONE_CONNECTION,
    "proxy-connection": _PROXY,
    "proxy-authenticate": _PROXY,
    "proxy-authorization": _PROXY,
    "webhook-id": "each delivery has its own",
    "webhook-timestamp": _SIGNATURE,
    "webhook-signature": _SIGNATURE,
}
"""Name in lower case → why nobody can set it: what frames the request, what concerns a single hop (RFC 9110 section 7.6.1),
and what the product sends."""


def header_name_problem(name: str) -> str:
    """Why a header can't have this name; empty when it can."""
    if not HEADER_NAME.fullmatch(name):
        return f"“{name}” is not a valid header name: use letters, digits and hyphens."
    why = RESERVED_HEADERS.get(name.lower())
    return f"{name} can't be set: {why}." if why else ""
