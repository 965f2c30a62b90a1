"""How each authorization goes into a request (specification section 4.4)."""

import base64
from collections.abc import Callable, Mapping
from urllib.parse import quote_plus

from webhookui.core.urls import with_query
from webhookui.webhooks.definition import AUTHORIZATIONS, MASK, Authorization
from webhookui.webhooks.request import Request


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


APPLY: Mapping[str, Callable[[Request, Authorization, str], Request]] = {
    "none": lambda request, _authorization, _secret: request,
    "basic": _basic,
    "bearer": _bearer,
    "api_key": _api_key,
    "oauth2": _bearer,
}
"""Type → the request with it. The last argument: its secret, or the access token."""


def authorize(request: Request, authorization: Authorization, token: str | None = None) -> Request:
    """The request with its authorization. `token`: the access token, for OAuth 2."""
    secret = token if authorization.type == "oauth2" else secret_of(authorization)
    return APPLY[authorization.type](request, authorization, secret or "")


def mask(request: Request, authorization: Authorization) -> Request:
    """An authorized (or plain) request with its secret masked, for the log."""
    if authorization.type == "api_key" and authorization.in_ == "query":
        secret = quote_plus(secret_of(authorization))
        name = quote_plus(authorization.name)
        if secret:
            url = request.url.replace(f"{name}={secret}", f"{name}={MASK}")
            return Request(request.method, url, request.headers, request.body, request.notes)
        return request
    return APPLY[authorization.type](request, authorization, MASK)


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


def secret_of(authorization: Authorization) -> str:
    return authorization.secrets.get(AUTHORIZATIONS[authorization.type].secret or "") or ""
