"""A cURL command, as other services' documentation shows it, as a webhook document (specification section 4.6).

The request that the document builds is the one that cURL would send: address, headers and body say the same, value by value.
What can't be said is refused in words; what differs (nobody types a webhook's User-Agent) is among the notes.
"""

import base64
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from webhookui.webhooks.authoring import meaning
from webhookui.webhooks.authoring.curl_options import Command, CurlProblem, command_of
from webhookui.webhooks.authoring.curl_request import FORM, bytes_of, query_pieces, sent_by
from webhookui.webhooks.authoring.pasted import PasteProblem, body_of, request_of
from webhookui.webhooks.authoring.sample import literal
from webhookui.webhooks.content_types import CONTENT_TYPES
from webhookui.webhooks.definition import LONGEST_TIMEOUT_S, METHODS, RAW, Parameter
from webhookui.webhooks.header_names import RESERVED_HEADERS
from webhookui.webhooks.request import Request
from webhookui.webhooks.stored import parameter_document

__all__ = ["CurlProblem", "FromCurl", "from_curl"]

LEFT_OUT = ("accept-encoding", *RESERVED_HEADERS)
"""Headers that follow from the request and the connection, and that a webhook does not set."""
FOLLOWING_ANYWAY = ("accept-encoding", "connection", "content-length", "expect", "keep-alive")
"""… and of which nobody needs to be told."""

SECRET_HEADER = re.compile(
    r"(x-)?(.+-)?(api-?key|(access|auth|private)-?token|token|secret(-key)?|subscription-key)", re.I
)
"""Names of headers that carry a key: it is kept as a secret."""

Headers = dict[str, tuple[str, str]]
"""Name in lower case → (name as spelled, value)."""


@dataclass(frozen=True)
class FromCurl:
    """`document`: the keys of a webhook's document that the command speaks of: url, method, content_type, authorization,
    headers, parameters, and xml_root, follow_redirects or timeout_s when given. `notes`: sentences for people."""

    document: dict[str, Any]
    notes: tuple[str, ...] = ()


def from_curl(text: str) -> FromCurl:
    """Numbers in the body stay numbers. Raises CurlProblem."""
    command = command_of(text)
    try:
        return _taken_over(command)
    except CurlProblem as problem:
        if not command.variables:
            raise
        raise CurlProblem(f"{problem} Put the values in place of {_listed(command.variables)} first.") from None


def _taken_over(command: Command) -> FromCurl:
    sent = sent_by(command)
    notes = _to_do(command)
    headers = _headers(sent)
    document: dict[str, Any] = {"method": _method(sent, notes), "url": _literal(sent.url)}
    document["authorization"] = _authorization(command, headers, notes)
    _without_reserved(headers, notes)
    document |= _body(command, sent, headers, notes)
    document["headers"] = [{"name": name, "value": literal(value)} for name, value in headers.values()]
    document |= _in_rows(command, sent, document)
    if problem := _difference(command, sent, document):
        raise CurlProblem(problem)
    _options(command, document, notes)
    return FromCurl(document, tuple(notes))


def _literal(url: str) -> str:
    """The address with what looks like a placeholder quoted; its host stays in sight."""
    match = re.search(r"\{[{%#]", url)
    return url[: match.start()] + literal(url[match.start() :]) if match else url


def _method(sent: Request, notes: list[str]) -> str:
    method = sent.method.upper()
    if method not in METHODS:
        raise CurlProblem(f"The method {sent.method} is not supported; the methods are {', '.join(METHODS)}.")
    if method != sent.method:
        notes.append(f"The method is sent as {method}; cURL would send {sent.method}, which is different.")
    if method == "GET" and sent.body is not None:
        raise CurlProblem("A GET with a body is not supported. With -G, its data would go into the address.")
    return method


def _to_do(command: Command) -> list[str]:
    """What somebody must still put in."""
    notes = []
    if not command.glob_off and (braces := re.findall(r"(?<!\$)\{+[^{}]*\}+", command.url)):
        notes.append(f"Put a value or a field in place of {_listed(braces)} in the address.")
    if command.variables:
        notes.append(f"Put the values in place of {_listed(command.variables)}.")
    return notes


def _options(command: Command, document: dict[str, Any], notes: list[str]) -> None:
    """What else the command says, and what of it is left out."""
    if command.follow:
        document["follow_redirects"] = True
        again = f" and a {document['method']} then becomes a GET" if document["method"] == "POST" else ""
        notes.append(f"Redirects are followed (-L){again}.")
    if command.timeout is not None:
        document["timeout_s"] = min(LONGEST_TIMEOUT_S, max(1, round(command.timeout)))
        if document["timeout_s"] != command.timeout:
            notes.append(f"The timeout is {document['timeout_s']} s: whole seconds, at most {LONGEST_TIMEOUT_S}.")
    reasons = dict.fromkeys(command.ignored.values())
    left_out = [
        f"{', '.join(o for o, why in command.ignored.items() if why == reason)} ({reason})" for reason in reasons
    ]
    if left_out:
        notes.append(f"Left out: {'; '.join(left_out)}.")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


# ---- whether it says the same -------------------------------------------------------------------------------------------


