"""A response as a tree whose values each have their path, for click-to-capture (SPEC section 4.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from webhookui.webhooks import jsonpath, xpath
from webhookui.webhooks.values import as_text

MOST_NODES = 2000


@dataclass(frozen=True)
class Node:
    """`kind`: object, array, element, text, number, boolean, null or attribute. `type`: JSONPATH or XPATH, of its path."""

    name: str
    kind: str
    path: str
    type: str
    value: str = ""
    children: tuple[Node, ...] = ()


def tree_of(body: bytes, content_type: str = "") -> Node | None:
    """The tree of a JSON or XML body; None for anything else."""
    left = [MOST_NODES]
    start = body.lstrip()[:1]
    try:
        if start == b"<" or "xml" in content_type.lower():
            root = xpath.read(body)
            spaced = any(uri for uri in root.nsmap.values())
            return _element(root, f"/{_step(root.tag, spaced)}", spaced, left)
        return _json("$", jsonpath.read(body), "$", left)
    except ValueError:
        return None


def _json(name: str, value: Any, path: str, left: list[int]) -> Node:
    left[0] -= 1
    if isinstance(value, dict):
        children = []
        for key, inner in value.items():
            if left[0] > 0:
                children.append(_json(key, inner, path + _member(key), left))
        return Node(name, "object", path, "JSONPATH", "" if children else "{}", tuple(children))
    if isinstance(value, list):
        children = []
        for index, inner in enumerate(value):
            if left[0] > 0:
                children.append(_json(str(index), inner, f"{path}[{index}]", left))
        return Node(name, "array", path, "JSONPATH", "" if children else "[]", tuple(children))
    kind = (
        "null"
        if value is None
        else "boolean"
        if isinstance(value, bool)
        else "text"
        if isinstance(value, str)
        else "number"
    )
    shown = "null" if value is None else getattr(value, "digits", None) or as_text(value)
    return Node(name, kind, path, "JSONPATH", shown[:300])


def _member(key: str) -> str:
    """A name of RFC 9535: the short form where it may be used, else quoted."""
    if re.fullmatch(r"[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*", key):
        return f".{key}"
    quoted = key.replace("\\", "\\\\").replace("'", "\\'")
    quoted = "".join(each if each >= " " else f"\\u{ord(each):04x}" for each in quoted)
    return f"['{quoted}']"


def _step(tag: str, spaced: bool) -> str:
    local = tag.rpartition("}")[2]
    return f"*[local-name()='{local}']" if spaced else local


def _element(element: Any, path: str, spaced: bool, left: list[int]) -> Node:
    left[0] -= 1
    name = element.tag.rpartition("}")[2]
    children = []
    for key, value in element.attrib.items():
        local = key.rpartition("}")[2]
        step = f"@*[local-name()='{local}']" if "}" in key else f"@{local}"
        children.append(Node(f"@{local}", "attribute", f"{path}/{step}", "XPATH", value[:300]))
    inner = [child for child in element if isinstance(child.tag, str)]
    for child in inner:
        if left[0] > 0:
            same = [other for other in inner if other.tag == child.tag]
            step = _step(child.tag, spaced) + (f"[{same.index(child) + 1}]" if len(same) > 1 else "")
            children.append(_element(child, f"{path}/{step}", spaced, left))
    text = (element.text or "").strip()
    if not inner and element.attrib and text:
        children.append(Node("text()", "text", f"{path}/text()", "XPATH", text[:300]))
    return Node(name, "element", path, "XPATH", "" if children else text[:300], tuple(children))
