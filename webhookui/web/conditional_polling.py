"""Polls of live pages that have nothing new to hear, answered before the application is asked (docs/decisions/0010).

Every full answer to a poll carries a token: the state of the database when it was made, for this session alone. A page whose
question has not changed since it was answered with "nothing" sends the token back; while nobody has committed anything, the
answer is the same, and costs neither a session nor a query.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import structlog

HEADER = "X-Live-State"
ARGUMENT = "seen"
POLLS = "/live"
"""What the paths of polls end with."""

log = structlog.get_logger("webhookui.web")

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]


class ConditionalPolling:
    """A WSGI application before another. `state`: a word that changes with every commit."""

    def __init__(self, application: Wsgi, state: Callable[[], str]) -> None:
        self._application = application
        self._state = state
        self._key = secrets.token_bytes(32)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or not environ.get("PATH_INFO", "").endswith(POLLS):
            return self._application(environ, start_response)
        token = self._token(environ)  # before the application looks: what is committed meanwhile makes it old
        if token and token in parse_qs(environ.get("QUERY_STRING", "")).get(ARGUMENT, ()):
            start_response("204 No Content", [("Cache-Control", "no-store"), (HEADER, token)])
            return []

        def with_token(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if token and status[:3] in ("200", "204"):
                headers = [*headers, (HEADER, token)]
            return start_response(status, headers, *rest)

        return self._application(environ, with_token)

    def _token(self, environ: Environ) -> str:
        """Of the database's state, the question's path and the session's cookie; empty when there is none of these."""
        cookie = environ.get("HTTP_COOKIE", "")
        if not cookie:
            return ""
        try:
            state = self._state()
        except Exception as error:  # the application says what is wrong with the database
            log.warning("state_unknown", error=str(error))
            return ""
        asked = f"{state}\n{environ['PATH_INFO']}\n{cookie}".encode("utf-8", "surrogateescape")
        return hashlib.blake2b(asked, key=self._key, digest_size=16).hexdigest()
