"""Bodies of requests and responses as a page shows them: labelled, pretty-printed where that loses nothing, always as text.

What a third party sent is never rendered: HTML is shown as its source, and bytes that are no text as a hex dump.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from lxml import etree

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


def payload(body: bytes | None, content_type: str = "", size: int | None = None) -> Payload:
    """The body for a page. `size`: bytes of the whole when `body` is only its beginning."""
    whole = max(size or 0, len(body or b""))
    if not body:
        note = ("The body was not kept.",) if whole else ()
        return Payload("empty", "No body", "", "text", whole, notes=note)
    cut = body[:KEPT]
    notes = (f"Cut: the first {len(cut):,} of {whole:,} bytes are shown.",) if whole > len(cut) else ()
    text = _text(cut, content_type, was_cut=bool(notes))
    if text is None:
        return Payload("binary", "Binary data", hex_dump(cut[:_DUMPED]), "text", whole, notes=_dump_note(cut, notes))
    return _named(text, content_type.partition(";")[0].strip().lower(), whole, notes)


def _dump_note(cut: bytes, notes: tuple[str, ...]) -> tuple[str, ...]:
    return (*notes, f"The first {min(len(cut), _DUMPED):,} bytes, as hexadecimal numbers.")


def _text(body: bytes, content_type: str, *, was_cut: bool) -> str | None:
    """The body as text, None when it is none."""
    charset = re.search(r"charset=\"?([\w.-]+)", content_type, re.ASCII)
    for name in dict.fromkeys((charset[1] if charset else "utf-8", "utf-8")):
        for end in (len(body), *(len(body) - n for n in (1, 2, 3) if was_cut)):  # a cut may fall inside a character
            try:
                text = body[:end].decode(name)
            except (UnicodeDecodeError, LookupError):
                continue
            return None if _CONTROL.search(text) else text
    return None


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")


def _named(text: str, media_type: str, size: int, notes: tuple[str, ...]) -> Payload:
    stripped = text.lstrip("\ufeff \t\r\n")
    if media_type == "application/x-www-form-urlencoded":
        pretty = "\n".join(f"{name} = {value}" for name, value in parse_qsl(text, keep_blank_values=True))
        return Payload("form", "Form", pretty, "text", size, text, notes)
    if media_type.endswith(("/html", "xhtml+xml")) or re.match(r"(?i)<!doctype html|<html\b", stripped):
        notes = (*notes, "An HTML page, shown as its source: the address may be a web site and not an API.")
        return _coloured("html", "HTML", text, "html", size, "", notes)
    if media_type.endswith(("/json", "+json")) or stripped[:1] in ("{", "["):
        indented = None if _is_cut(notes) else indent_json(text)
        if indented is not None or media_type.endswith(("/json", "+json")):
            if indented is None and not _is_cut(notes):
                notes = (*notes, "Not valid JSON, though it says so; shown as received.")
            return _coloured("json", "JSON", indented or text, "json", size, text if indented else "", notes)
    if media_type.endswith(("/xml", "+xml")) or stripped.startswith("<?xml"):
        indented = indent_xml(text) if not _is_cut(notes) else None
        return _coloured("xml", "XML", indented or text, "xml", size, text if indented else "", notes)
    return Payload("text", "Text", text, "text", size, notes=notes)


def _is_cut(notes: Sequence[str]) -> bool:
    return bool(notes)


def _coloured(kind: str, label: str, text: str, language: str, size: int, raw: str, notes: tuple[str, ...]) -> Payload:
    if len(text) > _HIGHLIGHTED:
        language = "text"
    return Payload(kind, label, text, language, size, raw if raw != text else "", notes)


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
            out.append(sign if previous in ("{", "[") else f"\n{'  ' * depth}{sign}")
        else:
            if previous in ("{", "[", ","):
                out.append("\n" + "  " * depth)
            out.append(": " if sign == ":" else sign)
            depth += sign in ("{", "[")
        previous = sign
    return "".join(out)


def indent_xml(text: str) -> str | None:
    """The same XML, indented; None when it can't be parsed, or when it declares a DTD."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_blank_text=True)
    try:
        root = etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    declaration = re.match(r"\s*<\?xml[^>]*\?>", text)
    pretty = etree.tostring(root, pretty_print=True, encoding="unicode").rstrip()
    return f"{declaration[0].strip()}\n{pretty}" if declaration else pretty


def hex_dump(body: bytes) -> str:
    """Offset, sixteen bytes as hexadecimal numbers and as characters, a line each."""
    lines = []
    for start in range(0, len(body), 16):
        row = body[start : start + 16]
        characters = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
        lines.append(f"{start:08x}  {row.hex(' '):<47}  {characters}")
    return "\n".join(lines)


def content_type_of(headers: Sequence[Sequence[str]]) -> str:
    """The value of Content-Type among stored headers, empty when there is none."""
    return next((value for name, value in headers if name.lower() == "content-type"), "")
