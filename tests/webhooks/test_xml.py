"""XML bodies (specification section 4.2): elements, attributes, escapes, namespaces, and what is refused when saved or sent."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from tests.support.building import Refused, body, refusals
from webhookui.webhooks.request import RequestError

START = '<?xml version="1.0" encoding="UTF-8"?>\n'

WRITTEN: list[tuple[list[tuple[Any, ...]], str]] = [
    ([("a.b", "1", "number"), ("c", "2", "number")], "<root><a><b>1</b></a><c>2</c></root>"),
    ([("a", "")], "<root><a></a></root>"),
    ([("a", "null", "json"), ("b", "true", "boolean"), ("c", "1.50", "number")], "<root><a></a><b>true</b><c>1.50</c></root>"),
    ([("@id", "7"), ("a.@x", "y"), ("a.b", "1")], '<root id="7"><a x="y"><b>1</b></a></root>'),
    ([("a.@x", "y"), ("a.#text", "z")], '<root><a x="y">z</a></root>'),
    ([("l.0", "x"), ("l.1", "y")], "<root><l>x</l><l>y</l></root>"),
    ([("l.0.@n", "1"), ("l.0.a", "x"), ("l.1.a", "y")], '<root><l n="1"><a>x</a></l><l><a>y</a></l></root>'),
    ([("o.l", '[{"a":1},{"a":2},3]', "json")], "<root><o><l><a>1</a></l><l><a>2</a></l><l>3</l></o></root>"),
    ([("a", "[]", "json"), ("b", "{}", "json")], "<root><b/></root>"),
    ([("a", "<b>&amp;\"'</b>")], "<root><a>&lt;b&gt;&amp;amp;\"'&lt;/b&gt;</a></root>"),
    ([("a.@x", "<\"'&\n\t>")], "<root><a x=\"&lt;&quot;'&amp;&#10;&#9;&gt;\"/></root>"),
    ([("a", "]]>"), ("b", "ž\U0001f600")], "<root><a>]]&gt;</a><b>ž\U0001f600</b></root>"),
    ([("a", "x\r\ny")], "<root><a>x&#13;\ny</a></root>"),
    ([("ž.名.é-1_x·", "1")], "<root><ž><名><é-1_x·>1</é-1_x·></名></ž></root>"),
    ([("@xmlns", "urn:a"), ("b", "1")], '<root xmlns="urn:a"><b>1</b></root>'),
    ([("@xmlns:x", "urn:x"), ("x:a.@x:b", "1"), ("x:a.c", "2")], '<root xmlns:x="urn:x"><x:a x:b="1"><c>2</c></x:a></root>'),
    ([("a.@xmlns:x", "urn:x"), ("a.x:b", "1"), ("c", "2")], '<root><a xmlns:x="urn:x"><x:b>1</x:b></a><c>2</c></root>'),
    ([("x:a.@xmlns:x", "urn:x"), ("x:a.x:b", "1")], '<root><x:a xmlns:x="urn:x"><x:b>1</x:b></x:a></root>'),
    ([("a.@xmlns", "urn:a"), ("a.b", "1"), ("c", "2")], '<root><a xmlns="urn:a"><b>1</b></a><c>2</c></root>'),
    ([("@xml:lang", "cs"), ("a", "1")], '<root xml:lang="cs"><a>1</a></root>'),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "xml"), WRITTEN, ids=lambda value: str(value)[:50])
def test_rows_are_written_like_this(rows: list[tuple[Any, ...]], xml: str) -> None:
    written = body(rows, content_type="XML")
    assert written == START + xml
    ElementTree.fromstring(written)


def test_a_soap_envelope_can_be_built() -> None:
    rows = [
        ("@xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/"),
        ("soap:Body.Create.@xmlns", "urn:crm"),
        ("soap:Body.Create.name", "Zoë & co"),
    ]
    assert body(rows, content_type="XML", xml_root="soap:Envelope") == START + (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        '<Create xmlns="urn:crm"><name>Zoë &amp; co</name></Create></soap:Body></soap:Envelope>'
    )


ILLEGAL_NAMES = [
    "a b", "1a", "-a", "a<", "a>", "a&", 'a"', "a'", "a/b", "a=", "@", "@1", "@a b", "a:", ":a", "a:b:c", "#", "#text2",
    "²", "a×", "a\u037e", "\u200b", "xmlns:a", "@xmlns:xml", "@xmlns:xmlns", "@xmlns:", "a.@b.c", "a.#text.b", "@b.c", "a.@b.0",
]  # fmt: skip


@pytest.mark.parametrize("name", ILLEGAL_NAMES)
def test_a_name_that_xml_does_not_know_is_refused_when_saved(name: str) -> None:
    assert "parameters.0.name" in refusals([(name, "x")], content_type="XML")
    assert refusals([(name, "x")], content_type="JSON") == {}


REFUSED: list[tuple[list[tuple[Any, ...]], dict[str, str]]] = [
    ([("x:a", "1")], {"parameters.0.name": "The prefix “x” of “x:a” is not declared. Add a parameter @xmlns:x"}),
    ([("a.@x:b", "1")], {"parameters.0.name": "The prefix “x” of “x:b” is not declared"}),
    ([("a.@xmlns:x", "urn:x"), ("x:b", "1")], {"parameters.1.name": "The prefix “x”"}),
    ([("a.@xmlns:x", "urn:x"), ("b.x:c", "1")], {"parameters.1.name": "The prefix “x”"}),
    ([("a.0.0", "1"), ("a.0.1", "2")], {"parameters.0.name": "XML can't have a list directly within a list"}),
    ([("0", "1")], {"parameters.0.name": "can't start with an index"}),
    ([("a", "1"), ("a.@b", "2")], {"parameters.1.name": "“a.@b” can't be combined with “a”"}),
]


@pytest.mark.parametrize(("rows", "expected"), REFUSED, ids=str)
def test_what_cannot_be_xml_is_refused_when_saved(rows: list[tuple[Any, ...]], expected: dict[str, str]) -> None:
    errors = refusals(rows, content_type="XML")
    for path, words in expected.items():
        assert words in errors[path]


@pytest.mark.parametrize("root", ["a b", "1", "@a", "#text", "a.b c", "x:a", "xmlns:a", "<a>", "a\n"])
def test_a_root_that_xml_does_not_know_is_refused(root: str) -> None:
    assert "xml_root" in refusals(content_type="XML", xml_root=root)
    assert refusals(content_type="JSON", xml_root=root) == {}


def test_a_related_module_s_key_is_an_element_and_its_rows_know_the_prefixes_around_them() -> None:
    def errors(key: str, *names: str, rows: list[tuple[Any, ...]] | None = None) -> set[str]:
        parameters = [{"name": name, "value": "x"} for name in names]
        related = [{"module": "deals", "key": key, "parameters": parameters}]
        return set(refusals(rows or [], content_type="XML", related=related))

    assert errors("a b") == {"related.0.key"}
    assert errors("@a") == {"related.0.key"}
    assert errors("a.#text") == {"related.0.key"}
    assert errors("x:deals") == {"related.0.key"}
    assert errors("x:deals", "x:a", rows=[("@xmlns:x", "urn:x")]) == set()
    assert errors("deals", "x:a") == {"related.0.parameters.0.name"}
    assert errors("deals", "@xmlns:x", "x:a") == set()
    assert errors("deals", "@id", "#text") == set()


UNSENDABLE: list[tuple[list[tuple[Any, ...]], dict[str, Any], str]] = [
    ([("a", "{{ v }}")], {"v": "a\x00b"}, "U+0000"),
    ([("a", "{{ v }}")], {"v": "a\x0bb"}, "U+000B"),
    ([("a", "{{ v }}")], {"v": "\x1f"}, "U+001F"),
    ([("a.@b", "{{ v }}")], {"v": "\ufffe"}, "U+FFFE"),
    ([("a", "{{ v }}")], {"v": "\uffff"}, "U+FFFF"),
    ([("a", '{"b c": 1}', "json")], {}, "“b c” is not a legal XML name"),
    ([("a", '{"x:b": 1}', "json")], {}, "The prefix “x”"),
    ([("a", "[[1]]", "json")], {}, "A list within a list"),
    ([("a", '[[{"b":1}]]', "json")], {}, "A list within a list"),
    ([("a", '{"@b": {"c": 1}}', "json")], {}, "in place of a text"),
    ([("a", '{"": 1}', "json")], {}, "not a legal XML name"),
    ([("@xmlns:x", "{{ v }}"), ("x:a", "1")], {"v": ""}, "can't declare the namespace"),
    ([("@xmlns:x", "{{ v }}"), ("x:a", "1")], {"v": "a b<"}, "is not a URI"),
]  # fmt: skip


@pytest.mark.usefixtures("saved_untried")
@pytest.mark.parametrize(("rows", "values", "words"), UNSENDABLE, ids=str)
def test_a_value_that_xml_cannot_carry_is_refused_in_words(rows: Any, values: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words.replace("+", r"\+")):
        body(rows, values, content_type="XML")


def test_refusals_reach_the_caller() -> None:
    with pytest.raises(Refused):
        body([("a b", "1")], content_type="XML")
