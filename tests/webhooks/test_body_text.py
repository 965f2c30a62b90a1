"""Bodies as text: by byte order mark, header, declaration, in this order, the same for whoever reads them
(specification section 4.5)."""

from __future__ import annotations

import codecs
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookui.web.log.payload import payload
from webhookui.webhooks import capture
from webhookui.webhooks.authoring.response_tree import tree_of
from webhookui.webhooks.body_text import as_utf8, body_text, marked, text_of
from webhookui.webhooks.paths import xpath
from webhookui.webhooks.paths.evaluation import evaluate

LATIN = '<?xml version="1.0" encoding="ISO-8859-1"?><a>Zoë</a>'
DOTNET = '<?xml version="1.0" encoding="utf-16"?><a>Zoë</a>'
PLAIN = "<a>Zoë</a>"
JSON = '{"a":"Zoë"}'

READ: list[tuple[str, bytes, str, str]] = [
    # what, bytes, Content-Type, charset
    ("UTF-8 by default", PLAIN.encode(), "application/xml", "UTF-8"),
    ("a declaration", LATIN.encode("latin-1"), "application/xml", "ISO8859-1"),
    ("a header over a declaration", LATIN.encode(), "application/xml; charset=utf-8", "UTF-8"),
    ("a header in quotes", LATIN.encode(), 'text/xml;x=1; Charset = "UTF-8"', "UTF-8"),
    ("a header of another charset", PLAIN.encode("cp1250"), "text/xml; charset=windows-1250", "CP1250"),
    ("a mark over a header", codecs.BOM_UTF8 + PLAIN.encode(), "text/xml; charset=iso-8859-1", "UTF-8"),
    ("a mark over a declaration", codecs.BOM_UTF8 + LATIN.encode(), "text/xml", "UTF-8"),
    ("UTF-16 with a mark", PLAIN.encode("utf-16"), "text/xml; charset=utf-8", "UTF-16"),
    ("UTF-16, big end first, with a mark", codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"), "", "UTF-16"),
    ("UTF-16 without a mark", DOTNET.encode("utf-16-le"), "text/xml; charset=utf-16", "UTF-16-LE"),
    ("UTF-16 without a mark or header", DOTNET.encode("utf-16-be"), "text/xml", "UTF-16-BE"),
    ("UTF-8 that says it is UTF-16", DOTNET.encode(), "text/xml", "UTF-8"),
    ("UTF-32", PLAIN.encode("utf-32"), "", "UTF-32"),
    ("JSON in UTF-16", JSON.encode("utf-16-le"), "application/json", "UTF-16-LE"),
    ("JSON in UTF-16 with a mark", JSON.encode("utf-16"), "application/json; charset=utf-16", "UTF-16"),
    ("JSON in UTF-32", JSON.encode("utf-32-be"), "application/json", "UTF-32-BE"),
    ("JSON in a charset of its header", JSON.encode("latin-1"), "application/json; charset=ISO-8859-1", "ISO8859-1"),
    ("JSON with HTML in it", '{"h":"<meta charset=latin-1>","a":"Zoë"}'.encode(), "application/json", "UTF-8"),
    ("an unknown charset", PLAIN.encode(), "text/xml; charset=no-such", "UTF-8"),
    ("a charset that it is not", PLAIN.encode(), "text/xml; charset=us-ascii", "UTF-8"),
    ("no charset at all", JSON.encode(), "application/json; charset=unicode_escape", "UTF-8"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "content_type", "charset"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_captures_trees_and_the_log_read_the_same(body: bytes, content_type: str, charset: str) -> None:
    decoded = body_text(body, content_type)
    assert decoded is not None
    assert (decoded.charset, "Zoë" in decoded.text, "\ufeff" in decoded.text) == (charset, True, False)
    is_xml = decoded.text.startswith("<")
    path = "/a" if is_xml else "$.a"
    assert capture.find("XPATH" if is_xml else "JSONPATH", path, as_utf8(body, content_type)) == ["Zoë"]
    shown = payload(body, content_type)
    assert ("Zoë" in shown.text, shown.charset) == (True, charset)
    tree = tree_of(body, content_type)
    assert tree is not None and "Zoë" in (tree.value, tree.children[-1].value if tree.children else "")


def test_a_path_that_is_followed_apart_reads_the_same() -> None:
    body = as_utf8(LATIN.encode(), "application/xml; charset=utf-8")
    assert capture.find("XPATH", "//*[contains(., 'Zo')]/.", body) == ["Zoë"]


@pytest.mark.parametrize("says", [LATIN, DOTNET, LATIN.replace("ISO-8859-1", "x-nope"), PLAIN, JSON])
def test_a_pasted_text_is_read_as_the_text_that_it_is(says: str) -> None:
    assert text_of(marked(says)) == says
    tree = tree_of(marked(says))
    assert tree is not None
    if says != JSON:
        assert xpath.find("/a", marked(says), {}) == ["Zoë"]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_json_is_found_in_whatever_unicode_it_is_written(text: str) -> None:
    document = json.dumps({"a": text}, ensure_ascii=False)
    for charset in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
        assert evaluate("JSONPATH", "$.a", as_utf8(document.encode(charset), "application/json"), {}) == [text]


def test_what_is_no_text_is_none() -> None:
    assert body_text(b"\x89PNG\r\n\x1a\n\xff") is None
    assert as_utf8(b"\xff\xfe\xfd", "text/plain; charset=idna") == b"\xff\xfe\xfd"
    assert marked(" \n") == b"", "which captures call empty"


def test_a_charset_that_costs_more_than_it_gives_is_none() -> None:
    started = time.process_time()
    body_text(b"xn--a." * 100_000, "text/plain; charset=punycode")
    body_text(b"<html>" + b"<meta " * 100_000, "text/html")
    assert time.process_time() - started < 1
