"""Bodies of requests and responses as a page shows them: labelled, pretty-printed where that loses nothing, always as text.

What a third party sent is never rendered: HTML is shown as its source, and bytes that are no text as a hex dump.
"""

import json
import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from lxml import etree

from webhookui.webhooks.body_text import body_text

KEPT = 65536
"""Bytes of a body that are shown."""
_DUMPED = 1024
"""Bytes of a binary body that are dumped."""
_HIGHLIGHTED = 32768
"""Characters up to which a body is coloured; a longer one would keep the page waiting."""


@dataclass(frozen=True)
class Payload:
    """`text` is pretty-printed, `raw` as received (empty when that is the same); `size` in bytes, of the whole body."""

    kind: str
    """"empty", "json", "xml", "form", "html", "text" or "binary"."""
    label: str
    text: str
    language: str
    size: int
    raw: str = ""
    notes: tuple[str, ...] = ()
    charset: str = ""
    """What the bytes were read as, "UTF-8"; empty for what is no text."""
    is_indented: bool = False
    """Its lines are indented by what they are inside of, so that they can be folded."""


def payload(
    body: bytes | None, content_type: str = "", size: int | None = None, *, packed_as: str = "", incomplete: str = ""
) -> Payload:
    """The body for a page. `size`: bytes of the whole when `body` is only its beginning. `packed_as`: the content coding that it
    still has; `incomplete`: why it is not whole, a sentence."""
    whole = max(size or 0, len(body or b""))
    if not body:
        note = f"Body incomplete: {incomplete}" if incomplete else "The body was not kept." if whole else ""
        return Payload("empty", "No body", "", "text", whole, notes=(note,) if note else ())
    cut = body[:KEPT]
    was_cut = whole > len(cut) or bool(incomplete)
    notes = [f"Body incomplete: {incomplete}"] if incomplete else []
    if whole > len(cut):
        notes.append(f"Cut: the first {len(cut):,} of {whole:,} bytes are shown.")
    media_type = content_type.partition(";")[0].strip().lower()
    text, charset = (None, "") if packed_as else _text(cut, content_type, notes, was_cut=was_cut)
    if text is None:
        label = f"Binary data ({media_type})" if media_type else "Binary data"
        if packed_as:
            label = f"Compressed data ({packed_as})"
            notes.append("This compression was not requested and is not unpacked.")
        notes.append(f"The first {min(len(cut), _DUMPED):,} bytes, as hexadecimal numbers.")
        return Payload("binary", label, hex_dump(cut[:_DUMPED]), "text", whole, notes=tuple(notes))
    shown = _named(text, media_type, notes, was_cut=was_cut)
    language = shown.language if len(shown.text) <= _HIGHLIGHTED else "text"
    return replace(shown, size=whole, language=language, notes=tuple(notes), charset=charset)


def _text(body: bytes, content_type: str, notes: list[str], *, was_cut: bool) -> tuple[str | None, str]:
    """(the body as text, what it was read as); None when it is no text."""
    decoded = body_text(body, content_type, was_cut=was_cut)
    if decoded is None or _CONTROL.search(decoded.text):
        return None, ""
    if decoded.note:
        notes.append(decoded.note)
    return decoded.text, decoded.charset


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")


def _named(text: str, media_type: str, notes: list[str], *, was_cut: bool) -> Payload:
    """The text by what it is; `size` and the like are filled in by the caller."""
    stripped = text.lstrip("\ufeff \t\r\n")
    if media_type == "application/x-www-form-urlencoded":
        pretty = "\n".join(f"{name} = {value}" for name, value in parse_qsl(text, keep_blank_values=True))
        return Payload("form", "Form", pretty, "text", 0, text)
    if media_type.endswith(("/html", "xhtml+xml")) or re.match(r"(?i)<!doctype html|<html\b", stripped):
        notes.append("An HTML page, shown as its source: the address may be that of a website, not an API.")
        return Payload("html", "HTML", text, "html", 0)
    says_json = media_type.endswith(("/json", "+json"))
    if says_json or stripped[:1] in ("{", "["):
        indented = None if was_cut else indent_json(text)
        if says_json or indented is not None:
            if indented is None and not was_cut:
                notes.append(f"Not valid JSON, though it claims to be{_where_json_breaks(text)}. Shown as received.")
            return _indented("json", "JSON", text, indented)
    if media_type.endswith(("/xml", "+xml")) or stripped.startswith("<?xml"):
        indented = None if was_cut else indent_xml(text)
        if indented is None and not was_cut:
            notes.append("Not well-formed XML, or with a DTD; shown as received.")
        return _indented("xml", "XML", text, indented)
    return Payload("text", "Text", text, "text", 0)


def _indented(kind: str, label: str, text: str, indented: str | None) -> Payload:
    if indented is None:
        return Payload(kind, label, text, kind, 0)
    return Payload(kind, label, indented, kind, 0, text if text != indented else "", is_indented=True)


def _where_json_breaks(text: str) -> str:
    try:
        json.loads(text.lstrip("\ufeff"))
    except json.JSONDecodeError as error:
        return f" (line {error.lineno}, column {error.colno}: {error.msg})"
    except (ValueError, RecursionError):
        pass
    return ""


_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+)')


def indent_json(text: str) -> str | None:
    """The same JSON, indented: numbers, escapes, order and doubled names stay as they were written. None if it is none."""
    text = text.lstrip("\ufeff")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    out: list[str] = []
    depth, previous = 0, ""
    for match in _TOKEN.finditer(text):
        sign = match[1]
        if sign in "}]":
            depth -= 1
            out.append(sign if previous in ("{", "[") else "\n" + _indent(depth) + sign)
        else:
            if previous in ("{", "[", ","):
                out.append("\n" + _indent(depth))
            out.append(": " if sign == ":" else sign)
            depth += sign in ("{", "[")
        previous = sign
    return "".join(out)


def _indent(depth: int) -> str:
    """Two spaces a level, up to a depth that no eye follows: a nest of brackets must not swell the page."""
    return "  " * min(depth, 40)


_BLANK = "\ufeff \t\r\n"


def indent_xml(text: str) -> str | None:
    """The same XML, indented; None when it can't be parsed, or when it declares a DTD."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    declaration = re.match(r"\ufeff?\s*<\?xml[^>]*\?>", text)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True)
    try:
        # Without its declaration: what that says of the encoding was true of the bytes, not of this text.
        root = etree.fromstring(text[declaration.end() if declaration else 0 :].strip().encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    pretty = etree.tostring(root.getroottree(), pretty_print=True, encoding="unicode").rstrip()
    return f"{declaration[0].strip(_BLANK)}\n{pretty}" if declaration else pretty


def hex_dump(body: bytes) -> str:
    """Offset, sixteen bytes as hexadecimal numbers and as characters, a line each."""
    lines = []
    for start in range(0, len(body), 16):
        row = body[start : start + 16]
        characters = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
        lines.append(f"{start:08x}  {row.hex(' '):<47}  {characters}")
    return "\n".join(lines)
