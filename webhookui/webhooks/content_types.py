"""Content types: nested values as bytes, one entry each (specification section 4.2)."""

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


def _json_array(rows: Rows, _root: str, _style: str) -> bytes:
    value = naming.nest(rows)
    return exact_json.dumps(value if isinstance(value, list) else [value]).encode()


CONTENT_TYPES: dict[str, ContentType] = {
    content_type.name: content_type
    for content_type in (
        ContentType(
            "JSON", "application/json", lambda rows, _root, _style: exact_json.dumps(naming.nest(rows)).encode(), "j"
        ),
        ContentType("JSONARRAY", "application/json", _json_array, "j"),
        ContentType("XML", "application/xml", lambda rows, root, _style: xml_body(naming.nest(rows), root), "x"),
        ContentType(
            "FORM", "application/x-www-form-urlencoded", lambda rows, _root, style: form_body(rows, style), QUERY
        ),
    )
}
