"""The address of a request: what is wrong with one, and its one spelling, which is shown, kept in the log and sent.

Two programs that spell a URL differently would show one request and send another; the transport finds nothing left to change
in what comes from here (RFC 3986 sections 2.1, 3.3 and 3.4; RFC 5891 for names of hosts).
"""

import re
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import idna

DEFAULT_PORTS = {"http": 80, "https": 443}
IN_PATH = "/:@!$&'()*+,;=-._~"
IN_QUERY = IN_PATH + "?"
HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?")
NETLOC = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]]+)(:[0-9]+)?")
"""No zone of an IPv6 address, and nothing between its bracket and the port, which some programs would read as more name."""
LITERAL_TAIL = re.compile(r"[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+){2,}\.?(:[0-9]+)?")


def url_problem(url: str) -> str:
    """What is wrong with a URL, as a part of a sentence; empty when it can be called."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"this is not an address: {error}."
    if parts.scheme.lower() not in DEFAULT_PORTS:
        return "it does not start with http:// or https://."
    if not parts.hostname:
        return "it has no host."
    if "@" in parts.netloc:  # other programs would read another host out of it
        return "it can't contain a user name or password; choose an authorization instead."
    if port == 0 or parts.netloc.endswith(":"):
        return "the port is not valid."
    if ascii_host(parts.hostname) and NETLOC.fullmatch(parts.netloc):
        return ""
    return f"“{parts.hostname[:80]}” is not a valid host name."


def dot_segment(url: str) -> str:
    """What is wrong with a path that has “.” or “..” for a segment, however it is encoded: it would lead elsewhere."""
    segments = {unquote(segment) for segment in re.split(r"[/\\]", urlsplit(url).path)}
    dots = segments & {".", ".."}
    return f"a value makes “{dots.pop()}” a part of its path, which would lead elsewhere." if dots else ""


def normalized(url: str) -> str:
    """The URL as it is sent: its host in ASCII, everything percent-encoded that must be, no fragment. Raises ValueError."""
    parts = urlsplit(url)
    host = ascii_host(parts.hostname or "")
    if not host:
        raise ValueError("This is not an address.")
    port = f":{parts.port}" if parts.port is not None else ""
    path = _encoded(parts.path, IN_PATH) or "/"
    return urlunsplit((parts.scheme.lower(), host + port, path, _encoded(parts.query, IN_QUERY), ""))


def with_query(url: str, added: str) -> str:
    """A normalized URL with more behind what its query has already. `added` is encoded."""
    if not added:
        return url
    return f"{url}{'&' if '?' in url else '?'}{added}"


def origin_of(url: str) -> str:
    """scheme://host:port in lower case; what placeholders stand for is left as it is. Empty when there is no host."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme.lower())
    except ValueError:
        return ""
    if not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme.lower()}://{host}:{port}"


def ascii_host(name: str) -> str:
    """The name as DNS knows it (UTS 46, which also reads digits and dots of other scripts), or the address in its brackets;
    empty when it is neither."""
    if ":" in name:
        return f"[{name}]"  # urlsplit takes brackets around an IPv6 address only
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode()
        except idna.IDNAError:
            return ""
    return name if HOST.fullmatch(name) and len(name) <= 253 else ""


def _encoded(text: str, allowed: str) -> str:
    """Percent-encoded where it must be. A triplet of the percent-encoding stays, a percent sign that begins none is one."""
    return "".join(
        piece.upper() if len(piece) == 3 and piece[0] == "%" else quote(piece, safe=allowed)
        for piece in re.findall(r"%[0-9A-Fa-f]{2}|%|[^%]+", text)
    )


def host_is_fixed(template: str) -> bool:
    """Whether scheme, port and the end of the host (its last two labels at least) are written out, so that no value of a
    record decides who gets the request."""
    match = re.match(r"https?://([^/?#]*)", template, re.IGNORECASE | re.DOTALL)
    if match is None:
        return False
    authority = match[1]
    return "{" not in authority or bool(LITERAL_TAIL.fullmatch(authority.rpartition("}")[2]))
