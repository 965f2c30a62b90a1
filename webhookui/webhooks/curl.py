"""A cURL command, as other services' documentation shows it, as a webhook document (SPEC section 4.6)."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from webhookui.webhooks import xpath
from webhookui.webhooks.definition import METHODS, Parameter
from webhookui.webhooks.sample import SampleProblem, parameters_from_sample


class CurlProblem(Exception):
    """A command that can't be taken over; the text is for people."""


@dataclass
class _Command:
    url: str = ""
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    user: str | None = None
    bearer: str | None = None
    as_query: bool = False
    follow: bool = False
    timeout: float | None = None


def from_curl(text: str) -> dict[str, Any]:
    """The keys of a webhook's document that the command speaks of: url, method, content_type, authorization, headers,
    parameters, and follow_redirects or timeout_s when given. Numbers in the body stay numbers. Raises CurlProblem.
    """
    command = _parsed(text)
    if not command.url:
        raise CurlProblem("There is no address in this command.")
    url = command.url if "://" in command.url else f"https://{command.url}"
    method = command.method or ("POST" if command.data and not command.as_query else "GET")
    if method not in METHODS:
        raise CurlProblem(f"The method {method} is not offered; the methods are {', '.join(METHODS)}.")
    headers = {name.lower(): (name, value) for name, value in command.headers}
    document: dict[str, Any] = {"url": url, "method": method}
    document["authorization"] = _authorization(command, headers)
    body = "&".join(command.data)
    sent_as = headers.pop("content-type", ("", ""))[1]
    if command.as_query or method == "GET":
        document |= _with_query(url, body)
    else:
        document |= _body(body, sent_as)
    for name in ("content-length", "host", "accept-encoding", "connection"):
        headers.pop(name, None)
    document["headers"] = [{"name": name, "value": value} for name, value in headers.values()]
    if command.follow:
        document["follow_redirects"] = True
    if command.timeout is not None:
        document["timeout_s"] = min(60, max(1, command.timeout))
    return document


def _parsed(text: str) -> _Command:
    cleaned = text.strip().replace("\\\r\n", " ").replace("\\\n", " ").replace("^\r\n", " ").replace("^\n", " ")
    cleaned = cleaned.removeprefix("$ ")
    try:
        words = shlex.split(cleaned)
    except ValueError as error:
        raise CurlProblem(f"The quotes of this command don't match: {error}.") from None
    if not words or words[0].rsplit("/", 1)[-1].removesuffix(".exe") != "curl":
        raise CurlProblem("This is not a cURL command: it starts with curl.")
    command = _Command()
    following = iter([_unescaped(cleaned, word) for word in words[1:]])
    for word in following:
        if word.startswith("-") and word != "-":
            _option(command, word, following)
        elif not command.url:
            command.url = word
        else:
            raise CurlProblem(f"“{word[:60]}” is one thing too many; is something not quoted?")
    return command


def _unescaped(source: str, word: str) -> str:
    """shlex does not know `$'…'`, which browsers write; it leaves the dollar sign."""
    if word.startswith("$") and f"$'{word[1:5]}" in source:
        return word[1:].encode("latin-1", "backslashreplace").decode("unicode_escape")
    return word


def _option(command: _Command, word: str, following: Iterator[str]) -> None:
    name, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
    short = not word.startswith("--")
    if name in _FLAGS:
        if _FLAGS[name] is not None:
            _FLAGS[name](command)  # type: ignore[misc]
        if short and len(word) > 2:
            _option(command, "-" + word[2:], following)
        return
    take = _OPTIONS.get(name)
    if take is None:
        raise CurlProblem(f"The option {name} can't be taken over.")
    if not equals:
        try:
            value = next(following)
        except StopIteration:
            raise CurlProblem(f"The option {name} has no value.") from None
    take(command, value)


def _header(command: _Command, value: str) -> None:
    name, colon, text = value.partition(":")
    if not colon or not name.strip():
        raise CurlProblem(f"“{value[:60]}” is no header: write Name: value.")
    command.headers.append((name.strip(), text.strip()))


def _data(command: _Command, value: str) -> None:
    if value.startswith("@"):
        raise CurlProblem(f"The body is in the file {value[1:]}; paste its content in the place of {value}.")
    command.data.append(value)


def _data_urlencoded(command: _Command, value: str) -> None:
    name, equals, text = value.partition("=")
    command.data.append(f"{name}={quote_plus(text)}" if equals else quote_plus(value))


def _json(command: _Command, value: str) -> None:
    _data(command, value)
    command.headers.append(("Content-Type", "application/json"))


def _form(command: _Command, value: str) -> None:
    raise CurlProblem("A multipart form (-F) is not offered; JSON, XML and FORM (-d) are.")


