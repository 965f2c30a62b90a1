"""Access tokens of OAuth 2 client credentials (RFC 6749 section 4.4), by Authlib, kept until they expire (SPEC section 4.4)."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from authlib.integrations.requests_client import OAuth2Session

from webhookui.delivery import diagnosis
from webhookui.delivery.addresses import AddressPolicy
from webhookui.delivery.transport import GuardedAdapter
from webhookui.webhooks.definition import Authorization

TIMEOUT_S = 10
EARLY_S = 30
"""A token is renewed so many seconds before it expires."""
UNTOLD_LIFETIME_S = 300.0
"""How long a token is taken to be good when its answer does not say."""


class TokenRefused(Exception):
    """No token was given. `advice` says what to do."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


@dataclass(frozen=True)
class _Token:
    value: str
    expires: float


class OAuthTokens:
    """Fetches and keeps tokens. One for a process; threads share it."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._locks: defaultdict[tuple[str, ...], threading.Lock] = defaultdict(threading.Lock)
        """One for each token, so that a token URL that hangs holds up nobody else."""
        self._tokens: dict[tuple[str, ...], _Token] = {}

    def get(self, authorization: Authorization) -> str:
        """Raises TokenRefused."""
        key = _key(authorization)
        with self._locks[key]:
            known = self._tokens.get(key)
            if known is not None and known.expires > time.monotonic():
                return known.value
            fresh = self._fetch(authorization)
            self._tokens[key] = fresh
            return fresh.value

    def forget(self, authorization: Authorization) -> None:
        """After a 401: the next attempt asks for a new token."""
        if authorization.type == "oauth2":
            self._tokens.pop(_key(authorization), None)

    def _fetch(self, authorization: Authorization) -> _Token:
        url = authorization.token_url or ""
        with OAuth2Session(
            authorization.client_id, authorization.secrets.get("client_secret"), scope=authorization.scope or None
        ) as session:
            session.trust_env = False
            for scheme in ("http", "https"):
                session.mount(f"{scheme}://", GuardedAdapter(self._policy, https=scheme == "https", connections=1))
            try:
                return _token_of(
                    session.fetch_token(url, grant_type="client_credentials", timeout=TIMEOUT_S, allow_redirects=False)
                )
            except requests.RequestException as error:
                host = requests.utils.urlparse(url).hostname or url  # type: ignore[attr-defined]
                found = diagnosis.of_exception(error, host=host, timeout_s=TIMEOUT_S)
                raise TokenRefused(f"No access token: {found.error}", found.advice) from error
            except Exception as error:
                raise TokenRefused(
                    f"The token URL gave no access token: {error}", "Check the token URL, the client id and its secret."
                ) from error


def _token_of(answer: Mapping[str, Any]) -> _Token:
    """Raises ValueError for an answer that is none of RFC 6749 section 5.1, or a token that no header can carry."""
    value = answer.get("access_token")
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueError("its answer has no access_token that can be sent.")
    lifetime = answer.get("expires_in")
    seconds = float(lifetime) if lifetime is not None else UNTOLD_LIFETIME_S
    return _Token(value, time.monotonic() + max(1.0, seconds - EARLY_S))


def _key(authorization: Authorization) -> tuple[str, ...]:
    secret = authorization.secrets.get("client_secret") or ""
    return (authorization.token_url or "", authorization.client_id or "", secret, authorization.scope or "")
