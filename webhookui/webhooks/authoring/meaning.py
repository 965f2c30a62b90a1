"""What a receiver reads out of a body or an address, to tell whether two of them say the same (specification section 4.6).

Nothing that a receiver could tell apart is equal here: the order of names, a name that stands twice, the type and sign of a
number, text beside XML elements and their order. What no receiver sees is: blanks between the parts of JSON, indentation and
comments of XML, and whether a character of a form is percent-encoded.
"""

import codecs
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote_to_bytes

import idna
import simplejson
from lxml import etree

from webhookui.webhooks.body_text import as_utf8
from webhookui.webhooks.paths import xpath

_UNRESERVED = re.compile("%(2[dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aA]|5[fF]|6[1-9a-fA-F]|7[0-9aAeE])")


def same_body(kind: str, body: bytes, other_body: bytes, content_type: str = "") -> bool:
    """Whether two bodies of a kind (JSON, XML, FORM …) say the same, both under this Content-Type header."""
    if body == other_body:
        return True
    read = _READERS.get(kind)
    try:
        return read is not None and bool(read(body, content_type) == read(other_body, content_type))
    except (ValueError, RecursionError):
        return False


def is_readable(kind: str, body: bytes, content_type: str = "") -> bool:
    """Whether the body is what its kind says."""
    try:
        _READERS[kind](body, content_type)
    except (ValueError, RecursionError):
        return False
    return True


def same_url(url: str, other_url: str) -> bool:
    """Whether two addresses lead to the same, with the same query."""
    return _address(url) == _address(other_url)


# ---- bodies -----------------------------------------------------------------------------------------------------------


def json_meaning(body: bytes, _content_type: str = "") -> Any:
    """Objects as pairs in their order. Raises ValueError for what is no JSON."""
    return _DECODER.decode(body.removeprefix(codecs.BOM_UTF8).decode())


def _number(digits: str) -> Any:
    """1e3 is 1000, but neither is 1.0 the integer 1, nor -0 the same as 0."""
    try:
        value = Decimal(digits)
    except InvalidOperation:
        return digits
    return "number", value, value.is_signed(), "." in digits


_DECODER = simplejson.JSONDecoder(
    parse_float=_number,
    parse_int=_number,
    object_pairs_hook=lambda pairs: ("object", tuple(pairs)),
    allow_nan=False,
)


def xml_meaning(body: bytes, content_type: str = "") -> bytes:
    """The canonical form (C14N) without comments and without indentation. Raises ValueError for what is no XML."""
    root = xpath.read(as_utf8(body, content_type))
    _without_indentation(root, False)
    etree.strip_tags(root, etree.Comment)
    canonical: bytes = etree.tostring(root.getroottree(), method="c14n", with_comments=False)
    return canonical


def _without_indentation(element: Any, preserved: bool) -> None:
    """Blanks are of no meaning where an element has elements and no other text, unless xml:space says otherwise."""
    preserved = (
        element.get("{http://www.w3.org/XML/1998/namespace}space", "preserve" if preserved else "") == "preserve"
    )
    children = [child for child in element if isinstance(child.tag, str)]
    texts = [element.text or "", *(child.tail or "" for child in element)]
    if children and not preserved and not any(text.strip() for text in texts):
        element.text = None
        for child in element:
            child.tail = None
    for child in children:
        _without_indentation(child, preserved)


def form_meaning(body: bytes, _content_type: str = "") -> list[tuple[bytes, ...]]:
    """(name, value) pairs as bytes in their order; a piece without an equals sign is a name alone."""
    return [
        tuple(unquote_to_bytes(half.replace(b"+", b" ")) for half in piece.split(b"=", 1))
        for piece in body.split(b"&")
        if piece
    ]


_READERS: dict[str, Callable[[bytes, str], Any]] = {
    "JSON": json_meaning,
    "JSONARRAY": json_meaning,
    "XML": xml_meaning,
    "FORM": form_meaning,
}


# ---- addresses --------------------------------------------------------------------------------------------------------


def split_url(url: str) -> tuple[str, str, str, str | None]:
    """Scheme, host with port, path, query (None when there is no question mark), as they are written."""
    scheme, _, rest = url.partition("#")[0].partition("://")
    before, question_mark, query = rest.partition("?")
    authority, slash, path = before.partition("/")
    return scheme, authority, slash + path, query if question_mark else None


def _address(url: str) -> Any:
    scheme, host, path, query = split_url(url)
    default = {"http": ":80", "https": ":443"}.get(scheme.lower(), "no port")
    pairs = form_meaning(query.encode()) if query else []
    return scheme.lower(), _host(host.lower().removesuffix(default)), _decoded(path or "/"), pairs


def _host(host: str) -> str:
    """In ASCII (RFC 5891)."""
    try:
        return host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host


def _decoded(path: str) -> str:
    """RFC 3986 section 6.2.2: what need not be encoded is not, hexadecimal digits are capitals."""
    written = "".join(
        char if char.isascii() and char not in '"<>\\^`{|} ' else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in path
    )
    plain = _UNRESERVED.sub(lambda match: chr(int(match[1], 16)), written)
    return re.sub("%[0-9a-fA-F]{2}", lambda match: match[0].upper(), plain)
