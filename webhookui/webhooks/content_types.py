"""Content types: nested values as bytes, one entry each (SPEC section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from lxml import etree

from webhookui import exact_json
from webhookui.webhooks.values import as_text

XML_NAME = re.compile(
    r"[A-Za-z_\u00c0-\ud7ff][\w.\-\u00b7\u00c0-\ud7ff]*(:[A-Za-z_\u00c0-\ud7ff][\w.\-\u00b7\u00c0-\ud7ff]*)?"
)
XML_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
XML_NAMESPACES: dict[str | None, str] = {"xml": "http://www.w3.org/XML/1998/namespace"}


class NotEncodable(Exception):
    """A value that the content type can't carry; the text is for people."""


@dataclass(frozen=True)
class ContentType:
    """`media_type`: the Content-Type header. `encode(value, root name)` → body."""

    name: str
    media_type: str
    encode: Callable[[Any, str], bytes]


def _json(value: Any, _root: str) -> bytes:
    return exact_json.dumps(value).encode()


def _json_array(value: Any, _root: str) -> bytes:
    return exact_json.dumps(value if isinstance(value, list) else [value]).encode()


def _form(value: Any, _root: str) -> bytes:
    return "&".join(f"{name}={text}" for name, text in form_pairs(value)).encode()


def form_pairs(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Encoded (name, text) with brackets for what is nested: `a[b]`, `lines[0][name]`. What is empty is an empty text.

    The brackets of the structure stand as they are; a bracket inside a name is encoded, so that it is none.
    """
    if isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            name = quote_plus(str(key))
            yield from form_pairs(inner, f"{prefix}[{name}]" if prefix else name)
    elif prefix:
        yield prefix, "" if value in ([], {}) else quote_plus(as_text(value))


def _xml(value: Any, root: str) -> bytes:
    declared = (
        {key[6:]: as_text(text) for key, text in value.items() if key.startswith("@xmlns:")}
        if isinstance(value, dict)
        else {}
    )
    default = as_text(value["@xmlns"]) if isinstance(value, dict) and value.get("@xmlns") else None
    spaces: dict[str | None, str] = {**declared, **({None: default} if default else {})}
    element = etree.Element(_qualified(root, spaces), nsmap=spaces or None)  # type: ignore[arg-type]  # a key None is the default namespace
    if isinstance(value, list):
        for each in value:
            _fill(etree.SubElement(element, _qualified("item", spaces)), each, spaces)
    else:
        _fill(element, value, spaces)
    body: bytes = etree.tostring(element, xml_declaration=True, encoding="UTF-8")
    return body.replace(b"<?xml version='1.0' encoding='UTF-8'?>\n", b'<?xml version="1.0" encoding="UTF-8"?>\n', 1)


def _fill(element: Any, value: Any, spaces: dict[str | None, str]) -> None:
    """The value as the element's attributes, children and text; a list is a repeated element."""
    if not isinstance(value, dict):
        element.text = _legal(value)
        return
    for key, inner in value.items():
        if key == "@xmlns" or key.startswith("@xmlns:"):
            continue
        if key.startswith("@"):
            element.set(_qualified(key[1:], spaces, attribute=True), _legal(inner))
        elif key == "#text":
            element.text = _legal(inner)
        else:
            for each in inner if isinstance(inner, list) else [inner]:
                _fill(etree.SubElement(element, _qualified(key, spaces)), each, spaces)


def _qualified(name: str, spaces: dict[str | None, str], *, attribute: bool = False) -> str:
    prefix, colon, local = name.rpartition(":")
    known = XML_NAMESPACES | spaces
    if colon and prefix not in known:
        raise NotEncodable(
            f"The prefix “{prefix}” of “{name}” is not declared. Add a parameter @xmlns:{prefix} with its URI."
        )
    if not XML_NAME.fullmatch(name):
        raise NotEncodable(f"“{name}” is not a legal XML name.")
    space = known.get(prefix) if colon else None if attribute else spaces.get(None)
    return f"{{{space}}}{local}" if space else local


def _legal(value: Any) -> str:
    text = as_text(value)
    found = XML_ILLEGAL.search(text)
    if found:
        raise NotEncodable(f"The character U+{ord(found.group()):04X} can't stand in XML.")
    return text


def xml_name_problem(segment: str | int, position: int) -> str:
    """What is wrong with a segment as an XML name; empty when all is well."""
    if isinstance(segment, int):
        return "" if position else "In XML the first part of a name is an element, not an index."
    if segment == "#text":
        return ""
    name = segment[1:] if segment.startswith("@") else segment
    return "" if XML_NAME.fullmatch(name) else f"“{segment}” is not a legal XML element name."


CONTENT_TYPES: dict[str, ContentType] = {
    each.name: each
    for each in (
        ContentType("JSON", "application/json", _json),
        ContentType("JSONARRAY", "application/json", _json_array),
        ContentType("XML", "application/xml", _xml),
        ContentType("FORM", "application/x-www-form-urlencoded", _form),
    )
}
