"""Authorizations, one entry each (specification section 4.4): which keys they have, which of them are secret,
how they are sent."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

from webhookui.core.urls import with_query
from webhookui.webhooks.definition import MASK, Authorization
from webhookui.webhooks.request import Request


@dataclass(frozen=True)
class Kind:
    """One type of authorization. `plain` and `secret`: keys of the document. `apply(request, authorization, token)`."""

    name: str
    label: str
    plain: tuple[str, ...]
    secret: str | None
    apply: Callable[[Request, Authorization, str], Request]


def _with_header(request: Request, name: str, value: str) -> Request:
    kept = tuple(header for header in request.headers if header[0].lower() != name.lower())
    return Request(request.method, request.url, (*kept, (name, value)), request.body, request.notes)


def _basic(request: Request, authorization: Authorization, secret: str) -> Request:
    pair = f"{authorization.username}:{secret}".encode()
    value = MASK if MASK in (secret, authorization.username) else base64.b64encode(pair).decode()
    return _with_header(request, "Authorization", f"Basic {value}")


def _bearer(request: Request, _authorization: Authorization, secret: str) -> Request:
    return _with_header(request, "Authorization", f"Bearer {secret}")


def _api_key(request: Request, authorization: Authorization, secret: str) -> Request:
    if authorization.in_ != "query":
        return _with_header(request, authorization.name, secret)
    value = secret if secret == MASK else quote_plus(secret)
    url = with_query(request.url, f"{quote_plus(authorization.name)}={value}")
    return Request(request.method, url, request.headers, request.body, request.notes)


OAUTH2_KEYS = ("token_url", "client_id", "client_authentication", "scope", "audience")
CLIENT_AUTHENTICATIONS = {"basic": "in an Authorization header", "body": "in the body"}
"""How the client id and its secret go to a token URL (RFC 6749 section 2.3.1)."""

AUTHORIZATIONS: dict[str, Kind] = {
    authorization.name: authorization
    for authorization in (
        Kind("none", "No Authentication", (), None, lambda request, _authorization, _secret: request),
        Kind("basic", "Basic Authentication", ("username",), "password", _basic),
        Kind("bearer", "Bearer token", (), "token", _bearer),
        Kind("api_key", "API key", ("in", "name"), "value", _api_key),
        Kind("oauth2", "OAuth 2 client credentials", OAUTH2_KEYS, "client_secret", _bearer),
    )
}


def authorize(request: Request, authorization: Authorization, token: str | None = None) -> Request:
    """The request with its authorization. `token`: the access token, for OAuth 2."""
    kind = AUTHORIZATIONS[authorization.type]
    secret = token if authorization.type == "oauth2" else secret_of(authorization)
    return kind.apply(request, authorization, secret or "")


def mask(request: Request, authorization: Authorization) -> Request:
    """An authorized (or plain) request with its secret masked, for the log."""
    kind = AUTHORIZATIONS[authorization.type]
    if authorization.type == "api_key" and authorization.in_ == "query":
        secret = quote_plus(secret_of(authorization))
        name = quote_plus(authorization.name)
        if secret:
            url = request.url.replace(f"{name}={secret}", f"{name}={MASK}")
            return Request(request.method, url, request.headers, request.body, request.notes)
        return request
    return kind.apply(request, authorization, MASK)


def secrets_in(authorization: Authorization, token: str | None = None) -> tuple[str, ...]:
    """Every text in which the secret goes out. `token`: the access token, for OAuth 2."""
    name = authorization.username if authorization.type == "basic" else None
    secrets = [secret for secret in authorization.secrets.values() if secret]
    if secrets and authorization.type == "oauth2":
        secrets.append(basic_of_client(authorization))
    elif secrets and name is not None:
        secrets.append(base64.b64encode(f"{name}:{secret_of(authorization)}".encode()).decode())
    return (*secrets, *([token] if token else []))


def basic_of_client(authorization: Authorization) -> str:
    """Client id and secret for a Basic header, each form-encoded first (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(authorization.client_id)}:{quote_plus(secret_of(authorization))}"
    return base64.b64encode(pair.encode()).decode()


def secrets_of_basic(username: str, password: str | None) -> dict[str, str | None]:
    """What of the two is secret. A user name without a password is the key itself, as of Stripe; it is kept like one."""
    return {"username": username, "password": ""} if password == "" else {"password": password}


def secret_of(authorization: Authorization) -> str:
    secrets: Mapping[str, str | None] = authorization.secrets
    return secrets.get(AUTHORIZATIONS[authorization.type].secret or "") or ""
