"""A cURL command, as other services' documentation shows it, as a webhook document (SPEC section 4.6).

The request that the document builds is the one that cURL would send: body and address in meaning, byte for byte where the
form can say it. What it can't say is refused in words; nothing is changed silently.
"""

from __future__ import annotations

import base64
import re
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit, urlunsplit

from webhookui import exact_json
from webhookui.webhooks import naming, xpath
from webhookui.webhooks.content_types import CONTENT_TYPES, NotEncodable
from webhookui.webhooks.curl_options import Command, CurlProblem, command_of
from webhookui.webhooks.definition import METHODS, Parameter
from webhookui.webhooks.header_names import RESERVED_HEADERS
from webhookui.webhooks.request import RequestError, parameter_value
from webhookui.webhooks.sample import SampleProblem, literal, parameters_from_sample, root_name

__all__ = ["CurlProblem", "FromCurl", "from_curl"]

LEFT_OUT = ("accept-encoding", *RESERVED_HEADERS)
"""Headers that follow from the request and the connection, and that a webhook does not set."""
FOLLOWING_ANYWAY = ("accept-encoding", "connection", "content-length", "expect", "keep-alive")
"""… and of which nobody needs to be told."""

SECRET_HEADER = re.compile(
    r"(x-)?(.+-)?(api-?key|(access|auth|private)-?token|token|secret(-key)?|subscription-key)", re.I
)
"""Names of headers that carry a key: it is kept as a secret."""


@dataclass(frozen=True)
class FromCurl:
    """`document`: the keys of a webhook's document that the command speaks of: url, method, content_type, authorization,
    headers, parameters, and xml_root, follow_redirects or timeout_s when given. `notes`: sentences for people."""

    document: dict[str, Any]
    notes: tuple[str, ...] = ()


def from_curl(text: str) -> FromCurl:
    """Numbers in the body stay numbers. Raises CurlProblem."""
    command = command_of(text)
    notes: list[str] = []
    method = command.method or ("POST" if command.body is not None and not command.as_query else "GET")
    if method not in METHODS:
        raise CurlProblem(f"The method {method} is not offered; the methods are {', '.join(METHODS)}.")
    headers = _headers(command)
    document: dict[str, Any] = {"method": method}
    document["url"], user = _address(command)
    document["authorization"] = _authorization(command, user, headers)
    if command.as_query or command.query:
        _to_query(document, [*command.query, *([command.body] if command.body and command.as_query else [])])
    if not command.as_query and command.body is not None:
        if method == "GET":
            raise CurlProblem("A GET with a body is not offered. With -G its data would go into the address.")
        document |= _body(command.body, headers, notes)
    else:
        document = {"content_type": "FORM" if method != "GET" else "JSON", "parameters": [], **document}
    left_out = [headers.pop(name)[0] for name in LEFT_OUT if name in headers]
    if any(name.lower() not in FOLLOWING_ANYWAY for name in left_out):
        notes.append(f"Left out, as the address or the connection decides it: {', '.join(left_out)}.")
    document["headers"] = [{"name": name, "value": literal(value)} for name, value in headers.values()]
    if command.follow:
        document["follow_redirects"] = True
    if command.timeout is not None:
        document["timeout_s"] = min(60, max(1, round(command.timeout)))
    if command.variables:
        notes.append(f"Put the values in the place of {', '.join(command.variables[:5])}.")
    return FromCurl(document, tuple(notes))


# ---- headers and authorization ----------------------------------------------------------------------------------------

Headers = dict[str, tuple[str, str]]
"""Name in lower case → (name as spelled, value)."""


def _headers(command: Command) -> Headers:
    """What cURL would send: the later of two spellings adds to the first; `Name:` takes a header away."""
    found: Headers = {}
    for name, value in command.headers:
        key = name.lower()
        if value is None:
            found.pop(key, None)
        elif key in found and key != "content-type":
            joint = "; " if key == "cookie" else ", "
            found[key] = (found[key][0], found[key][1] + joint + value)
        else:
            found[key] = (name, value)
    if command.is_json:
        found = {
            "content-type": ("Content-Type", "application/json"),
            "accept": ("Accept", "application/json"),
            **found,
        }
    return found


def _authorization(command: Command, in_url: str | None, headers: Headers) -> dict[str, Any]:
    """From -u, --oauth2-bearer or a header, which then is no header of its own: what is secret is kept as a secret."""
    name, value = headers.get("authorization", ("", ""))
    user = command.user if command.user is not None else in_url
    if value:
        headers.pop("authorization")
        return _of_header(name, value)
    if command.bearer:
        return {"type": "bearer", "token": command.bearer}
    if user is not None:
        return _basic(*user.partition(":"))
    for key in headers:
        if SECRET_HEADER.fullmatch(key) and headers[key][1]:
            name, value = headers.pop(key)
            return {"type": "api_key", "in": "header", "name": name, "value": value}
    return {"type": "none"}


def _of_header(name: str, value: str) -> dict[str, Any]:
    kind, _, rest = value.partition(" ")
    if kind == "Bearer" and rest and rest == rest.strip():
        return {"type": "bearer", "token": rest}
    if kind == "Basic" and rest:
        try:
            pair = base64.b64decode(rest, validate=True).decode().partition(":")
            if (pair[0] or pair[2]) and base64.b64encode(":".join((pair[0], pair[2])).encode()).decode() == rest:
                return _basic(*pair)
        except ValueError:
            pass
    return {"type": "api_key", "in": "header", "name": name, "value": value}


