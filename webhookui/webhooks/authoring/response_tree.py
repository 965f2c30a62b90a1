"""A response as a tree whose values each have their path, for click-to-capture (specification section 4.6)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from webhookui.webhooks.body_text import body_text, marked
from webhookui.webhooks.paths import jsonpath, xpath
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
    decoded = body_text(body, content_type)
    if decoded is None:
        return None
    try:
        if decoded.text.lstrip().startswith("<") or "xml" in content_type.lower():
            root = xpath.read(marked(decoded.text))
            return _element(root, f"/{_step(root.tag)}", left)
        return _json("$", jsonpath.read(marked(decoded.text)), "$", left)
    except (ValueError, RecursionError):
        return None


_KINDS = {type(None): "null", bool: "boolean", str: "text"}
"""… of values that are no numbers."""


def _json(name: str, value: Any, path: str, left: list[int]) -> Node:
    left[0] -= 1
    if isinstance(value, dict | list):
        children = []
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if left[0] > 0:
                step = _member(key) if isinstance(key, str) else f"[{key}]"
                children.append(_json(str(key), inner, path + step, left))
        kind, empty = ("object", "{}") if isinstance(value, dict) else ("array", "[]")
        return Node(name, kind, path, "JSONPATH", "" if children else empty, tuple(children))
    shown = "null" if value is None else getattr(value, "digits", None) or as_text(value)
    return Node(name, _KINDS.get(type(value), "number"), path, "JSONPATH", shown[:300])


def _member(key: str) -> str:
    """A name of RFC 9535: the short form for plain names, else quoted: not every reader takes all letters unquoted."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
        return f".{key}"
    quoted = key.replace("\\", "\\\\").replace("'", "\\'")
    quoted = "".join(char if char >= " " else f"\\u{ord(char):04x}" for char in quoted)
    return f"['{quoted}']"


def _step(tag: str) -> str:
    """A child by its name; one in a namespace by its name alone, so that no prefix has to be declared."""
    space, _, local = tag.rpartition("}")
    return f"*[local-name()='{local}']" if space else local


def _selected_by(tag: str) -> set[str]:
    """The steps that select an element of this tag."""
    local = tag.rpartition("}")[2]
    return {_step(tag), f"*[local-name()='{local}']"}


def _attribute(element: Any, key: str) -> str:
    """The step of an attribute; one in a namespace by its name with the prefix that it has here."""
    space, _, local = key.rpartition("}")
    prefix = next((prefix for prefix, uri in element.nsmap.items() if prefix and uri == space[1:]), None)
    if not space:
        return f"@{local}"
    return f"@*[name()='{prefix}:{local}']" if prefix else f"@*[local-name()='{local}']"


def _element(element: Any, path: str, left: list[int]) -> Node:
    left[0] -= 1
    children = [
        Node(f"@{key.rpartition('}')[2]}", "attribute", f"{path}/{_attribute(element, key)}", "XPATH", value[:300])
        for key, value in element.attrib.items()
    ]
    inner = [child for child in element if isinstance(child.tag, str)]
    there: Counter[str] = Counter()
    for child in inner:
        there.update(_selected_by(child.tag))
    passed: Counter[str] = Counter()
    for child in inner:
        if left[0] <= 0:
            break
        passed.update(_selected_by(child.tag))
        step = _step(child.tag)
        children.append(_element(child, f"{path}/{step}{f'[{passed[step]}]' if there[step] > 1 else ''}", left))
    text = (element.text or "").strip()
    if not inner and element.attrib and text:
        children.append(Node("text()", "text", f"{path}/text()", "XPATH", text[:300]))
    name = element.tag.rpartition("}")[2]
    return Node(name, "element", path, "XPATH", "" if children else text[:300], tuple(children))
