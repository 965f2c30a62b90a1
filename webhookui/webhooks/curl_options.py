"""The options of a cURL command that speak of its request, one entry each; what can't be taken over is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from webhookui.webhooks.shell_words import ShellProblem, split


class CurlProblem(Exception):
    """A command that can't be taken over; the text is for people."""


@dataclass
class Command:
    """What the command says. A header whose value is None is one that cURL is told not to send."""

    url: str = ""
    method: str = ""
    headers: list[tuple[str, str | None]] = field(default_factory=list)
    body: str | None = None
    is_json: bool = False
    query: list[str] = field(default_factory=list)
    user: str | None = None
    bearer: str | None = None
    as_query: bool = False
    follow: bool = False
    timeout: float | None = None
    variables: list[str] = field(default_factory=list)


def command_of(text: str) -> Command:
    """Raises CurlProblem."""
    try:
        found = split(text)
    except ShellProblem as problem:
        raise CurlProblem(str(problem)) from None
    words = found.words
    if not words or words[0].replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".exe") != "curl":
        raise CurlProblem("This is not a cURL command: it starts with curl.")
    command = Command(variables=found.variables)
    following = iter(words[1:])
    for word in following:
        if word.startswith("-") and word != "-":
            _option(command, word, following)
        elif not command.url:
            command.url = word
        else:
            raise CurlProblem(f"“{word[:60]}” is one thing too many; is something not quoted?")
    if not command.url:
        raise CurlProblem("There is no address in this command.")
    return command


def _option(command: Command, word: str, following: Iterator[str]) -> None:
    if word.startswith("--"):
        name, equals, value = word.partition("=")
    else:
        name, equals, value = word[:2], word[2:], word[2:]
    if name in FLAGS or name.startswith("--no-"):
        if setting := FLAGS.get(name):
            setattr(command, *setting)
        if equals and not word.startswith("--"):
            _option(command, f"-{value}", following)
        return
    take = OPTIONS.get(name)
    if take is None:
        raise CurlProblem(REFUSED.get(name, f"The option {name} can't be taken over."))
    if not equals:
        try:
            value = next(following)
        except StopIteration:
            raise CurlProblem(f"The option {name} has no value.") from None
    take(command, value)


# ---- options with a value ---------------------------------------------------------------------------------------------


def _header(command: Command, value: str) -> None:
    if value.startswith("@"):
        raise CurlProblem(f"The headers are in the file {value[1:]}; paste them in the place of {value}.")
    name, colon, text = value.partition(":")
    if colon and name.strip():
        command.headers.append((name.strip(), text.strip() or None))
    elif value.endswith(";") and value[:-1].strip():
        command.headers.append((value[:-1].strip(), ""))
    else:
        raise CurlProblem(f"“{value[:60]}” is no header: write Name: value.")


def _more(command: Command, value: str, joint: str = "&") -> None:
    command.body = value if command.body is None else command.body + joint + value


def _data(command: Command, value: str) -> None:
    if value.startswith("@"):
        raise CurlProblem(f"The body is in the file {value[1:]}; paste its content in the place of {value}.")
    _more(command, value)


def _url_encoded(value: str) -> str:
    """By cURL's own rules: `text`, `=text` or `name=text`, where the text alone is encoded."""
    name, equals, text = value.partition("=")
    if not equals and "@" in value:
        raise CurlProblem(f"The body is in the file {value.partition('@')[2]}; paste its content in its place.")
    encoded = quote(text if equals else value, safe="-._~")
    return f"{name}={encoded}" if name and equals else encoded


def _json(command: Command, value: str) -> None:
    if value.startswith("@"):
        _data(command, value)
    _more(command, value, "")
    command.is_json = True


def _cookie(command: Command, value: str) -> None:
    if "=" not in value:
        raise CurlProblem(f"The cookies are in the file {value}; paste them as -b 'name=value'.")
    command.headers.append(("Cookie", value))


def _set(name: str, kind: Callable[[str], Any] = str) -> Callable[[Command, str], None]:
    def take(command: Command, value: str) -> None:
        try:
            setattr(command, name, kind(value))
        except ValueError:
            raise CurlProblem(f"“{value[:40]}” is not a number.") from None

    return take