def _basic(name: str, colon: str, password: str) -> dict[str, Any]:
    """Without a colon cURL asks for the password; behind one it may be empty, as the name before it may."""
    if not name and not password:
        return {"type": "api_key", "in": "header", "name": "Authorization", "value": "Basic Og=="}
    return {"type": "basic", "username": name, "password": password if colon else None}


# ---- address and query ------------------------------------------------------------------------------------------------


def _address(command: Command) -> tuple[str, str | None]:
    """The URL, with cURL's own guess of the scheme, and the user that stood in it."""
    url = command.url if "://" in command.url else f"http://{command.url}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, None
    user, at_sign, host = parts.netloc.rpartition("@")
    if at_sign:
        url = urlunsplit(parts._replace(netloc=host))
    return url, unquote(user) if at_sign else None


def _to_query(document: dict[str, Any], pieces: list[str]) -> None:
    """Into the parameters, which a GET sends in the query; into the URL where only that says the same."""
    pairs = [pair for piece in pieces for pair in piece.split("&") if pair]
    names = [unquote_plus(pair.partition("=")[0]) for pair in pairs]
    if (
        document["method"] == "GET"
        and all("=" in pair for pair in pairs)
        and len(set(names)) == len(names)
        and all(names)
    ):
        rows = [
            Parameter(name, literal(unquote_plus(pair.partition("=")[2])), "text")
            for name, pair in zip(names, pairs, strict=True)
        ]
        document |= {"content_type": "JSON", "parameters": [asdict(row) for row in rows]}
    elif pairs:
        address, hash_sign, fragment = document["url"].partition("#")
        joint = "&" if "?" in address else "?"
        document["url"] = f"{address}{joint}{'&'.join(pairs)}{hash_sign}{fragment}"


# ---- body -------------------------------------------------------------------------------------------------------------


def _body(body: str, headers: Headers, notes: list[str]) -> dict[str, Any]:
    sent_as = headers.get("content-type", ("", ""))[1]
    kind = _kind(body, sent_as.partition(";")[0].strip().lower())
    media_type = CONTENT_TYPES[kind].media_type
    if sent_as.lower() == media_type:
        headers.pop("content-type")
    if not sent_as and kind != "FORM":
        notes.append(f"The body is {kind}, so it goes out as {media_type}. cURL would call it a form.")
    if not body.strip():
        return {"content_type": "FORM", "parameters": []}
    try:
        rows = parameters_from_sample(body, kind)
    except SampleProblem as problem:
        raise CurlProblem(f"The body can’t be taken over: {problem}") from None
    if not rows:
        raise CurlProblem(f"The body can’t be taken over: {body.strip()} has nothing that could be a parameter.")
    root = root_name(body) if kind == "XML" else "root"
    if not _says_the_same(kind, body, rows, root):
        raise CurlProblem(
            f"The body can’t be taken over: as {kind} it has something that parameter rows can’t express."
        )
    found: dict[str, Any] = {"content_type": kind, "parameters": [asdict(row) for row in rows]}
    return {**found, "xml_root": root} if kind == "XML" else found


def _kind(body: str, media_type: str) -> str:
    """By the header where it names a kind, else by how the body begins."""
    start = body.strip()[:1]
    if media_type.endswith(("/json", "+json")):
        return "JSON"
    if media_type.endswith(("/xml", "+xml")):
        return "XML"
    if media_type.startswith("multipart/"):
        raise CurlProblem(f"A body of the type {media_type} is not offered; JSON, XML and FORM are.")
    if start in ("{", "["):
        return "JSON"
    if start == "<":
        return "XML"
    if media_type in ("", "application/x-www-form-urlencoded") or not body.strip():
        return "FORM"
    raise CurlProblem(f"A body of the type {media_type} is not offered; JSON, XML and FORM are.")


def _says_the_same(kind: str, body: str, rows: list[Parameter], root: str) -> bool:
    """Whether the rows build the body again: every value, every type, in the same order."""
    try:
        value = naming.nest([(naming.split(row.name), parameter_value(row, {}, "")) for row in rows])
        built = CONTENT_TYPES[kind].encode(value, root).decode()
    except (RequestError, NotEncodable, ValueError):
        return False
    return _meaning(kind, built) == _meaning(kind, body.strip())


def _meaning(kind: str, body: str) -> Any:
    if kind == "JSON":
        return _typed(exact_json.loads(body))
    if kind == "XML":
        return _elements(xpath.read(body.encode()))
    return [(re.sub(r"\[\d*\]", "[]", name), text) for name, text in parse_qsl(body, keep_blank_values=True)]


def _typed(value: Any) -> Any:
    """A JSON value such that no number equals a truth value, and 1e3 equals 1000."""
    if isinstance(value, dict):
        return {key: _typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    return (type(value) in (int, Decimal), value)


def _elements(element: Any) -> Any:
    children = [_elements(child) for child in element if isinstance(child.tag, str)]
    text = "" if children else (element.text or "").strip()
    tails = "".join((child.tail or "").strip() for child in element)
    return element.tag, sorted(element.attrib.items()), text + tails, children
