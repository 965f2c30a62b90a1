"""A sample body becomes rows that build it again (specification section 4.6)."""

from __future__ import annotations

import json

import pytest

from tests.support.building import body
from webhookui.webhooks.authoring.sample import SampleProblem, parameters_from_sample


def rows_of(sample: str, kind: str) -> list[tuple[str, str, str]]:
    return [(row.name, row.value, row.type) for row in parameters_from_sample(sample, kind)]


def test_json_gives_typed_and_dotted_rows() -> None:
    sample = '{"invoice": {"id": 7, "paid": false, "note": null, "lines": [{"qty": "1", "cost": 10.50}], "tags": []}}'
    assert rows_of(sample, "JSON") == [
        ("invoice.id", "7", "number"),
        ("invoice.paid", "false", "boolean"),
        ("invoice.note", "null", "json"),
        ("invoice.lines.0.qty", "1", "text"),
        ("invoice.lines.0.cost", "10.50", "number"),
        ("invoice.tags", "[]", "json"),
    ]


def test_a_list_of_one_object_gives_the_rows_of_that_object() -> None:
    assert rows_of('[{"a": 1}]', "JSONARRAY") == [("a", "1", "number")]
    assert rows_of('[{"a": 1}, {"a": 2}]', "JSONARRAY") == [("0.a", "1", "number"), ("1.a", "2", "number")]


def test_what_no_name_can_express_is_the_json_of_one_row() -> None:
    assert rows_of('{"a": {"": 1}, "b": {"c": {" d": [true]}}}', "JSON") == [
        ("a", '{"":1}', "json"),
        ("b.c", '{" d":[true]}', "json"),
    ]


@pytest.mark.parametrize("text", ["{{ amount }}", "{% x %}", "{# x", "{% endraw %}{{", "{{\r\n}}", "{", "a{{"])
def test_text_that_looks_like_a_placeholder_is_sent_as_it_is(text: str) -> None:
    for sample in ({"a": text}, {"a": {"": text}}):
        assert json.loads(body(rows_of(json.dumps(sample), "JSON"))) == sample


FORMS = {
    "a=1&b[c]=x+y%26": [("a", "1"), ("b.c", "x y&")],
    "l[]=1&l[]=2&m[][x]=3&m[][x]=4": [("l[]", "1"), ("l[]", "2"), ("m.0.x", "3"), ("m.1.x", "4")],
    "l[0][x]=1\nl[1][x]=2": [("l.0.x", "1"), ("l.1.x", "2")],
    "a.b=1&0=2&e=": [(r"a\.b", "1"), (r"\0", "2"), ("e", "")],
}


@pytest.mark.parametrize("sample", FORMS)
def test_a_form_gives_rows_by_its_brackets(sample: str) -> None:
    assert rows_of(sample, "FORM") == [(name, value, "text") for name, value in FORMS[sample]]


DOCUMENTS = [
    "<root><a>1</a><b><c>x &amp; y</c></b></root>",
    '<root id="7"><a x="y">z</a><l>1</l><l>2</l></root>',
    '<root xmlns="urn:a" xmlns:x="urn:x"><x:b x:c="1"><d>2</d></x:b></root>',
    '<root><a xmlns:x="urn:x"><x:b>1</x:b></a></root>',
    '<root xmlns:s="urn:s"><s:Body><Create xmlns="urn:crm"><name>N</name></Create></s:Body></root>',
    '<root><a xmlns="urn:a">text</a></root>',
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_xml_gives_rows_with_attributes_lists_and_namespaces(document: str) -> None:
    assert body(rows_of(document, "XML"), content_type="XML").partition("\n")[2] == document


REFUSED = [
    ("", "JSON"), ("{", "JSON"), ("7", "JSON"), ('"a"', "JSONARRAY"), ('{"": 1}', "JSON"), ('{"a ": 1}', "JSON"),
    ('{"a": "\\ud800"}', "JSON"), ("[" * 100_000, "JSON"), ("NaN", "JSON"), ("<a>", "XML"), ("text", "XML"), ("&", "FORM"),
    ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "XML"),
]  # fmt: skip


@pytest.mark.parametrize(("sample", "kind"), REFUSED, ids=lambda value: value[:20])
def test_a_sample_that_cannot_be_read_is_refused_in_words(sample: str, kind: str) -> None:
    with pytest.raises(SampleProblem):
        parameters_from_sample(sample, kind)