def _added(name: str) -> Callable[[Command, str], None]:
    return lambda command, value: command.headers.append((name, value))


def _ignored(_command: Command, _value: str) -> None:
    """Of how cURL shows or waits, not of the request."""


OPTIONS: dict[str, Callable[[Command, str], None]] = {
    **dict.fromkeys(("-X", "--request"), _set("method", str.upper)),
    "--url": _set("url"),
    **dict.fromkeys(("-H", "--header"), _header),
    **dict.fromkeys(("-d", "--data", "--data-ascii", "--data-binary"), _data),
    "--data-raw": _more,
    "--data-urlencode": lambda command, value: _more(command, _url_encoded(value)),
    "--url-query": lambda command, value: command.query.append(_url_encoded(value)),
    "--json": _json,
    **dict.fromkeys(("-u", "--user"), _set("user")),
    "--oauth2-bearer": _set("bearer"),
    **dict.fromkeys(("-m", "--max-time"), _set("timeout", float)),
    **dict.fromkeys(("-A", "--user-agent"), _added("User-Agent")),
    **dict.fromkeys(("-e", "--referer"), _added("Referer")),
    **dict.fromkeys(("-b", "--cookie"), _cookie),
    **dict.fromkeys(
        ("-o", "--output", "-w", "--write-out", "--connect-timeout", "--retry", "--retry-delay", "--retry-max-time", "-c",
         "--cookie-jar", "-D", "--dump-header", "--stderr", "--trace", "--trace-ascii", "--max-redirs", "--cacert",
         "--limit-rate", "--keepalive-time", "--expect100-timeout", "--tls-max", "--ciphers"), _ignored),
}  # fmt: skip
"""Option with a value → what it does to the command."""

FLAGS: dict[str, tuple[str, Any] | None] = {
    **dict.fromkeys(("-G", "--get"), ("as_query", True)),
    **dict.fromkeys(("-L", "--location"), ("follow", True)),
    **dict.fromkeys(("-I", "--head"), ("method", "HEAD")),
    **dict.fromkeys(
        ("-s", "--silent", "-S", "--show-error", "-v", "--verbose", "-i", "--include", "-k", "--insecure", "--compressed",
         "-f", "--fail", "--fail-with-body", "-g", "--globoff", "-#", "--progress-bar", "-0", "--http1.0", "--http1.1",
         "--http2", "--http2-prior-knowledge", "--http3", "-N", "--no-buffer", "-O", "--remote-name", "--basic",
         "--tlsv1.2", "--tlsv1.3", "--ssl-reqd", "-4", "--ipv4", "-6", "--ipv6", "--raw", "--path-as-is", "-q",
         "--tcp-nodelay", "--retry-connrefused", "--retry-all-errors", "--post301", "--post302", "--post303"), None),
}  # fmt: skip
"""Option without a value → the attribute of the command that it sets, and to what."""

REFUSED = {
    **dict.fromkeys(
        ("-F", "--form", "--form-string"),
        "A multipart form (-F) is not offered: JSON, XML and a form of names and values (-d) are.",
    ),
    **dict.fromkeys(("-T", "--upload-file"), "An upload of a file (-T) is not offered."),
    **dict.fromkeys(
        ("--digest", "--ntlm", "--negotiate", "--anyauth", "--aws-sigv4"),
        "This kind of authorization is not offered: Basic, a bearer token, an API key and OAuth 2 are.",
    ),
    **dict.fromkeys(
        ("-E", "--cert", "--key", "--pass", "--cert-type"), "An authorization by a client’s certificate is not offered."
    ),
    **dict.fromkeys(("-x", "--proxy", "-U", "--proxy-user"), "A proxy is not offered: requests go out directly."),
    **dict.fromkeys(("-:", "--next"), "These are several requests in one command; paste them one by one."),
    **dict.fromkeys(("-K", "--config"), "The rest of the command is in a file; paste its content in its place."),
}
"""Options that are known and can't be taken over → why."""
