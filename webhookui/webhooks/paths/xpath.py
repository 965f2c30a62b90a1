"""XPath 1.0 on XML answers, by lxml: no entities, no DTD, no network (specification section 5)."""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from lxml import etree

from webhookui.webhooks.body_text import text_of
from webhookui.webhooks.paths.path_error import MAX_PATH, PathError

FUNCTIONS = frozenset({
    "last", "position", "count", "local-name", "namespace-uri", "name", "string", "concat", "starts-with", "contains",
    "substring-before", "substring-after", "substring", "string-length", "normalize-space", "translate", "boolean", "not", "true",
    "false", "lang", "number", "sum", "floor", "ceiling", "round",
    "text", "node", "comment", "processing-instruction",
})  # fmt: skip
"""The core functions of XPath 1.0 and its node tests, but for `id`, which speaks of a DTD."""
EXACT = 2**53
"""Whole numbers from here on are rounded by XPath."""

_NAME = r"(?:[A-Za-z_][\w.-]*:)?(?:[A-Za-z_][\w.-]*|\*)"
_TEST = rf"\[(?:\d+|last\(\)|(?:@?{_NAME}|(?:local-)?name\(\)|\.)\s*=\s*(?:'[^']*'|\"[^\"]*\"))\]"
_STEP = rf"(?:@?{_NAME}|\.|text\(\))(?:{_TEST})*"
_PATH = rf"(?:\.?//?)?{_STEP}(?:/{_STEP})*"
_NUMBER_OF = re.compile(rf"\s*number\(\s*({_PATH})\s*\)\s*")
_SIMPLE = re.compile(rf"\s*(?:{_PATH}|(?:string|count|number|boolean|normalize-space|sum)\(\s*{_PATH}\s*\))\s*")
"""Children and attributes, from the root or with one // in front, with tests on the element itself."""


def is_simple(path: str) -> bool:
    """Whether the path takes no longer than reading the response does, whatever the response is."""
    return bool(_SIMPLE.fullmatch(path))


@lru_cache(maxsize=1024)
def _compiled(path: str, namespaces: tuple[tuple[str, str], ...]) -> Any:
    if len(path) > MAX_PATH:
        raise PathError(f"At most {MAX_PATH} characters.")
    # Texts in quotes are blanked, so that places stay what they are.
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", lambda literal: "'" + " " * (len(literal[0]) - 2) + "'", path)
    if "$" in plain:
        raise PathError("Variables are not available here.", plain.find("$") + 1)
    for match in re.finditer(r"([\w.-]+(?::[\w.-]+)?)\s*\(", plain):
        if match[1] not in FUNCTIONS and match[1] not in ("and", "or", "div", "mod"):
            raise PathError(f"There is no function “{match[1]}” in XPath 1.0.", match.start() + 1)
    for match in re.finditer(r"(?<![\w.:-])([A-Za-z_][\w.-]*):(?!:)[A-Za-z_*]", plain):
        if match[1] not in dict(namespaces):
            raise PathError(f"The prefix “{match[1]}” is not declared in Namespaces.", match.start() + 1)
    try:
        return etree.XPath(path, namespaces=dict(namespaces) or None, regexp=False, smart_strings=False)
    except (etree.XPathError, ValueError, TypeError) as error:
        raise PathError(str(error)) from None


def check(path: str, namespaces: Mapping[str, str]) -> None:
    """Raises PathError."""
    query = _compiled(path, tuple(sorted(namespaces.items())))
    try:
        query(etree.Element("root"))
    except etree.XPathError as error:
        raise PathError(str(error)) from None


def find(path: str, body: bytes, namespaces: Mapping[str, str]) -> list[Any]:
    """The values that the path selects: texts of elements and attributes, a number, a truth value, a text that is not empty.

    Raises PathError, ValueError (no XML, or XML with a DTD).
    """
    query = _compiled(path, tuple(sorted(namespaces.items())))
    root = read(body)
    try:
        result = query(root)
    except etree.XPathError as error:
        raise PathError(f"The path fails on this response: {error}") from None
    if isinstance(result, list):
        return [_text(node) for node in result]
    if isinstance(result, float):
        _check_digits(path, namespaces, root, result)
        return _number(result)
    return [result] if result != "" else []


def read(body: bytes) -> Any:
    """An XML body's root element. Raises ValueError."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False,
        encoding="utf-8",  # of what is parsed, whatever the document's declaration said of its bytes
    )  # fmt: skip
    try:
        root = etree.fromstring(text_of(body).encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ValueError(str(error)) from None
    if root.getroottree().docinfo.internalDTD is not None:  # type: ignore[union-attr]
        raise ValueError("It has a document type definition; such XML is not read.")
    return root


def hint(path: str, namespaces: Mapping[str, str], body: bytes) -> str:
    """Why a path may match nothing, when it looks for elements of no namespace in a response whose elements have one."""
    try:
        root = read(body)
    except ValueError:
        return ""
    spaces = {etree.QName(element).namespace for element in root.iter(etree.Element)}
    if None in spaces or not spaces or re.search(r"\w:\w|local-name", path):
        return ""
    return (
        f" Its elements are in the namespace {root.nsmap.get(root.prefix)}: declare a prefix for it under Namespaces."
    )


_string_value = etree.XPath("string()", smart_strings=False)


def _text(node: Any) -> Any:
    if isinstance(node, etree._Comment | etree._ProcessingInstruction):
        return (node.text or "").strip()
    if isinstance(node, etree._Element):
        return str(_string_value(node)).strip()
    return node[1] if isinstance(node, tuple) else node


def _check_digits(path: str, namespaces: Mapping[str, str], root: Any, number: float) -> None:
    """Raises PathError for the number of a text whose digits XPath has rounded."""
    inner = _NUMBER_OF.fullmatch(path)
    if inner is None:
        return
    text = str(_compiled(f"string({inner[1]})", tuple(sorted(namespaces.items())))(root)).strip()
    if re.fullmatch(r"-?[0-9]*\.?[0-9]+", text) and Decimal(text) != Decimal(f"{number:.15g}"):
        raise PathError("XPath rounds numbers with so many digits. Use the text instead, without number().")


def _number(number: float) -> list[Any]:
    """A number as its digits say: 12, not 12.0; 0.3, not 0.30000000000000004. Nothing for what is no number."""
    if number != number or number in (float("inf"), float("-inf")):
        return []
    if abs(number) >= EXACT:
        raise PathError("XPath rounds numbers as large as this one. Use the text instead, without number().")
    return [int(number) if number == int(number) else Decimal(f"{number:.15g}")]
