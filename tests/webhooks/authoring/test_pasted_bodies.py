"""A pasted body says the same again, as rows or as RAW, or is refused (specification section 4.6).

Judged by other readers than the product's own.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhookui.webhooks.authoring.pasted import PasteProblem, body_of, request_of
from webhookui.webhooks.body_text import marked
from webhookui.webhooks.content_types import CONTENT_TYPES

law = settings(max_examples=150, deadline=None)


def pasted(text: str, kind: str) -> tuple[str, bytes]:
    """How it came over, and the body that goes out. The text is what a person sees, whatever it says that it is written in."""
    body = text.encode() if kind == "FORM" else marked(text)
    document = body_of(body, kind, CONTENT_TYPES[kind].media_type).document
    return ("raw" if document["content_type"] == "RAW" else "rows"), request_of(document).body or b""


# ---- tables -----------------------------------------------------------------------------------------------------------

XML = {
    "<a>text</a>": "rows",
    '<a><b c="1"/></a>': "rows",
    '<b c="1"/>': "rows",
    '<a><b xml:lang="de">x</b></a>': "rows",
    '<a xmlns:x="urn:x"><b x:c="1" d="2"/></a>': "rows",
    "<a><b> x </b><c>\n</c></a>": "rows",
    "<a>\n  <b>1</b>\n</a>": "rows",
    "<a><b><![CDATA[<&>]]></b></a>": "rows",
    "<a><!-- why --><b>1<!-- x -->2</b></a>": "rows",
    '<?xml version="1.0" encoding="ISO-8859-1"?><a><b>Müller</b></a>': "rows",
    '<?xml version="1.0" encoding="windows-1252"?><a><b>10 €</b></a>': "rows",
    '<?xml version="1.0" encoding="UTF-16"?><a><b>Ω</b></a>': "rows",
    "\ufeff<a><b>ü</b></a>": "rows",
    "<p>one <b>two</b> three</p>": "raw",
    "<a><b>1</b><c/><b>2</b></a>": "raw",
    "<a><?pi x?><b>1</b></a>": "raw",
    '<?xml version="1.0" encoding="ISO-8859-1"?><p>Müller <b>x</b></p>': "raw",
    '<a xml:space="preserve"> <b>1</b> </a>': "raw",
    "<a/>": "raw",
    "<p>{{ x }} <b>{% y %}</b></p>": "raw",
    '<!DOCTYPE a SYSTEM "x"><a/>': "refused",
    "<a><b></a>": "refused",
}


@pytest.mark.parametrize("text", XML)
def test_xml(text: str) -> None:
    if XML[text] == "refused":
        with pytest.raises(PasteProblem):
            pasted(text, "XML")
        return
    how, body = pasted(text, "XML")
    assert how == XML[text]
    assert canonical(body) == canonical(text)


def canonical(document: str | bytes) -> str:
    """By the standard library; of a text the declared encoding is not what it stands in. Indentation is taken out."""
    if isinstance(document, bytes):
        declared = re.match(rb"<\?xml[^>]*encoding=\"([^\"]*)\"", document)
        document = document.decode(declared[1].decode() if declared else "utf-8")
    plain = re.sub(r'(<\?xml[^>]*?) encoding="[^"]*"', r"\1", document.removeprefix("\ufeff"))
    return ElementTree.canonicalize(re.sub(r"(?<=[>])\n *(?=<[bp/])", "", plain) if "<c>\n" not in plain else plain)


JSON = {
    '{"a":1.0,"b":1,"c":-0.0,"d":null,"e":[],"f":{},"g":[{}]}': "rows",
    '{"a.b":1,"0":2,"{{ x }}":"{{ y }}"}': "rows",
    '{"a":{"":1," b":2,"c\\nd":3}}': "rows",
    '{"a":"1\\r\\n2\\r3\\n"}': "rows",
    '\ufeff{"a":1}': "rows",
    '{"a":-0}': "raw",
    '{"a":1,"a":2}': "raw",
    '{"a":1e500}': "raw",
    '{"":1}': "raw",
    '{"a\\nb":1}': "raw",
    "[]": "raw",
    "{}": "raw",
    "7": "raw",
    '"a"': "raw",
    '{"a":NaN}': "refused",
    '{"a":1,}': "refused",
    "": "refused",
}


@pytest.mark.parametrize("text", JSON)
def test_json(text: str) -> None:
    if JSON[text] == "refused":
        with pytest.raises(PasteProblem):
            pasted(text, "JSON")
        return
    how, body = pasted(text, "JSON")
    assert how == JSON[text]
    assert tokens(body.decode()) == tokens(text.removeprefix("\ufeff"))


def tokens(text: str) -> Any:
    """Names in their order, and numbers such that 1e3 is 1000 and 1.0 is not 1."""

    def number(digits: str) -> Any:
        value = Decimal(digits)
        return "number", value, value.is_signed(), "." in digits

    return json.loads(text, object_pairs_hook=lambda pairs: ("object", pairs), parse_int=number, parse_float=number)


FORM = {
    "a=1&b[c]=2&l[0]=x&l[1]=y": "rows",
    "a.b=1&c=&d=%C3%BC+x": "rows",
    "a=1&a[b]=2": "raw",
    "a=1&flag": "raw",
    "a=M%FCller": "raw",
    "a[1]=x": "raw",
    "a[b=1": "raw",
    "cpu,host=a value=1": "raw",
    "Backup done": "raw",
}


@pytest.mark.parametrize("text", FORM)
def test_form(text: str) -> None:
    how, body = pasted(text, "FORM")
    assert how == FORM[text]
    assert pairs(body) == pairs(text.encode())


def pairs(body: bytes) -> list[list[bytes]]:
    return [[unquote_to_bytes(half.replace(b"+", b" ")) for half in pair.split(b"=", 1)] for pair in body.split(b"&")]


# ---- laws -------------------------------------------------------------------------------------------------------------

text_in_json = st.text(st.sampled_from(list('{}%#\\"\n\r\t .é\0u')), max_size=6)
numbers = st.sampled_from(["0", "-0", "1", "1.0", "1.10", "-0.0", "1e3", "1E400", "1e401", "9" * 40, "0.1e-7"])
values = st.recursive(
    st.one_of(numbers, text_in_json.map(json.dumps), st.sampled_from(["null", "true", "{}", "[]"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda drawn: f"[{','.join(drawn)}]"),
        st.lists(st.tuples(st.sampled_from(["a", "b", "", "0", "a.b", " c", "{{d}}"]), inner), max_size=3).map(
            lambda drawn: "{" + ",".join(f"{json.dumps(name)}: {value}" for name, value in drawn) + "}"
        ),
    ),
    max_leaves=8,
)


@law
@given(values)
def test_whatever_json_is_pasted_goes_out_again_or_is_refused(text: str) -> None:
    try:
        _, body = pasted(text, "JSON")
    except PasteProblem:
        return
    assert tokens(body.decode()) == tokens(text)


names = st.sampled_from(["a", "b", "c"])
attributes = st.dictionaries(names, st.text(st.sampled_from(list("x {%é")), max_size=4), max_size=2)
words = st.text(st.sampled_from(list("x y{%é")), max_size=4).filter(lambda drawn: drawn == "" or drawn.strip())


def element(name: str, written: dict[str, str], content: list[str]) -> str:
    inside = "".join(f' {key}="{value}"' for key, value in written.items())
    return f"<{name}{inside}>{''.join(content)}</{name}>"


leaves = st.builds(element, names, attributes, st.lists(words, max_size=1))
elements = st.recursive(
    leaves,
    lambda inner: st.builds(element, names, attributes, st.lists(st.one_of(inner, inner, words), max_size=4)),
    max_leaves=8,
)


@law
@given(elements)
def test_whatever_xml_is_pasted_goes_out_again(text: str) -> None:
    _, body = pasted(text, "XML")
    assert ElementTree.canonicalize(body.decode()) == ElementTree.canonicalize(text)


@law
@given(st.text(st.sampled_from(list("ab=&[]0123.%F+ ,é;")), min_size=1, max_size=16))
def test_whatever_form_is_pasted_goes_out_again_or_is_refused(text: str) -> None:
    try:
        _, body = pasted(text, "FORM")
    except PasteProblem:
        return
    assert [pair for pair in pairs(body) if pair != [b""]] == [pair for pair in pairs(text.encode()) if pair != [b""]]