def _difference(command: Command, sent: Request, document: dict[str, Any]) -> str:
    """What the webhook would send otherwise than cURL, as a sentence; empty when a receiver reads the same."""
    no_password = document["authorization"].get("password", "") is None
    checked = {**document, "authorization": {"type": "none"}} if no_password else document
    try:
        built = request_of(checked)
    except PasteProblem as problem:
        return f"It can’t be imported: {problem}"
    if not meaning.same_url(sent.url, built.url):
        return f"The address can’t be imported: it would be sent as {built.url[:200]}."
    theirs, ours = _headers(sent), _headers(built)
    for name in {*theirs, *ours} - {"content-type", *LEFT_OUT, *(["authorization"] if no_password else [])}:
        if bytes_of(theirs.get(name, ("", ""))[1]) != ours.get(name, ("", ""))[1].encode("latin-1"):
            return (
                f"The header {theirs.get(name, (name, ''))[0]} can’t be imported: its value would be sent as different bytes. "
                "A header can only contain ASCII characters."
            )
    written_as = ours.get("content-type", ("", ""))[1]
    if sent.body and _names_a_type(command) and written_as.lower() != theirs.get("content-type", ("", ""))[1].lower():
        return f"It can’t be imported: the body would be sent as {written_as}, which the command does not say."
    if not meaning.same_body(document["content_type"], sent.body or b"", built.body or b"", written_as):
        return "The body can’t be imported: it would not be sent unchanged."
    return ""


def _names_a_type(command: Command) -> bool:
    """Whether the command says what its body is, or that nothing says it; else cURL calls every body a form."""
    return command.is_json or any(name.lower() == "content-type" for name, _ in command.headers)


# ---- headers and authorization ----------------------------------------------------------------------------------------


def _headers(sent: Request) -> Headers:
    """What is listed twice as one (RFC 9110 section 5.3)."""
    headers: Headers = {}
    for name, value in sent.headers:
        key = name.lower()
        if key not in headers:
            headers[key] = (name, value.strip())
        elif key in ("content-type", "authorization"):
            raise CurlProblem(f"The header {name} is listed twice, and receivers differ in which one they use.")
        else:
            joint = "; " if key == "cookie" else ", "
            headers[key] = (headers[key][0], headers[key][1] + joint + value.strip())
    return headers


def _without_reserved(headers: Headers, notes: list[str]) -> None:
    left_out = [headers.pop(name)[0] for name in LEFT_OUT if name in headers]
    if any(name.lower() not in FOLLOWING_ANYWAY for name in left_out):
        notes.append(f"Left out, because the address or the connection determines it: {', '.join(left_out)}.")


def _authorization(command: Command, headers: Headers, notes: list[str]) -> dict[str, Any]:
    """What is secret is kept as a secret; then it is no header of its own."""
    if "authorization" in headers:
        given = any(name.lower() == "authorization" for name, _ in command.headers)
        if not given and not command.bearer and command.user is not None and ":" not in command.user:
            notes.append("Enter the password: cURL would ask for it.")
            headers.pop("authorization")
            return {"type": "basic", "username": command.user, "password": None}
        return _of_header(*headers.pop("authorization"))
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


# ---- query and body ---------------------------------------------------------------------------------------------------


def _in_rows(command: Command, sent: Request, document: dict[str, Any]) -> dict[str, Any]:
    """What -G and --url-query add, as parameters, where these say the same in the query of a GET."""
    pieces = "&".join(query_pieces(command))
    if document["method"] != "GET" or not pieces:
        return {}
    pairs = [pair.partition("=") for pair in pieces.split("&")]
    rows = [Parameter(unquote_plus(name), literal(unquote_plus(value)), "text") for name, _, value in pairs]
    changed = {"url": _literal(sent.url[: -len(pieces) - 1]), "parameters": [parameter_document(row) for row in rows]}
    return {} if _difference(command, sent, {**document, **changed}) else changed


def _body(command: Command, sent: Request, headers: Headers, notes: list[str]) -> dict[str, Any]:
    """The content type and what it is made of. A Content-Type header that follows from them is taken out of `headers`."""
    body, explicit = sent.body or b"", _names_a_type(command)
    sent_as = headers.get("content-type", ("", ""))[1]
    if not body:
        if not explicit:
            headers.pop("content-type", None)
        return {"content_type": "JSON" if sent.method.upper() == "GET" else "FORM", "parameters": []}
    if body.decode("utf-8", "replace").strip() in command.variables:
        raise CurlProblem("The body is not in the command.")
    kind = _kind(body, sent_as.partition(";")[0].strip().lower())
    try:
        read_body = body_of(body, kind, sent_as)
    except PasteProblem as problem:
        raise CurlProblem(f"The body can’t be imported: {problem}") from None
    document = read_body.document
    if document["content_type"] == RAW:
        headers.pop("content-type", None)
        if read_body.why_raw:
            notes.append(f"The body is kept as it is, because rows would not say the same: {read_body.why_raw}")
        return document
    media_type = CONTENT_TYPES[kind].media_type
    if not explicit and kind != "FORM":
        notes.append(f"The body is {kind}, so it is sent as {media_type}. cURL would call it a form.")
    if not explicit or sent_as.lower() == media_type:
        headers.pop("content-type", None)
    return document


def _kind(body: bytes, media_type: str) -> str:
    """By the header where it names a kind, else by how the body begins."""
    if media_type.endswith(("/json", "+json")):
        return "JSON"
    if media_type.endswith(("/xml", "+xml")):
        return "XML"
    if media_type.startswith("multipart/"):
        raise CurlProblem(f"A body of type {media_type} is not supported: JSON, XML, FORM and text are.")
    if media_type in ("", FORM):
        start = body.strip()[:1]
        is_json = start == b"{" or (start == b"[" and meaning.is_readable("JSON", body))
        return "JSON" if is_json else "XML" if start == b"<" else "FORM"
    return RAW
