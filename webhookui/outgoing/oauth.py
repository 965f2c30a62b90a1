"""Access tokens of OAuth 2 client credentials (RFC 6749 section 4.4), kept until they expire (specification section 4.4)."""

import json
import math
import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from webhookui.outgoing import diagnosis
from webhookui.outgoing.http_client import Answer, Interrupted, Outgoing, Transport
from webhookui.outgoing.secret_guard import check_goes_to
from webhookui.webhooks.authorization import basic_of_client, secret_of, secrets_in
from webhookui.webhooks.body_text import as_utf8, text_of
from webhookui.webhooks.definition import Authorization
from webhookui.webhooks.redaction import redaction
from webhookui.webhooks.secret_scope import SecretElsewhere, SecretScope

EARLY_S = 30
"""A token is renewed so many seconds before it expires, and is kept for a second at least."""
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

    def get(self, authorization: Authorization, typed_for: SecretScope, end: float) -> str:
        """A token, within the time until `end` (monotonic seconds). Raises TokenRefused and SecretElsewhere.

        `typed_for`: where the client secret may go, and the webhook's own address: a token fetched for one address is for no
        other.
        """
        key = _key(authorization, typed_for)
        lock = self._locks[key]
        if not lock.acquire(timeout=max(0.0, end - time.monotonic())):
            raise TokenRefused("No access token in time: the token URL did not answer.", _ADVICE)
        try:
            token = self._tokens.get(key)
            if token is not None and token.expires > time.monotonic():
                return token.value
            fresh = self._fetch(authorization, typed_for.token_url, max(0.0, end - time.monotonic()))
            self._tokens[key] = fresh
            return fresh.value
        finally:
            lock.release()

    def forget(self, authorization: Authorization, typed_for: SecretScope, refused: str) -> None:
        """After a 401 to the token `refused`: the next one who asks gets a new one, unless there is one already."""
        key = _key(authorization, typed_for)
        token = self._tokens.get(key)
        if token is not None and token.value == refused:
            self._tokens.pop(key, None)

    def _fetch(self, authorization: Authorization, typed_for: str, within_s: float) -> _Token:
        url = authorization.token_url or ""
        clean = redaction(secrets_in(authorization)).text
        try:
            check_goes_to(typed_for, url)
            answer = self._transport.exchange(token_request(authorization, within_s))
        except (Interrupted, SecretElsewhere):
            raise
        except Exception as error:
            diagnosed = diagnosis.of_exception(
                error, host=urlsplit(url).hostname or url, timeout_s=within_s, clean=clean
            )
            raise TokenRefused(f"No access token: {diagnosed.error}", diagnosed.advice, diagnosed.ends) from error
        try:
            return _token_of(answer)
        except ValueError as error:
            words = diagnosis.one_line(clean(str(error)), 300)
            raise TokenRefused(f"The token URL gave no access token: {words}", _ADVICE) from None


def token_request(authorization: Authorization, within_s: float) -> Outgoing:
    """The request for a token (RFC 6749 sections 4.4.2 and 2.3.1)."""
    form = {"grant_type": "client_credentials", "scope": authorization.scope, "audience": authorization.audience}
    headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
    if authorization.client_authentication == "body":
        form |= {"client_id": authorization.client_id, "client_secret": secret_of(authorization)}
    else:
        headers.append(("Authorization", f"Basic {basic_of_client(authorization)}"))
    body = urlencode({name: value for name, value in form.items() if value}).encode()
    return Outgoing("POST", authorization.token_url, headers, body, within_s)


def _token_of(answer: Answer) -> _Token:
    """Raises ValueError for an answer that is none of RFC 6749 section 5.1, or a token that no header can carry."""
    content = _json_object(answer)
    if answer.status_code != 200:
        words = [str(content[key]) for key in ("error", "error_description") if isinstance(content.get(key), str)]
        raise ValueError(f"it answered {answer.status_code}{': ' if words else ''}{', '.join(words)}.")
    if answer.broken is not None:
        raise ValueError("its answer broke off.")
    value, kind = content.get("access_token"), content.get("token_type") or "Bearer"
    if not isinstance(value, str) or not re.fullmatch(r"[\x21-\x7e]+", value):
        raise ValueError("its answer has no access_token that can be sent.")
    if not str(kind).lower().startswith("bearer"):
        raise ValueError(f"its token is of the type {json.dumps(kind)}, and only bearer tokens are known here.")
    return _Token(value, time.monotonic() + max(1.0, _lifetime_s(content.get("expires_in")) - EARLY_S))


def _json_object(answer: Answer) -> dict[str, Any]:
    try:
        content = json.loads(text_of(as_utf8(answer.body, answer.header("content-type"))))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _lifetime_s(expires_in: Any) -> float:
    """Raises ValueError for what is no number of seconds."""
    if expires_in is None:
        return UNTOLD_LIFETIME_S
    try:
        seconds = math.nan if isinstance(expires_in, bool) else float(expires_in)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        seconds = math.nan
    if math.isnan(seconds):
        raise ValueError(f"its expires_in is {json.dumps(expires_in)}, which is not a number of seconds.")
    return seconds


_ADVICE = "Check the token URL, the client id and its secret."


def _key(authorization: Authorization, typed_for: SecretScope) -> tuple[str, ...]:
    """Whatever makes another token."""
    given = token_request(authorization, 0.0)
    return (*typed_for, given.url, repr(given.headers), repr(given.body))
