"""Content types: nested values as bytes, one entry each (SPEC section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from webhookui import exact_json
from webhookui.webhooks.values import as_text
from webhookui.webhooks.xml_body import NotEncodable, xml_body

__all__ = ["CONTENT_TYPES", "ContentType", "NotEncodable", "form_pairs"]


@dataclass(frozen=True)
class ContentType:
    """`media_type`: the Content-Type header. `encode(value, root name)` → body; raises NotEncodable. `escape`: how a secret is
    written into a text of it, a key of `secret_values.ESCAPES`."""

    name: str
    media_type: str
    encode: Callable[[Any, str], bytes]
    escape: str


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


CONTENT_TYPES: dict[str, ContentType] = {
    each.name: each
    for each in (
        ContentType("JSON", "application/json", _json, "j"),
        ContentType("JSONARRAY", "application/json", _json_array, "j"),
        ContentType("XML", "application/xml", xml_body, "x"),
        ContentType("FORM", "application/x-www-form-urlencoded", _form, "f"),
    )
}
