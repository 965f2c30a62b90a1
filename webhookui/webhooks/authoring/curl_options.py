"""The options of a cURL command that speak of its request, one entry each; what can't be taken over is refused by name."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

from webhookui.webhooks.authoring.shell_words import ShellProblem, split


class CurlProblem(Exception):
    """A command that can't be taken over; the text is for people."""


@dataclass
class Command:
    """What the command says. A header whose value is None is one that cURL is told not to send; `ignored`: options that
    are not of the request, as they are written, with why."""

    url: str = ""
    method: str = ""
    headers: list[tuple[str, str | None]] = field(default_factory=list)
    body: str | None = None
    is_json: bool = False
    query: list[str] = field(default_factory=list)
    user: str | None = None
    bearer: str | None = None
    cookies: list[str] = field(default_factory=list)
    user_agent: str = ""
    referer: str = ""
    as_query: bool = False
    path_as_is: bool = False
    glob_off: bool = False
    follow: bool = False
    timeout: float | None = None
    variables: list[str] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)


def command_of(text: str) -> Command:
    """Raises CurlProblem."""
    try:
        split_words = split(text.encode("utf-8", "replace").decode())
    except ShellProblem as problem:
        raise CurlProblem(str(problem)) from None
    words = _from_curl_on(split_words.words)
    if _ANOTHER.search(split_words.rest):
        raise CurlProblem(SEVERAL_COMMANDS)
    if any("\0" in word for word in words):
        raise CurlProblem("A command can't contain the character NUL: what follows it would be lost.")
    command = Command(variables=split_words.variables)
    following = iter(words[1:])
    for word in following:
        if word.startswith("-") and word != "-":
            _option(command, word, following)
        elif is_curl(word):
            raise CurlProblem(SEVERAL_COMMANDS)
        else:
            _url(command, word)
    if not command.url:
        raise CurlProblem("There is no address in this command.")
    if command.as_query and command.query:
        raise CurlProblem(
            "Versions of cURL differ in what they send for -G together with --url-query; use one of the two."
        )
    return command


def is_curl(word: str) -> bool:
    return word.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".exe") == "curl"


def _from_curl_on(words: list[str]) -> list[str]:
    """The words behind what runs another program: variables for it, sudo and the like without options of their own."""
    for position, word in enumerate(words):
        if is_curl(word):
            return words[position:]
        if word not in _RUNNERS and not _ASSIGNMENT.match(word):
            break
    raise CurlProblem("This is not a cURL command: it must start with curl.")


_ANOTHER = re.compile(r"^[^#\n]*(?:^|[\s;&|(])curl(?:\.exe)?\s", re.MULTILINE)
_RUNNERS = ("sudo", "env", "command", "exec", "time", "nohup")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def _option(command: Command, word: str, following: Iterator[str]) -> None:
    if word.startswith("--"):
        name, equals, value = word.partition("=")
    else:
        name, equals, value = word[:2], word[2:], word[2:]
    if name in FLAGS:
        match FLAGS[name]:
            case str(why):
                command.ignored[name] = why
            case attribute, setting:
                setattr(command, attribute, setting)
        if equals and not word.startswith("--"):
            _option(command, f"-{value}", following)
        return
    take = OPTIONS.get(name)
    if take is None:
        raise CurlProblem(REFUSED.get(name, f"The option {name} is not supported."))
    if not equals:
        try:
            value = next(following)
        except StopIteration:
            raise CurlProblem(f"The option {name} has no value.") from None
    if isinstance(take, str):
        command.ignored[name] = take
    else:
        take(command, value)


# ---- options with a value ---------------------------------------------------------------------------------------------


def _header(command: Command, value: str) -> None:
    if value.startswith("@"):
        raise CurlProblem(f"The headers are in the file {value[1:]}; paste them in place of {value}.")
    name, colon, text = value.partition(":")
    if colon and name.strip():
        command.headers.append((name.strip(), text.strip() or None))
    elif value.endswith(";") and value[:-1].strip():
        command.headers.append((value[:-1].strip(), ""))
    else:
        raise CurlProblem(f"“{value[:60]}” is not a header: write Name: value.")


