"""XPath 1.0 on XML answers, by lxml: no entities, no DTD, no network (SPEC section 5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from lxml import etree

from webhookui.webhooks.jsonpath import MAX_PATH, PathError

_FORBIDDEN = re.compile(r"\b(document|unparsed-entity-uri|key|generate-id|system-property)\s*\(")


@lru_cache(maxsize=1024)
def _compiled(path: str, namespaces: tuple[tuple[str, str], ...]) -> Any:
    if len(path) > MAX_PATH:
        raise PathError(f"At most {MAX_PATH} characters.")
    if _FORBIDDEN.search(path):
        raise PathError("This function is not offered here.")
    for prefix in re.findall(
        r"(?<![\w.:-])([A-Za-z_][\w.-]*):(?!:)[A-Za-z_*]", re.sub(r"'[^']*'|\"[^\"]*\"", "''", path)
    ):
        if prefix not in dict(namespaces):
            raise PathError(f"The prefix “{prefix}” is not declared in Namespaces.", path.find(prefix + ":") + 1)
    try:
        return etree.XPath(path, namespaces=dict(namespaces) or None, regexp=False, smart_strings=False)
    except (etree.XPathError, ValueError) as error:
        raise PathError(str(error)) from None


def check(path: str, namespaces: Mapping[str, str]) -> None:
    """Raises PathError."""
    query = _compiled(path, tuple(sorted(namespaces.items())))
    try:
        query(etree.Element("root"))
    except etree.XPathError as error:
        raise PathError(str(error)) from None


def find(path: str, body: bytes, namespaces: Mapping[str, str]) -> list[Any]:
    """The values that the path selects: texts of elements and attributes, a number, a truth value, a string.

    Raises PathError, ValueError (no XML, or XML with a DTD).
    """
    query = _compiled(path, tuple(sorted(namespaces.items())))
    try:
        found = query(read(body))
    except etree.XPathError as error:
        raise PathError(f"The path fails on this response: {error}") from None
    if isinstance(found, list):
        return [_text(each) for each in found]
    if isinstance(found, float):
        if found != found or found in (float("inf"), float("-inf")):
            return []
        return [int(found) if found == int(found) else found]
    return [found]


def read(body: bytes) -> Any:
    """An XML body's root element. Raises ValueError."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False,
        remove_comments=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ValueError(f"The response is no XML: {error}") from None
    if root.getroottree().docinfo.doctype:  # type: ignore[union-attr]
        raise ValueError("The response has a document type definition; such XML is not read.")
    return root


def _text(found: Any) -> Any:
    if isinstance(found, etree._Element):
        return "".join(str(text) for text in found.itertext()).strip()
    return found[1] if isinstance(found, tuple) else found
