"""Content types: nested values as bytes, one entry each (specification section 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from webhookui.core import exact_json
from webhookui.webhooks import naming
from webhookui.webhooks.form_body import Rows, form_body
from webhookui.webhooks.secret_values import QUERY
from webhookui.webhooks.xml_body import NotEncodable, xml_body

__all__ = ["CONTENT_TYPES", "ContentType", "NotEncodable"]


@dataclass(frozen=True)
class ContentType:
    """`media_type`: the Content-Type header. `encode(rows, root name, list style)` → body; raises NotEncodable. `escape`: how a
    secret is written into a text of it, a key of `secret_values.ESCAPES`."""

    name: str
    media_type: str
    encode: Callable[[Rows, str, str], bytes]
    escape: str


def _json(rows: Rows, _root: str, _style: str) -> bytes:
    return exact_json.dumps(naming.nest(rows)).encode()


def _json_array(rows: Rows, _root: str, _style: str) -> bytes:
    value = naming.nest(rows)
    return exact_json.dumps(value if isinstance(value, list) else [value]).encode()


def _xml(rows: Rows, root: str, _style: str) -> bytes:
    return xml_body(naming.nest(rows), root)


def _form(rows: Rows, _root: str, style: str) -> bytes:
    return form_body(rows, style)


CONTENT_TYPES: dict[str, ContentType] = {
    content_type.name: content_type
    for content_type in (
        ContentType("JSON", "application/json", _json, "j"),
        ContentType("JSONARRAY", "application/json", _json_array, "j"),
        ContentType("XML", "application/xml", _xml, "x"),
        ContentType("FORM", "application/x-www-form-urlencoded", _form, QUERY),
    )
}