def _url(command: Command, value: str) -> None:
    if command.url:
        raise CurlProblem(f"“{value[:60]}” was not expected; is something not quoted?")
    command.url = value


def _more(command: Command, value: str, joint: str = "&") -> None:
    command.body = value if command.body is None else command.body + joint + value


def _data(command: Command, value: str) -> None:
    if value == "@-":
        raise CurlProblem("The body is in the file - (standard input); paste its content in place of @-.")
    if value.startswith("@"):
        raise CurlProblem(f"The body is in the file {value[1:]}; paste its content in place of {value}.")
    _more(command, value)


def _url_encoded(value: str, encode: Callable[..., str] = quote_plus) -> str:
    """By cURL's own rules: `text`, `=text` or `name=text`, where the text alone is encoded."""
    name, equals, text = value.partition("=")
    if not equals and "@" in value:
        raise CurlProblem(f"The body is in the file {value.partition('@')[2]}; paste its content in its place.")
    encoded = encode((text if equals else value).encode("utf-8", "surrogateescape"), safe="-._~")
    return f"{name}={encoded}" if name and equals else encoded


def _json(command: Command, value: str) -> None:
    if value.startswith("@"):
        _data(command, value)
    _more(command, value, "")
    command.is_json = True


def _cookie(command: Command, value: str) -> None:
    if "=" not in value:
        raise CurlProblem(f"The cookies are in the file {value}; paste them as -b 'name=value'.")
    command.cookies.append(value)


def _set(name: str, kind: Callable[[str], Any] = str) -> Callable[[Command, str], None]:
    def take(command: Command, value: str) -> None:
        try:
            setattr(command, name, kind(value))
        except ValueError:
            raise CurlProblem(f"“{value[:40]}” is not a number.") from None

    return take


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < 10**9:
        raise ValueError
    return seconds


SHOWN = "it only affects what cURL shows"
WAITS = "it only affects how cURL waits and retries"
CONNECTS = "connections are made by webhookui"
CHECKED = "certificates are always checked"
SEVERAL_COMMANDS = "These are several commands; paste them one by one."

OPTIONS: dict[str, Callable[[Command, str], None] | str] = {
    **dict.fromkeys(("-X", "--request"), _set("method")),
    "--url": _url,
    **dict.fromkeys(("-H", "--header"), _header),
    **dict.fromkeys(("-d", "--data", "--data-ascii", "--data-binary"), _data),
    "--data-raw": _more,
    "--data-urlencode": lambda command, value: _more(command, _url_encoded(value)),
    "--url-query": lambda command, value: command.query.append(
        value[1:] if value.startswith("+") else _url_encoded(value, quote)
    ),
    "--json": _json,
    **dict.fromkeys(("-u", "--user"), _set("user")),
    "--oauth2-bearer": _set("bearer"),
    **dict.fromkeys(("-m", "--max-time"), _set("timeout", _seconds)),
    **dict.fromkeys(("-A", "--user-agent"), _set("user_agent")),
    **dict.fromkeys(("-e", "--referer"), _set("referer", lambda value: value.removesuffix(";auto"))),
    **dict.fromkeys(("-b", "--cookie"), _cookie),
    **dict.fromkeys(
        ("-o", "--output", "--output-dir", "-w", "--write-out", "-c", "--cookie-jar", "-D", "--dump-header", "--stderr",
         "--trace", "--trace-ascii"), SHOWN),
    **dict.fromkeys(
        ("--connect-timeout", "--retry", "--retry-delay", "--retry-max-time", "--limit-rate", "--keepalive-time",
         "--expect100-timeout", "-y", "--speed-time", "-Y", "--speed-limit"), WAITS),
    **dict.fromkeys(("--max-redirs", "--tls-max", "--ciphers", "--noproxy", "--dns-servers"), CONNECTS),
    **dict.fromkeys(("--cacert", "--capath"), "authorities are trusted in the settings of webhookui"),
}  # fmt: skip
"""Option with a value → what it does to the command, or why it is left out."""

