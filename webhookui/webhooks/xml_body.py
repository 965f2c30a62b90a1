"""XML bodies by lxml (specification section 4.2): a list is a repeated element, `@x` an attribute, `#text` the text beside
attributes, and `@xmlns`, `@xmlns:x` declare namespaces for the element that they stand in and all within.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from xml.parsers import expat

from lxml import etree

from webhookui.webhooks.naming import Segment
from webhookui.webhooks.values import as_text

_START = (
    "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NCNAME = f"[{_START}][{_START}\\-.0-9\u00b7\u0300-\u036f\u203f-\u2040]*"
XML_NAME = re.compile(f"{_NCNAME}(:{_NCNAME})?")
"""A name of XML 1.0 with at most one colon (Namespaces in XML, section 4)."""
NAMESPACE = re.compile(r"[^\s<>\"{}|\\^`\x00-\x1f\x7f]+")
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
ALWAYS_DECLARED = {"xml": "http://www.w3.org/XML/1998/namespace"}

LIST_IN_LIST = "A list within a list, or an object in place of a text, can't be written in XML."

Spaces = Mapping[str | None, str]
"""Prefix (None for the default namespace) → URI, for what is in scope."""


class NotEncodable(Exception):
    """A value that the content type can't carry; the text is for people."""


def xml_body(value: Any, root: str) -> bytes:
    """The document in UTF-8, with its declaration. Raises NotEncodable."""
    if isinstance(value, list):
        value = {"item": value}
    element = _element(None, root, value, {})
    body: bytes = etree.tostring(element, encoding="UTF-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + body


def _element(parent: Any, name: str, value: Any, outer: Spaces) -> Any:
    declared = _declared(value)
    spaces = {**outer, **declared}
    tag = _qualified(name, spaces)
    try:
        node = etree.Element(tag, nsmap=declared) if parent is None else etree.SubElement(parent, tag, nsmap=declared)  # type: ignore[arg-type]
    except ValueError as error:
        raise NotEncodable(f"The element “{name}” can't be written: {error}.") from None
    if isinstance(value, dict):
        _fill(node, value, spaces)
    elif isinstance(value, list):
        raise NotEncodable(LIST_IN_LIST)
    else:
        node.text = _legal(value)
    return node


def _fill(element: Any, value: Mapping[str, Any], spaces: Spaces) -> None:
    for key, inner in value.items():
        if key == "@xmlns" or key.startswith("@xmlns:"):
            continue
        if key.startswith("@"):
            element.set(_qualified(key[1:], spaces, attribute=True), _legal(inner))
        elif key == "#text":
            element.text = _legal(inner)
        else:
            for item in inner if isinstance(inner, list) else [inner]:
                _element(element, key, item, spaces)


def _declared(value: Any) -> dict[str | None, str]:
    if not isinstance(value, dict):
        return {}
    declared: dict[str | None, str] = {}
    for key, uri in value.items():
        if key == "@xmlns" or key.startswith("@xmlns:"):
            prefix, text = key[7:] or None, _legal(uri)
            if problem := namespace_problem(key[7:] or "x", text):
                raise NotEncodable(f"{key} can't declare the namespace “{text}”. {problem}")
            declared[prefix] = text
    return declared


def namespace_problem(prefix: str, uri: str) -> str:
    """A sentence about what is wrong with a declared namespace (Namespaces in XML, sections 2 and 3); empty when all is well."""
    if not re.fullmatch(_NCNAME, prefix) or prefix in ALWAYS_DECLARED or prefix == "xmlns":
        return f"“{prefix}” is not a prefix that can be declared."
    if not uri:
        return "A namespace can't be empty."
    return "" if NAMESPACE.fullmatch(uri) else f"“{uri}” is not a URI."


def _qualified(name: str, spaces: Spaces, *, attribute: bool = False) -> str:
    if not XML_NAME.fullmatch(name):
        raise NotEncodable(f"“{name}” is not a legal XML name.")
    prefix, colon, local = name.rpartition(":")
    if not colon:
        space = None if attribute else spaces.get(None)
    elif prefix in spaces or prefix in ALWAYS_DECLARED:
        space = spaces.get(prefix) or ALWAYS_DECLARED[prefix]
    else:
        raise NotEncodable(_undeclared(prefix, name))
    return f"{{{space}}}{local}" if space else local


def _undeclared(prefix: str, name: str) -> str:
    return f"The prefix “{prefix}” of “{name}” is not declared. Add a parameter @xmlns:{prefix} with its URI."


def _legal(value: Any) -> str:
    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, list | dict) for item in value)):
        raise NotEncodable(LIST_IN_LIST)
    text = as_text(value)
    match = ILLEGAL.search(text)
    if match:
        raise NotEncodable(f"XML can't contain the character U+{ord(match.group()):04X}.")
    return text


Declared = set[tuple[tuple[Segment, ...], str]]
"""(place of an element, prefix that is declared there)"""


def declared_by(places: Iterable[Sequence[Segment]]) -> Declared:
    """The prefixes that parameters named `@xmlns:…` declare."""
    return {
        (tuple(place[:-1]), place[-1][7:])
        for place in places
        if isinstance(place[-1], str) and place[-1].startswith("@xmlns:")
    }


def root_problem(root: str, declared: Declared) -> str:
    """What is wrong with the name of the root element; empty when all is well."""
    if not XML_NAME.fullmatch(root) or not _known_everywhere(root):
        return f"“{root}” is not a legal XML element name."
    prefix, colon, _ = root.rpartition(":")
    return _undeclared(prefix, root) if colon and prefix not in ALWAYS_DECLARED and ((), prefix) not in declared else ""


def place_problem(place: Sequence[Segment], declared: Declared) -> str:
    """What is wrong with a place as elements and an attribute; empty when all is well."""
    return next(_problems(place, declared), "")


def _problems(place: Sequence[Segment], declared: Declared) -> Iterator[str]:
    for depth, segment in enumerate(place):
        last = depth == len(place) - 1
        if isinstance(segment, int):
            if not depth:
                yield "In XML the first part of a name is an element, not an index."
            elif isinstance(place[depth - 1], int):
                yield "XML can't have a list directly within a list: give its elements a name."
            continue
        if segment == "#text" or segment.startswith("@"):
            if not last:
                yield f"“{segment}” is a text in XML and can't have parts."
            if segment in ("#text", "@xmlns"):
                continue
        name = segment.removeprefix("@")
        if not XML_NAME.fullmatch(name) or not _known_everywhere(name):
            yield f"“{segment}” is not a legal XML name."
            continue
        prefix, colon, local = name.rpartition(":")
        if not colon or prefix in ALWAYS_DECLARED:
            continue
        if prefix == "xmlns":
            if not segment.startswith("@") or local in ("xml", "xmlns"):
                yield f"“{segment}” is not a legal XML name."
            continue
        reach = place[: depth if segment.startswith("@") else depth + 1]
        if not any((tuple(reach[:length]), prefix) in declared for length in range(len(reach) + 1)):
            yield _undeclared(prefix, name)


@lru_cache(maxsize=4096)
def _known_everywhere(name: str) -> bool:
    """Many parsers, expat among them, go by an older edition of XML, with fewer letters in names."""
    try:
        expat.ParserCreate().Parse(f"<{name.rpartition(':')[2]}/>", True)
    except expat.ExpatError:
        return False
    return True
