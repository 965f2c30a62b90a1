"""FORM bodies and query strings: pairs, nested names in brackets, lists as the webhook says (specification section 4.2)."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote_plus

from webhookui.webhooks import naming
from webhookui.webhooks.naming import LEFT_OUT, Segment
from webhookui.webhooks.values import as_text

Rows = list[tuple[Sequence[Segment], Any]]
"""(place, value)"""
Pairs = Iterator[tuple[str, str]]
"""Encoded (name, text)."""


def form_body(rows: Rows, style: str) -> bytes:
    """The body of the rows (place, value), in their order; a name may stand there more than once."""
    pairs = _pairs("", [(place, value) for place, value in rows if value is not LEFT_OUT], style)
    return "&".join(f"{name}={text}" for name, text in pairs).encode()


def form_pairs(value: Any, prefix: str = "", style: str = "indexed") -> Pairs:
    """The pairs of a value, `prefix` being its encoded name. What is empty is an empty text.

    The brackets of the structure stand as they are; a bracket inside a name is encoded, so that it is none, but for a `[]` at
    the end: such a name says itself that it is one of a list.
    """
    if isinstance(value, list) and value and _is_flat(value):
        yield from _flat(value, prefix, "repeated" if prefix.endswith("[]") else style)
    elif isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from form_pairs(inner, _within(prefix, str(key)), style)
    elif prefix:
        yield prefix, "" if value in ([], {}) else quote_plus(as_text(value))


def _is_flat(values: list[Any]) -> bool:
    return not any(isinstance(value, dict | list) and value for value in values)


def _flat(values: list[Any], prefix: str, style: str) -> Pairs:
    texts = ["" if value in ([], {}) else quote_plus(as_text(value)) for value in values]
    if style == "comma":
        yield prefix, ",".join(texts)
        return
    for position, text in enumerate(texts):
        yield prefix + {"indexed": f"[{position}]", "brackets": "[]", "repeated": ""}[style], text


def _within(prefix: str, name: str) -> str:
    """A name in another, `a[b]`. Of a name that ends with `[]` these two stay behind what is encoded."""
    named, tail = (name[:-2], "[]") if len(name) > 2 and name.endswith("[]") else (name, "")
    encoded = quote_plus(named)
    return (f"{prefix}[{encoded}]" if prefix else encoded) + tail


def _pairs(prefix: str, rows: Rows, style: str) -> Pairs:
    """The rows below a name. What is in one object or list stands together, where its first row stood."""
    if rows and isinstance(rows[0][0][0], int):
        yield from form_pairs(naming.nest(rows), prefix, style)
        return
    inner: dict[Segment, Rows] = {}
    pairs: list[tuple[Segment, Any, Rows]] = []
    for (head, *rest), value in rows:
        if rest and head in inner:
            inner[head].append((rest, value))
        elif rest:
            inner[head] = [(rest, value)]
            pairs.append((head, None, inner[head]))
        else:
            pairs.append((head, value, []))
    for head, value, below in pairs:
        name = _within(prefix, str(head))
        yield from _pairs(name, below, style) if below else form_pairs(value, name, style)
