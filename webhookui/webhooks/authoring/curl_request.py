"""The request that cURL itself sends for a command, as curl(1) describes its options (specification section 4.6).

Without what cURL adds of its own: Host, User-Agent, Accept and Content-Length.
"""

import base64
import re
from urllib.parse import unquote

from webhookui.webhooks.authoring.curl_options import Command, CurlProblem
from webhookui.webhooks.authoring.meaning import split_url
from webhookui.webhooks.request import CONTROL, Request

FORM = "application/x-www-form-urlencoded"


def sent_by(command: Command) -> Request:
    """Raises CurlProblem for what is no request, or several."""
    url, user = _url(command)
    body = None if command.as_query else command.body
    method = command.method or ("GET" if body is None else "POST")
    headers = _headers(command, user, body is not None)
    return Request(method, url, tuple(headers), None if body is None else bytes_of(body))


def bytes_of(text: str) -> bytes:
    """Text of the command as its shell hands it on: UTF-8, and single bytes where the command writes them."""
    return text.encode("utf-8", "surrogateescape")


# ---- address ----------------------------------------------------------------------------------------------------------


def _url(command: Command) -> tuple[str, str | None]:
    """The address, and the user that stood in it."""
    if CONTROL.search(command.url):
        raise CurlProblem("The address contains a line break or control character.")
    if not command.glob_off and (several := _SEVERAL.search(command.url)):
        raise CurlProblem(f"cURL makes several requests of {several[0]}; paste a command with one address.")
    url = command.url if "://" in command.url else f"http://{command.url}"
    scheme, authority, path, query = split_url(url)
    if braces := re.search(r"\{+[^{}]*\}+", authority):
        raise CurlProblem(f"Put the host in place of {braces[0]} first.")
    user, at_sign, host = authority.rpartition("@")
    plain = _without_dots(path)
    if command.path_as_is and plain != path:
        raise CurlProblem("A path with “.” or “..” as a segment, sent as it is, is not supported.")
    pieces = [*([query] if query else []), *query_pieces(command)]
    complete = f"{scheme}://{host}{plain or '/'}{'?' if pieces or query is not None else ''}{'&'.join(pieces)}"
    return complete, unquote(user if ":" in user else f"{user}:") if at_sign else None


def query_pieces(command: Command) -> list[str]:
    """What -G and --url-query add to the query, as it is sent."""
    return [*([command.body] if command.as_query and command.body else []), *command.query]


_SEVERAL = re.compile(r"\{[^{}]*,[^{}]*\}|\[(?:\d+-\d+|[a-z]-[a-z]|[A-Z]-[A-Z])(?::\d+)?\]")
"""What cURL's globbing makes several addresses of."""


def _without_dots(path: str) -> str:
    """RFC 3986 section 5.2.4."""
    kept: list[str] = []
    segments = path.split("/")
    for position, segment in enumerate(segments):
        plain = segment.replace("%2e", ".").replace("%2E", ".")
        if plain == "..":
            if len(kept) > 1:
                kept.pop()
        elif plain != ".":
            kept.append(segment)
            continue
        if position == len(segments) - 1:
            kept.append("")
    return "/".join(kept)


# ---- headers ----------------------------------------------------------------------------------------------------------


def _headers(command: Command, in_url: str | None, has_body: bool) -> list[tuple[str, str]]:
    """A header that is given or taken away with -H stands in the place of the one that an option or cURL itself would set."""
    given = {name.lower() for name, _ in command.headers}
    own: list[tuple[str, str]] = []
    user = command.user if command.user is not None else in_url
    if command.bearer:
        own.append(("Authorization", f"Bearer {command.bearer}"))
    elif user is not None:
        pair = bytes_of(user if ":" in user else f"{user}:")
        own.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
    own += [("User-Agent", command.user_agent), ("Referer", command.referer)]
    own.append(("Cookie", "; ".join(command.cookies)))
    if command.is_json:
        own += [("Content-Type", "application/json"), ("Accept", "application/json")]
    elif has_body:
        own.append(("Content-Type", FORM))
    sent = [(name, value) for name, value in own if value and name.lower() not in given]
    return sent + [(name, value) for name, value in command.headers if value is not None]
