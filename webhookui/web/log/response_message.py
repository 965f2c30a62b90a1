"""The sentence in which a third party says what is wrong, taken out of its answer."""

import json
import re
from html import unescape
from typing import Any

from lxml import etree

from webhookui.web.log.payload import Payload

_SAYING = (
    "message", "error_description", "error_message", "errormessage", "faultstring", "detail", "errors", "error", "reason",
    "title", "description", "msg", "fault", "text",
)  # fmt: skip
"""Names under which services say what is wrong, the most telling first."""
_LONGEST = 300


def response_message(body: Payload) -> str:
    """The sentence, or the beginning of the answer when none can be told from the rest; empty for pages and binary data."""
    text = body.raw or body.text
    message = ""
    if body.kind == "json":
        try:
            message = _sentence(json.loads(text.lstrip("\ufeff"), parse_float=str), at_top=True)
        except (ValueError, RecursionError):
            message = ""
    elif body.kind == "xml":
        message = _of_xml(body.text)
    elif body.kind == "html":
        title = re.search(r"(?is)<title[^>]*>(.*?)</title>", text)
        return _short(unescape(title[1])) if title else ""
    elif body.kind in ("empty", "binary"):
        return ""
    return _short(message or text)


def _sentence(value: Any, *, at_top: bool = False) -> str:
    if isinstance(value, dict):
        lower = {str(key).lower(): key for key in value}
        for name in _SAYING:
            words = _sentence(value[lower[name]]) if name in lower else ""
            if words:
                return words
        if at_top:
            return ""
        pairs = ((key, _sentence(part)) for key, part in list(value.items())[:5])
        return "; ".join(f"{key}: {words}" for key, words in pairs if words)
    if isinstance(value, list):
        return "; ".join(words for part in value[:5] if (words := _sentence(part)))
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) and not at_top else ""


def _of_xml(text: str) -> str:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text).encode(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return ""
    words = {
        etree.QName(element).localname.lower(): element.text for element in root.iter(etree.Element) if element.text
    }
    return next((message for name in _SAYING if (message := (words.get(name) or "").strip())), "")


def _short(text: str) -> str:
    joined = " ".join(text[: 4 * _LONGEST].split())
    return joined if len(joined) <= _LONGEST else joined[: _LONGEST - 1] + "…"
