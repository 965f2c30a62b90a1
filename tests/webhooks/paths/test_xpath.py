"""XPath (specification section 5): exact values, namespaces, several matches; nothing in a response is expanded,
fetched or included."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Receiver
from webhookui.webhooks import capture
from webhookui.webhooks.definition import CaptureRow
from webhookui.webhooks.paths.evaluation import evaluate
from webhookui.webhooks.paths.path_error import PathError
from webhookui.webhooks.paths.xpath import is_simple

ORDER = """<?xml version="1.0" encoding="UTF-8"?>
<order id="00420" paid="true"><!-- c -->
  <number>12345678901234567890</number><total cur="CZK">1250.00</total>
  <line n="1"><sku>bolt</sku><qty>3</qty></line>
  <line n="2"><sku>anvil</sku><qty>1</qty></line>
  <name>Žofie <b>&amp;</b> co</name><empty/><blank> </blank><data><![CDATA[<x> & y]]></data><deep><x><qty>7</qty></x></deep>
</order>""".encode()
SOAP = b"""<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<CreateResponse xmlns="urn:crm" xmlns:x="urn:x" x:trace="t-1"><result><id>981</id></result></CreateResponse>
</s:Body></s:Envelope>"""
SPACES = {"s": "http://schemas.xmlsoap.org/soap/envelope/", "c": "urn:crm", "t": "urn:x"}

FOUND: list[tuple[bytes, str, list[Any]]] = [
    (ORDER, "/order/@id", ["00420"]),
    (ORDER, "//@cur", ["CZK"]),
    (ORDER, "/order/total", ["1250.00"]),
    (ORDER, "/order/total/text()", ["1250.00"]),
    (ORDER, "//line/sku", ["bolt", "anvil"]),
    (ORDER, "//line[2]/sku", ["anvil"]),
    (ORDER, "//line[@n='2']/qty", ["1"]),
    (ORDER, "//line[sku='bolt']/qty", ["3"]),
    (ORDER, "//line[last()]/@n", ["2"]),
    (ORDER, "/order/line[qty > 2]/sku", ["bolt"]),
    (ORDER, "//sku[starts-with(., 'a')]", ["anvil"]),
    (ORDER, "//sku | //number", ["12345678901234567890", "bolt", "anvil"]),
    (ORDER, "/order/name", ["Žofie & co"]),
    (ORDER, "/order/name/text()", ["Žofie ", " co"]),
    (ORDER, "/order/data", ["<x> & y"]),
    (ORDER, "/order/empty", [""]),
    (ORDER, "/order/blank", [""]),
    (ORDER, "/order/comment()", ["c"]),
    (ORDER, "//deep//qty", ["7"]),
    (ORDER, "//x/ancestor::deep/preceding-sibling::total", ["1250.00"]),
    (ORDER, "/order/nothing", []),
    (ORDER, "//total/@nothing", []),
    # numbers: 12, not 12.0; digits as they are, or none
    (ORDER, "count(//line)", [2]),
    (ORDER, "count(//nothing)", [0]),
    (ORDER, "number(//qty)", [3]),
    (ORDER, "number(/order/total)", [1250]),
    (ORDER, "sum(//line/qty) div 8", [Decimal("0.5")]),
    (ORDER, "0.1 + 0.2", [Decimal("0.3")]),
    (ORDER, "1 div 3", [Decimal("0.333333333333333")]),
    (ORDER, "number(/order/name)", []),
    (ORDER, "1 div 0", []),
    (ORDER, "string-length(/order/number)", [20]),
    # truth values and texts
    (ORDER, "boolean(//line)", [True]),
    (ORDER, "//total > 1000", [True]),
    (ORDER, "//nothing = 'x'", [False]),
    (ORDER, "not(//line)", [False]),
    (ORDER, "string(/order/number)", ["12345678901234567890"]),
    (ORDER, "string(/order/@paid)", ["true"]),
    (ORDER, "string(/order/nothing)", []),
    (ORDER, "concat(/order/@id, '-', //sku)", ["00420-bolt"]),
    (ORDER, "normalize-space(/order/name)", ["Žofie & co"]),
    (ORDER, "substring-after(/order/total, '.')", ["00"]),
    (ORDER, "translate(/order/@id, '0', 'o')", ["oo42o"]),
    (ORDER, "name(/*)", ["order"]),
    # namespaces
    (SOAP, "/s:Envelope/s:Body/c:CreateResponse/c:result/c:id", ["981"]),
    (SOAP, "//c:id", ["981"]),
    (SOAP, "//@t:trace", ["t-1"]),
    (SOAP, "//id", []),
    (SOAP, "//*[local-name()='id']", ["981"]),
    (SOAP, "namespace-uri(//*[local-name()='id'])", ["urn:crm"]),
    (b"\xef\xbb\xbf<a>bom</a>", "/a", ["bom"]),
    ("<?xml version='1.0' encoding='ISO-8859-2'?><a>Žofie</a>".encode("iso-8859-2"), "/a", ["Žofie"]),
    ("<a>Žofie</a>".encode("utf-16"), "/a", ["Žofie"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "path", "expected"), FOUND, ids=lambda value: str(value)[:50])
def test_a_path_selects_these_values(body: bytes, path: str, expected: list[Any]) -> None:
    for find in (evaluate, capture.find):
        got = find("XPATH", path, body, SPACES)
        assert [(type(value), str(value)) for value in got] == [(type(value), str(value)) for value in expected]


def test_a_number_that_xpath_rounds_is_no_value() -> None:
    for path in ("number(/order/number)", "/order/number + 1", "9007199254740992 * 1", "-9007199254740993 * 1"):
        with pytest.raises(PathError, match="rounds numbers"):
            capture.find("XPATH", path, ORDER)
    assert capture.find("XPATH", "9007199254740991 * 1", ORDER) == [9007199254740991]


REFUSED: dict[str, int | None] = {
    "": None, "//": None, "/order[": None, "//a]": None, "//a[@b=]": None, "//a[@b='x]": None, "a b": None, "//a/": None,
    "@": None,
    "document('http://x')": 1, "//a[document('x')]": 5, "unparsed-entity-uri('x')": 1, "key('a','b')": 1, "id('a')": 1,
    "current()": 1,
    "generate-id(//a)": 1, "system-property('x')": 1, "matches(., 'x')": 1, "//a[lower-case(.)='x']": 5,
    "upper-case(//a)": 1,
    "str:tokenize(//a)": 1, "re:test(//a, 'x')": 1, "//n:a": 3, "//a[@n:b]": 6, "$a": 1, "//a[. = $b]": 9, "true": None,
    "a:b:c": 1,
    "for $a in //b return $a": 5, "//a[1 to 3]": None, "//a eq 'x'": None, "if (//a) then 1 else 2": 1, "doc('x')": 1,
    "//a!": None,
    "count()": None, "count(1)": None, "contains('a')": None, "string(1,2)": None, "sum('a')": None, "x" * 1001: None,
}  # fmt: skip


@pytest.mark.parametrize("path", [path for path in REFUSED if path != "true"], ids=lambda path: path[:40])
def test_a_path_that_cannot_be_read_is_refused_with_its_column(path: str) -> None:
    with pytest.raises(PathError) as refused:
        capture.check_path("XPATH", path, {"str": "urn:s", "re": "urn:r"} if ":t" in path else {})
    if REFUSED[path]:
        assert refused.value.column == REFUSED[path]


def test_declared_prefixes_and_quoted_look_alikes_are_taken() -> None:
    for path in (
        "//n:a",
        "//a[. = '$b']",
        "//a[. = 'x:y']",
        "//a[contains(., 'document(')]",
        "ancestor::a",
        "//a[self::b or self::c]",
    ):
        capture.check_path("XPATH", path, {"n": "urn:n"})


def test_a_default_namespace_is_pointed_out_when_nothing_matches() -> None:
    (taken,) = capture.read("XPATH", [CaptureRow("//id", "invoice_id")], b'<a xmlns="urn:a"><id>1</id></a>', {})
    assert taken.outcome == "no_match"
    assert "declare a prefix for it under Namespaces" in taken.message
    (taken,) = capture.read("XPATH", [CaptureRow("//nothing", "invoice_id")], ORDER, {})
    assert taken.message == "Nothing in the response matches this path."


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


def hostile(receiver: Receiver, folder: Path) -> dict[str, str]:
    secret = folder / "secret.txt"
    secret.write_text("TOP SECRET")
    dtd = folder / "x.dtd"
    dtd.write_text('<!ENTITY e "FROM DTD">')
    return {
        "billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l9;</a>',
        "billion laughs in an attribute": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a b="&l9;">x</a>',
        "quadratic": f'<!DOCTYPE a [<!ENTITY q "{"x" * 50000}">]><a>{"&q;" * 5000}</a>',
        "an internal entity": '<!DOCTYPE a [<!ENTITY e "EXPANDED">]><a>&e;</a>',
        "a file": f'<!DOCTYPE a [<!ENTITY e SYSTEM "{secret.as_uri()}">]><a>&e;</a>',
        "an address": f'<!DOCTYPE a [<!ENTITY e SYSTEM "{receiver.url}/entity">]><a>&e;</a>',
        "a parameter entity": f'<!DOCTYPE a [<!ENTITY % p SYSTEM "{receiver.url}/parameter"> %p;]><a>x</a>',
        "an external DTD": f'<!DOCTYPE a SYSTEM "{receiver.url}/x.dtd"><a>&e;</a>',
        "an external DTD file": f'<!DOCTYPE a SYSTEM "{dtd.as_uri()}"><a>x</a>',
        "a public DTD": f'<!DOCTYPE a PUBLIC "-//X//Y" "{receiver.url}/public.dtd"><a>x</a>',
        "a default attribute": '<!DOCTYPE a [<!ATTLIST a b CDATA "DEFAULTED">]><a>x</a>',
        "an empty doctype": "<!DOCTYPE a><a>x</a>",
        "an undeclared entity": "<a>&nbsp;</a>",
    }


CASES = list(hostile(type("Nowhere", (), {"url": ""})(), Path("/tmp")))  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_xml_with_a_document_type_is_not_read_and_nothing_of_it_is_fetched(
    tmp_path: Path, receiver: Receiver, case: str
) -> None:
    body = hostile(receiver, tmp_path)[case].encode()
    for path in ("/a", "/a/@b", "string(/)"):
        with pytest.raises(ValueError, match="be read as XML"):
            capture.find("XPATH", path, body)
    assert receiver.requests == []


def test_inclusions_and_stylesheets_are_text_like_any_other(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "secret.txt").write_text("TOP SECRET")
    included = (tmp_path / "secret.txt").as_uri()
    body = (
        f'<?xml-stylesheet href="{receiver.url}/s.xsl" type="text/xsl"?><a xmlns:xi="http://www.w3.org/2001/XInclude">'
        f'<xi:include href="{included}" parse="text"/><xi:include href="{receiver.url}/i"/>'
        f'<b xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x {receiver.url}/x.xsd">x</b></a>'
    ).encode()
    assert capture.find("XPATH", "string(/a)", body) == ["x"]
    assert receiver.requests == []


NOT_READ = [b"", b"text", b"{}", b"<a>", b"<a/><b/>", b"<a b=1/>", b"<a>\x00</a>", b"<a>&#0;</a>", b"<x:a/>", b"<a" * 1000,
            b"<a>" * 100_000, "<a>ž</a>".encode("latin2"), b"<?xml version='1.0' encoding='nope'?><a/>"]  # fmt: skip


@pytest.mark.parametrize("body", NOT_READ, ids=lambda body: ascii(body)[:24])
def test_what_is_no_xml_is_not_read(body: bytes) -> None:
    with pytest.raises(ValueError, match="can't be read as XML"):
        capture.find("XPATH", "/a", body)


SIMPLE = [
    "/a/b",
    "//a",
    "a/@b",
    "//a[1]/b[@c='d']/text()",
    "string(//a)",
    "count(/a/b)",
    "//n:a[local-name()='x']",
    "/a/*",
    ".",
]
NOT_SIMPLE = [
    "//a//b",
    "//a[//b]",
    "//*[count(//*)]",
    "/a/following::b",
    "a | b",
    "//a[b/c]",
    "//a[. > 1]",
    "sum(//a) + 1",
]


def test_paths_that_could_take_long_are_followed_apart() -> None:
    assert [path for path in SIMPLE if not is_simple(path)] == []
    assert [path for path in NOT_SIMPLE if is_simple(path)] == []


@pytest.mark.parametrize("digits", ["0.12345678901234567", "1234567890.12345678", "-0.1000000000000001"])
def test_a_number_whose_digits_xpath_rounds_is_refused_in_words(digits: str) -> None:
    body = f"<a><b>{digits}</b></a>".encode()
    with pytest.raises(PathError, match="Use the text instead"):
        capture.find("XPATH", "number(/a/b)", body)
    assert capture.find("XPATH", "/a/b", body) == [digits]
    assert capture.find("XPATH", "number(/a/b)", b"<a><b> 1234567890.12 </b></a>") == [Decimal("1234567890.12")]