def _set(name: str, kind: Callable[[str], Any] = str) -> Callable[[_Command, str], None]:
    def take(command: _Command, value: str) -> None:
        try:
            setattr(command, name, kind(value))
        except ValueError:
            raise CurlProblem(f"“{value[:40]}” is not a number.") from None

    return take


def _ignored(_command: _Command, _value: str) -> None:
    pass


_OPTIONS: dict[str, Callable[[_Command, str], None]] = {
    **dict.fromkeys(("-X", "--request"), _set("method", str.upper)),
    "--url": _set("url"),
    **dict.fromkeys(("-H", "--header"), _header),
    **dict.fromkeys(("-d", "--data", "--data-raw", "--data-ascii", "--data-binary"), _data),
    "--data-urlencode": _data_urlencoded,
    "--json": _json,
    **dict.fromkeys(("-F", "--form", "--form-string"), _form),
    **dict.fromkeys(("-u", "--user"), _set("user")),
    "--oauth2-bearer": _set("bearer"),
    **dict.fromkeys(("-m", "--max-time"), _set("timeout", float)),
    **dict.fromkeys(("-A", "--user-agent"), lambda command, value: command.headers.append(("User-Agent", value))),
    **dict.fromkeys(("-e", "--referer"), lambda command, value: command.headers.append(("Referer", value))),
    **dict.fromkeys(("-b", "--cookie"), lambda command, value: command.headers.append(("Cookie", value))),
    **dict.fromkeys(
        ("-o", "--output", "-w", "--write-out", "--connect-timeout", "--retry", "-c", "--cookie-jar"), _ignored
    ),
}


def _flag(name: str) -> Callable[[_Command], None]:
    return lambda command: setattr(command, name, True)


_FLAGS: dict[str, Callable[[_Command], None] | None] = {
    **dict.fromkeys(("-G", "--get"), _flag("as_query")),
    **dict.fromkeys(("-L", "--location"), _flag("follow")),
    **dict.fromkeys(("-I", "--head"), lambda command: setattr(command, "method", "HEAD")),
    **dict.fromkeys(
        ("-s", "--silent", "-S", "--show-error", "-v", "--verbose", "-i", "--include", "-k", "--insecure", "--compressed",
         "-f", "--fail", "-g", "--globoff", "-#", "--progress-bar", "--http1.1", "--http2", "-N", "--no-buffer"), None),
}  # fmt: skip


def _authorization(command: _Command, headers: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """From -u, --oauth2-bearer or the Authorization header, which then is no header of its own."""
    if command.user is not None:
        name, _, password = command.user.partition(":")
        return {"type": "basic", "username": name, "password": password or None}
    if command.bearer:
        return {"type": "bearer", "token": command.bearer}
    kind, _, value = headers.get("authorization", ("", ""))[1].partition(" ")
    if kind.lower() == "bearer" and value:
        headers.pop("authorization")
        return {"type": "bearer", "token": value.strip()}
    if kind.lower() == "basic" and value:
        try:
            name, colon, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return {"type": "none"}
        if colon:
            headers.pop("authorization")
            return {"type": "basic", "username": name, "password": password}
    for name in ("x-api-key", "api-key", "apikey"):
        if name in headers:
            shown, secret = headers.pop(name)
            return {"type": "api_key", "in": "header", "name": shown, "value": secret}
    return {"type": "none"}


def _with_query(url: str, body: str) -> dict[str, Any]:
    """A GET's data goes to the parameters; what stands in the URL stays there."""
    rows = [
        Parameter(unquote_plus(name), unquote_plus(value), "text")
        for name, _, value in (pair.partition("=") for pair in body.split("&") if pair)
    ]
    return {"content_type": "JSON", "parameters": [asdict(row) for row in rows], "url": url}


def _body(body: str, sent_as: str) -> dict[str, Any]:
    media = sent_as.partition(";")[0].strip().lower()
    kind = _kind(body, media)
    if not body.strip():
        return {"content_type": kind, "parameters": []}
    try:
        rows = parameters_from_sample(body, kind)
    except SampleProblem as problem:
        raise CurlProblem(f"The body can't be taken over: {problem}") from None
    found: dict[str, Any] = {"content_type": kind, "parameters": [asdict(row) for row in rows]}
    if kind == "XML":
        found["xml_root"] = _root(body)
    return found


def _kind(body: str, media: str) -> str:
    start = body.strip()[:1]
    if "json" in media or (not media and start in ("{", "[")):
        return "JSON"
    if "xml" in media or (not media and start == "<"):
        return "XML"
    if media in ("", "application/x-www-form-urlencoded"):
        return "JSON" if start in ("{", "[") else "FORM"
    raise CurlProblem(f"A body of the type {media} is not offered; JSON, XML and FORM are.")


def _root(body: str) -> str:
    root = xpath.read(body.strip().encode())
    local = root.tag.rpartition("}")[2]
    return f"{root.prefix}:{local}" if root.prefix else local