FLAGS: dict[str, tuple[str, Any] | str] = {
    **dict.fromkeys(("-G", "--get"), ("as_query", True)),
    **dict.fromkeys(("-L", "--location"), ("follow", True)),
    **dict.fromkeys(("-I", "--head"), ("method", "HEAD")),
    **dict.fromkeys(("-g", "--globoff"), ("glob_off", True)),
    "--path-as-is": ("path_as_is", True),
    **dict.fromkeys(
        ("-s", "--silent", "-S", "--show-error", "-v", "--verbose", "-i", "--include", "-f", "--fail", "--fail-with-body",
         "-#", "--progress-bar", "-N", "--no-buffer", "-O", "--remote-name", "-J", "--remote-header-name", "--raw",
         "--create-dirs", "--no-progress-meter", "--styled-output", "--no-styled-output"), SHOWN),
    **dict.fromkeys(("--retry-connrefused", "--retry-all-errors"), WAITS),
    **dict.fromkeys(
        ("--compressed", "-0", "--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge", "--http3", "--no-keepalive",
         "-1", "--tlsv1", "--tlsv1.0", "--tlsv1.1", "--tlsv1.2", "--tlsv1.3", "--ssl-reqd", "--ssl-no-revoke", "-4",
         "--ipv4", "-6", "--ipv6", "-q", "--disable", "--tcp-nodelay", "--no-alpn", "--no-sessionid"), CONNECTS),
    **dict.fromkeys(("-k", "--insecure"), CHECKED),
    "--basic": "Basic is what -u means anyway",
}  # fmt: skip
"""Option without a value → the attribute of the command that it sets, and to what; or why it is left out."""

REFUSED = {
    **dict.fromkeys(
        ("-F", "--form", "--form-string"),
        "A multipart form (-F) is not supported: JSON, XML and a form of names and values (-d) are.",
    ),
    **dict.fromkeys(("-T", "--upload-file"), "Uploading a file (-T) is not supported."),
    **dict.fromkeys(
        ("--digest", "--ntlm", "--negotiate", "--anyauth", "--aws-sigv4"),
        "This kind of authorization is not supported: Basic, a bearer token, an API key and OAuth 2 are.",
    ),
    **dict.fromkeys(
        ("-E", "--cert", "--key", "--pass", "--cert-type"), "Authorization by a client certificate is not supported."
    ),
    **dict.fromkeys(
        ("-x", "--proxy", "-U", "--proxy-user", "--socks5", "--socks5-hostname", "--socks4", "--preproxy"),
        "A proxy is not supported: requests are sent directly.",
    ),
    **dict.fromkeys(
        ("--resolve", "--connect-to", "--unix-socket", "--abstract-unix-socket", "--interface", "--doh-url"),
        "The request would go elsewhere than its address says; a webhook goes where its address leads.",
    ),
    **dict.fromkeys(
        ("--post301", "--post302", "--post303", "--location-trusted"),
        "Redirects are followed in one way: on 301, 302 and 303 a POST becomes a GET, and no secret goes to another host.",
    ),
    **dict.fromkeys(
        ("-n", "--netrc", "--netrc-file", "--netrc-optional"),
        "The user name and password are in a file; give them with -u name:password.",
    ),
    "--request-target": "A request target that differs from the address is not supported.",
    "--variable": "cURL’s own variables are not supported; use their values instead.",
    **dict.fromkeys(("-:", "--next"), "These are several requests in one command; paste them one by one."),
    **dict.fromkeys(("-K", "--config"), "The rest of the command is in a file; paste its content in its place."),
}
"""Options that are known and can't be taken over → why."""
