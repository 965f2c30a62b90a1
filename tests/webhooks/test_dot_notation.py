"""Dot notation (specification section 4.2): what names mean in every content type, and which can't stand together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.building import body, built, refusals
from webhookui.webhooks import naming

ROWS: list[tuple[list[tuple[Any, ...]], str, str]] = [
    # rows, JSON, FORM
    ([("a.b", "1", "number"), ("c", "2", "number")], '{"a":{"b":1},"c":2}', "a[b]=1&c=2"),
    ([("of.0.name", "x"), ("of.1.name", "y")], '{"of":[{"name":"x"},{"name":"y"}]}', "of[0][name]=x&of[1][name]=y"),
    ([("l.1", "y"), ("l.0", "x")], '{"l":["x","y"]}', "l[0]=x&l[1]=y"),
    ([("m.0.0", "a"), ("m.0.1", "b"), ("m.1.0", "c")], '{"m":[["a","b"],["c"]]}', "m[0][0]=a&m[0][1]=b&m[1][0]=c"),
    ([("a", "1"), ("b.c", "2"), ("a2", "3"), ("b.d", "4")], '{"a":"1","b":{"c":"2","d":"4"},"a2":"3"}', "a=1&b[c]=2&b[d]=4&a2=3"),
    ([(r"a\.b", "1")], '{"a.b":"1"}', "a.b=1"),
    ([(r"a\.b.c", "1"), (r"a.b\.c", "2")], '{"a.b":{"c":"1"},"a":{"b.c":"2"}}', "a.b[c]=1&a[b.c]=2"),
    ([(r"a\\.b", "1")], r'{"a\\":{"b":"1"}}', "a%5C[b]=1"),
    ([(r"a\b", "1")], r'{"a\\b":"1"}', "a%5Cb=1"),
    ([("a\\", "1")], r'{"a\\":"1"}', "a%5C=1"),
    ([(r"a.\0", "1"), (r"a.\1", "2")], '{"a":{"0":"1","1":"2"}}', "a[0]=1&a[1]=2"),
    ([("a.0123456789", "1")], '{"a":{"0123456789":"1"}}', "a[0123456789]=1"),
    ([("a.00", "1"), ("a.01", "2")], '{"a":["1","2"]}', "a[0]=1&a[1]=2"),
    ([("a b.ž", "1")], '{"a b":{"ž":"1"}}', "a+b[%C5%BE]=1"),
    ([("a[b]", "1")], '{"a[b]":"1"}', "a%5Bb%5D=1"),
    ([("a", '{"b":[1.50,{"c":null}]}', "json")], '{"a":{"b":[1.50,{"c":null}]}}', "a[b][0]=1.50&a[b][1][c]="),
    ([("a", "[]", "json"), ("b", "{}", "json")], '{"a":[],"b":{}}', "a=&b="),
    ([(".".join("a" * 32), "1")], '{"a":' * 32 + '"1"' + "}" * 32, "a" + "[a]" * 31 + "=1"),
    ([("a", "")], '{"a":""}', "a="),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "json", "form"), ROWS, ids=lambda value: str(value)[:40])
def test_names_say_where_a_value_goes(rows: list[tuple[Any, ...]], json: str, form: str) -> None:
    assert body(rows) == json
    assert body(rows, content_type="JSONARRAY") == f"[{json}]"
    assert body(rows, content_type="FORM") == form


ELEMENTS: list[tuple[list[tuple[Any, ...]], str]] = [
    ([("0.x", "1"), ("1.x", "2")], '[{"x":"1"},{"x":"2"}]'),
    ([("0", "1"), ("1", "2")], '["1","2"]'),
    ([("0.a.0", "1")], '[{"a":["1"]}]'),
]


@pytest.mark.parametrize(("rows", "json"), ELEMENTS)
def test_names_that_start_with_an_index_are_the_elements_themselves(rows: list[tuple[Any, ...]], json: str) -> None:
    assert body(rows, content_type="JSONARRAY") == body(rows) == json


def test_the_query_of_a_get_takes_names_literally() -> None:
    rows = [("a.b", "1"), ("a", "2"), (r"c\.d", "3"), ("0", "4"), ("5", "5"), ("e..f", "6"), ("[g]", "7")]
    url = built(rows, method="GET").url
    assert url == "https://example.com/?a.b=1&a=2&c%5C.d=3&0=4&5=5&e..f=6&%5Bg%5D=7"


REFUSED: list[tuple[list[str], dict[int, list[str]]]] = [
    # names, row → what its sentence speaks of
    (["a", "a.b"], {1: ["“a.b”", "“a”"]}),
    (["a.b", "a"], {1: ["“a.b”", "“a”"]}),
    (["a.b.c", "x", "a.b"], {2: ["“a.b.c”", "“a.b”"]}),
    (["a", "a"], {1: ["“a” is listed twice"]}),
    (["a.b", "a.b"], {1: ["“a.b” is listed twice"]}),
    (["a.0", "a.00"], {1: ["“a.00” is listed twice"]}),
    (["a.0", "a.b"], {1: ["“a.b”", "“a.0”", "a list and an object"]}),
    (["a.b", "a.0"], {1: ["“a.0”", "“a.b”", "a list and an object"]}),
    (["a.0.x", "a.b.x"], {1: ["“a.b.x”", "“a.0.x”"]}),
    (["0.x", "a"], {1: ["“a”", "“0.x”"]}),
    (["a.1"], {0: ["“a.1” leaves a gap", "“a.0” is missing"]}),
    (["a.0", "a.2.x"], {1: ["“a.2” leaves a gap", "“a.1” is missing"]}),
    (["a.0.b.1"], {0: ["“a.0.b.1” leaves a gap", "“a.0.b.0” is missing"]}),
    (["1.x"], {0: ["“1” leaves a gap", "“0” is missing"]}),
    (["a..b"], {0: ["empty part"]}),
    ([".a"], {0: ["empty part"]}),
    (["a."], {0: ["empty part"]}),
    (["."], {0: ["empty part"]}),
    (["  "], {0: ["Enter a name for the parameter"]}),
    ([".".join("a" * 33)], {0: ["at most 32 parts"]}),
    (["a", "a.b", "c", "c.d", "e.1"], {1: ["“a”"], 3: ["“c”"], 4: ["gap"]}),
]
REPEATABLE = (["a", "a"], ["a.b", "a.b"])
"""In FORM a name may stand more than once, unless an index says which element it is."""


@pytest.mark.parametrize("content_type", ["JSON", "JSONARRAY", "FORM", "XML"])
@pytest.mark.parametrize(("names", "expected"), REFUSED, ids=str)
def test_names_that_cannot_stand_together_are_refused_at_the_row_and_both_are_named(
    names: list[str], expected: dict[int, list[str]], content_type: str
) -> None:
    errors = refusals([(name, "x") for name in names], content_type=content_type)
    if content_type == "FORM" and names in REPEATABLE:
        assert errors == {}
        return
    for row, words in expected.items():
        sentence = errors[f"parameters.{row}.name"]
        assert all(word in sentence for word in words), sentence
    if content_type.startswith("JSON"):
        assert len(errors) == len(expected)


def test_a_related_module_s_key_is_a_name_among_the_others() -> None:
    related = [{"module": "deals", "key": "a.deals", "parameters": []}]
    assert "“a.deals”" in refusals([("a", "1")], related=related)["related.0.key"]
    assert "is listed twice" in refusals([("a.deals", "1")], related=related)["related.0.key"]
    assert refusals([("a.b", "1")], related=related) == {}
    two = [{"module": "deals", "key": "x", "parameters": []}, {"module": "cases", "key": "x", "parameters": []}]
    assert "“x” is listed twice" in refusals(related=two)["related.1.key"]


def test_rows_of_a_related_module_are_checked_by_the_same_rules() -> None:
    def inner(*names: str, **action: Any) -> dict[str, str]:
        rows = [{"name": name, "value": "x"} for name in names]
        return refusals(related=[{"module": "deals", "key": "deals", "parameters": rows}], **action)

    assert "“a”" in inner("a", "a.b")["related.0.parameters.1.name"]
    assert "gap" in inner("a.1")["related.0.parameters.0.name"]
    assert "not an index" in inner("0.x")["related.0.parameters"]
    assert "not a legal XML name" in inner("a b", content_type="XML")["related.0.parameters.0.name"]
    assert inner("a b", "c.0", content_type="FORM") == {}
    assert "“a”" in inner("a", "a.b", method="GET")["related.0.parameters.1.name"]


@pytest.mark.parametrize("content_type", ["XML", "FORM"])
def test_only_json_can_be_a_list_as_a_whole(content_type: str) -> None:
    errors = refusals([("0.x", "1"), ("1.x", "2")], content_type=content_type)
    assert set(errors) == {"parameters.0.name", "parameters.1.name"}
    assert errors["parameters.0.name"] == f"In {content_type} a name can't start with an index."


def test_join_gives_the_name_that_split_reads() -> None:
    for place in [
        ("a",),
        ("a", 0),
        ("0",),
        (0, "x"),
        ("a.b", "c"),
        ("\\",),
        ("a\\.", "\\0"),
        ("0123456789",),
        ("..",),
        ("٣",),
    ]:
        assert naming.split(naming.join(place)) == place
