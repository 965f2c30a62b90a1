"""A body as text: by its byte order mark, then the charset of its Content-Type, then what the document says itself
(RFC 7303 section 3, specification section 4.5). One way for captures, “Success is”, trees and the log.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

_MARKS = (  # UTF-32's marks begin with those of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NULLS = {(0, 0, 0, 1): "utf-32-be", (1, 0, 0, 0): "utf-32-le", (0, 1, 0, 1): "utf-16-be", (1, 0, 1, 0): "utf-16-le"}
"""Which of the first four bytes are not null, of a text that begins with two characters of ASCII, as JSON and XML do."""
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([\w.:-]+)")
_HTML = re.compile(rb"(?is)\s*<(?:!doctype html|html|head|meta)\b.*?<?meta[^>]*?charset\s*=\s*[\"']?([\w.:-]+)")
_NO_CHARSETS = {"idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
"""What Python decodes though no body is written in it: some in more than linear time, some into what nobody meant."""


@dataclass(frozen=True)
class BodyText:
    """`charset` is what it was read as, "UTF-8"; `note` a sentence when that is not what the header or the document says."""

    text: str
    charset: str
    note: str = ""
    is_guess: bool = False
    """The document says what it is written in, nothing else does, and it is not known here."""


def body_text(body: bytes, content_type: str = "", *, was_cut: bool = False) -> BodyText | None:
    """The text without its byte order mark; None when it is none that can be read. `was_cut`: it may end inside a character."""
    declared = _CHARSET.search(content_type)
    declared_charset = declared[1] if declared else ""
    for name in _candidates(body, declared_charset):
        text = _decoded(body, name, was_cut)
        if text is not None:
            note = ""
            if declared_charset and not name.startswith(charset_name(declared_charset) or "?"):
                note = f"It claims charset={declared_charset}, which it is not; read as {name.upper()}."
            inside = _inside(body)
            named = _mark_of(body) or charset_name(declared_charset) or charset_name(inside)
            is_guess = bool(inside) and not named and name == "utf-8"
            if is_guess:
                note = f"It claims encoding={inside}, which is unknown; read as {name.upper()}."
            return BodyText(text.removeprefix("\ufeff"), name.upper(), note, is_guess)
    return None


def marked(text: str) -> bytes:
    """A text as bytes that are read as this text by `body_text`, whatever stands in it. Nothing for nothing but blanks."""
    return codecs.BOM_UTF8 + text.encode("utf-8", "replace") if text.strip() else b""


def as_utf8(body: bytes, content_type: str = "", *, was_cut: bool = False) -> bytes:
    """The body as bytes that need no header to be read rightly; as it is when it is no text."""
    decoded = body_text(body, content_type, was_cut=was_cut)
    return body if decoded is None or decoded.is_guess else marked(decoded.text)


def text_of(body: bytes) -> str:
    """The text of a body whose header is not known, or was taken into account by `as_utf8`. Raises ValueError."""
    decoded = body_text(body)
    if decoded is None:
        raise ValueError("It is not UTF-8.")
    if decoded.is_guess:
        raise ValueError(decoded.note.partition(";")[0] + ".")
    return decoded.text


def content_type_of(headers: Sequence[Sequence[str]]) -> str:
    """The value of Content-Type among stored headers, empty when there is none."""
    return next((value for name, value in headers if name.lower() == "content-type"), "")


def _candidates(body: bytes, declared_charset: str) -> list[str]:
    """Names of charsets, the one that counts the most first."""
    by_mark = _mark_of(body)
    by_nulls = next((name for bits, name in _NULLS.items() if bits == tuple(min(byte, 1) for byte in body[:4])), "")
    by_header = charset_name(declared_charset)
    if by_header in ("utf-16", "utf-32"):  # without a mark; Python would take this machine's order of bytes
        by_header = by_nulls if by_nulls.startswith(by_header) else ""
    by_itself = charset_name(_inside(body))
    if by_itself.startswith(("utf-16", "utf-32")):  # it could be read as ASCII; some writers say so of UTF-8
        by_itself = ""
    return [name for name in dict.fromkeys((by_mark, by_header, by_nulls, by_itself, "utf-8")) if name]


def _mark_of(body: bytes) -> str:
    return next((name for mark, name in _MARKS if body.startswith(mark)), "")


def _inside(body: bytes) -> str:
    """What XML and HTML say themselves that they are written in, where that can be read as ASCII."""
    match = _XML.match(body[:1024]) or _HTML.match(body[:1024])
    return match[1].decode() if match else ""


def charset_name(charset: str) -> str:
    """Python's name of a charset; empty for one that is not known, or that no body is written in."""
    try:
        name = codecs.lookup(charset).name if charset else ""
    except (LookupError, ValueError):
        return ""
    return "" if name.replace("_", "-") in _NO_CHARSETS else name


def _decoded(body: bytes, name: str, was_cut: bool) -> str | None:
    for end in (len(body), *(len(body) - n for n in (1, 2, 3) if was_cut)):
        try:
            return body[:end].decode(name)
        except (UnicodeError, LookupError, ValueError):
            continue
    return None
