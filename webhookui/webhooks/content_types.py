"""Content types: nested values as bytes, one entry each (SPEC section 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from webhookui import exact_json
from webhookui.webhooks.form_body import form_pairs, joined
from webhookui.webhooks.xml_body import NotEncodable, xml_body

__all__ = ["CONTENT_TYPES", "ContentType", "NotEncodable"]


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
    return joined(form_pairs(value))


CONTENT_TYPES: dict[str, ContentType] = {
    each.name: each
    for each in (
        ContentType("JSON", "application/json", _json, "j"),
        ContentType("JSONARRAY", "application/json", _json_array, "j"),
        ContentType("XML", "application/xml", xml_body, "x"),
        ContentType("FORM", "application/x-www-form-urlencoded", _form, "f"),
    )
}
