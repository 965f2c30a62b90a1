"""Access tokens of OAuth 2 client credentials (RFC 6749 section 4.4), by Authlib, kept until they expire (SPEC section 4.4)."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from webhookui.delivery import diagnosis
from webhookui.delivery.transport import Interrupted, Outgoing, Transport
from webhookui.webhooks.authorization import secrets_in
from webhookui.webhooks.definition import Authorization
from webhookui.webhooks.redaction import redaction

EARLY_S = 30
"""A token is renewed so many seconds before it expires."""
UNTOLD_LIFETIME_S = 300.0
"""How long a token is taken to be good when its answer does not say."""


class TokenRefused(Exception):
    """No token was given. `advice` says what to do; `ends`: retrying can't help."""

    def __init__(self, message: str, advice: str, ends: bool = False) -> None:
        super().__init__(message)
        self.advice = advice
        self.ends = ends


@dataclass(frozen=True)
class _Token:
    value: str
    expires: float


class OAuthTokens:
    """Fetches and keeps tokens. One for a process; threads share it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._locks: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)
        """One for each token, so that a token URL that hangs holds up nobody else."""
        self._tokens: dict[tuple[str, ...], _Token] = {}

    def get(self, authorization: Authorization, end: float) -> str:
        """A token, within the time until `end` (monotonic seconds). Raises TokenRefused."""
        key = _key(authorization)
        lock = self._locks[key]
        if not lock.acquire(timeout=max(0.0, end - time.monotonic())):
            raise TokenRefused("No access token in time: the token URL did not answer.", _ADVICE)
        try:
            known = self._tokens.get(key)
            if known is not None and known.expires > time.monotonic():
                return known.value
            fresh = self._fetch(authorization, max(0.0, end - time.monotonic()))
            self._tokens[key] = fresh
            return fresh.value
        finally:
            lock.release()

    def forget(self, authorization: Authorization) -> None:
        """After a 401: the next attempt asks for a new token."""
        if authorization.type == "oauth2":
            self._tokens.pop(_key(authorization), None)

    def _fetch(self, authorization: Authorization, within_s: float) -> _Token:
        url = authorization.token_url or ""
        with OAuth2Session(
            authorization.client_id, authorization.secrets.get("client_secret"), scope=authorization.scope or None
        ) as session:
            session.trust_env = False
            for scheme in ("http://", "https://"):
                session.mount(scheme, _ThroughTransport(self._transport, within_s))
            try:
                return _token_of(session.fetch_token(url, grant_type="client_credentials", allow_redirects=False))
            except Interrupted:
                raise
            except requests.RequestException as error:
                clean = redaction(secrets_in(authorization)).text
                found = diagnosis.of_exception(
                    error, host=urlsplit(url).hostname or url, timeout_s=within_s, clean=clean
                )
                raise TokenRefused(f"No access token: {found.error}", found.advice, found.ends) from error
            except Exception as error:
                raise TokenRefused(f"The token URL gave no access token: {error}", _ADVICE) from error


def _token_of(answer: Mapping[str, Any]) -> _Token:
    """Raises ValueError for an answer that is none of RFC 6749 section 5.1, or a token that no header can carry."""
    value = answer.get("access_token")
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueError("its answer has no access_token that can be sent.")
    lifetime = answer.get("expires_in")
    seconds = float(lifetime) if lifetime is not None else UNTOLD_LIFETIME_S
    return _Token(value, time.monotonic() + max(1.0, seconds - EARLY_S))


_ADVICE = "Check the token URL, the client id and its secret."


class _ThroughTransport(BaseAdapter):
    """Sends what Authlib prepared the way everything is sent: to public addresses, within a time and a size."""

    def __init__(self, transport: Transport, within_s: float) -> None:
        super().__init__()
        self._transport = transport
        self._within_s = within_s

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        kept = [(name, str(value)) for name, value in request.headers.items() if name.lower() not in _OWN_HEADERS]
        answer = self._transport.exchange(
            Outgoing(request.method or "POST", request.url or "", kept, body, self._within_s)  # type: ignore[arg-type]
        )
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers = CaseInsensitiveDict(answer.headers)
        response.url = answer.url
        response.request = request
        response._content = answer.body
        return response

    def close(self) -> None:
        """The transport is not ours to close."""


_OWN_HEADERS = {"accept-encoding", "connection", "content-length", "user-agent"}


def _key(authorization: Authorization) -> tuple[str, ...]:
    secret = authorization.secrets.get("client_secret") or ""
    return (authorization.token_url or "", authorization.client_id or "", secret, authorization.scope or "")
