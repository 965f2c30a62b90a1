"""Laws of bodies and addresses, for any value at all (specification sections 4.1, 4.2 and 4.6).

What is written is read back by parsers that are not ours: Python's json, urllib and ElementTree, and a bracket parser as PHP
has one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.building import built, refusals
from webhookui.core import exact_json
from webhookui.webhooks import naming
from webhookui.webhooks.authoring.sample import SampleProblem, parameters_from_sample
from webhookui.webhooks.request import RequestError

law = settings(max_examples=200, deadline=None)

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
tricky_text = st.one_of(
    any_text,
    st.text(st.sampled_from(list("{}%#\"'\\<>&=[]./?\r\n \t;,+:@$!|0aé\u2028")), max_size=12),
    st.sampled_from(
        ["{{ a }}", "{% raw %}", "{% endraw %}{{", "{#", "]]>", "<!--", "&amp;", ".", "..", "%2e%2e", "a\r\nb", "null"]
    ),
)
keys = st.one_of(tricky_text, st.sampled_from(["", " a", "0", "01", "a.b", "\\", "\\.", "1234567890", "@a", "#text"]))
numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, tricky_text)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)
bodies = st.one_of(st.dictionaries(keys, values, min_size=1, max_size=4), st.lists(values, min_size=1, max_size=4))


def read_exactly(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


@law
@given(bodies)
def test_every_json_body_becomes_rows_that_build_it_again(value: Any) -> None:
    sample = exact_json.dumps(value)
    try:
        rows = parameters_from_sample(sample, "JSON")
    except SampleProblem:
        assert isinstance(value, dict)
        assert any(key == "" or key != key.strip() or min(key) < " " for key in value)
        return
    names = [row.name for row in rows]
    assert refusals([(row.name, row.value, row.type) for row in rows]) == {}, names
    request = built([(row.name, row.value, row.type) for row in rows])
    assert read_exactly(request.body or b"") == value == read_exactly(sample)


@law
@given(st.lists(st.one_of(st.integers(0, 10**9 - 1), keys.filter(bool)), min_size=1, max_size=naming.MAX_DEPTH))
def test_every_place_has_one_name(place: list[Any]) -> None:
    assert naming.split(naming.join(place)) == tuple(place)


@law
@given(st.text(st.sampled_from(list("a0.\\ ")), max_size=12))
def test_every_name_that_can_be_read_is_one_place(name: str) -> None:
    try:
        place = naming.split(name)
    except ValueError:
        return
    assert naming.split(naming.join(place)) == place


def php_like(body: str) -> Any:
    """`a[b][0]=c` as nested dicts, names by the brackets that stand as they are."""
    parsed: dict[str, Any] = {}
    for pair in body.split("&"):
        name, _, text = pair.partition("=")
        first, *rest = [unquote(part.replace("+", " ")) for part in re.findall(r"[^\[\]]+", name)]
        place = parsed
        path = [first, *rest]
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = unquote(text.replace("+", " "))
    return parsed


def is_no_list(name: str) -> bool:
    """A name that ends with `[]` says that it is one of a list, and these brackets are no part of it."""
    return len(name) < 3 or not name.endswith("[]")


@law
@given(tricky_text, tricky_text)
def test_any_text_comes_out_of_a_form_body_as_it_went_in(one: str, other: str) -> None:
    rows = [("a", "{{ one }}"), ("b.c", "{{ other }}"), ("l.0.x", "{{ one }}"), ("l.1.x", "x{{ other }}")]
    body = (built(rows, {"one": one, "other": other}, content_type="FORM").body or b"").decode("ascii")
    expected = [("a", one), ("b[c]", other), ("l[0][x]", one), ("l[1][x]", "x" + other)]
    assert parse_qsl(body, keep_blank_values=True, strict_parsing=True) == expected
    assert php_like(body) == {"a": one, "b": {"c": other}, "l": {"0": {"x": one}, "1": {"x": "x" + other}}}


@law
@given(st.dictionaries(keys.filter(naming.is_expressible).filter(is_no_list), tricky_text, min_size=1, max_size=4))
def test_any_name_comes_out_of_a_form_body_as_it_went_in(pairs: dict[str, str]) -> None:
    rows = [(f"a.{naming.join([name])}", f"{{{{ v{at} }}}}") for at, name in enumerate(pairs)]
    values = {f"v{at}": text for at, text in enumerate(pairs.values())}
    body = (built(rows, values, content_type="FORM").body or b"").decode("ascii")
    assert php_like(body) == {"a": pairs}


xml_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(
    lambda text: not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", text)
)


@law
@given(st.one_of(xml_text, st.text(st.sampled_from(list("<>&\"']-!?/ \t\r\n")), max_size=12)))
def test_any_text_that_xml_can_carry_comes_out_of_its_body_as_it_went_in(text: str) -> None:
    rows = [("a", "{{ v }}"), ("b.@c", "{{ v }}"), ("b.#text", "x{{ v }}"), ("l.0", "{{ v }}"), ("l.1", "{{ v }}")]
    root = ElementTree.fromstring(built(rows, {"v": text}, content_type="XML").body or b"")
    assert (root.findtext("a"), root.findtext("b")) == (text, "x" + text)
    assert [element.text or "" for element in root.findall("l")] == [text, text]
    assert [element.get("c") for element in root.findall("b")] == [text]


@law
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))
def test_a_name_that_is_saved_can_be_written_in_xml(name: str) -> None:
    rows = [(naming.join([name]), "x")]
    if not refusals(rows, content_type="XML"):
        ElementTree.fromstring(built(rows, content_type="XML").body or b"")


def structure(value: Any) -> Any:
    """Names without the texts behind them."""
    if isinstance(value, dict):
        return {key: structure(inner) for key, inner in value.items()}
    return [structure(inner) for inner in value] if isinstance(value, list) else None


def of_json(body: bytes) -> Any:
    return structure(read_exactly(body))


def of_xml(body: bytes) -> Any:
    def walk(element: ElementTree.Element) -> Iterator[Any]:
        yield element.tag, sorted(element.attrib), [list(walk(child)) for child in element]

    return list(walk(ElementTree.fromstring(body)))


def of_form(body: bytes) -> Any:
    return [name for name, _ in parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)]


STRUCTURES: dict[str, Callable[[bytes], Any]] = {"JSON": of_json, "JSONARRAY": of_json, "XML": of_xml, "FORM": of_form}
VALUED = [
    ("a", "{{ v }}"), ("b.c", "x{{ v }}y{{ v }}"), ("l.0.x", "{{ v }}"), ("l.1.x", "{{ v | upper }}"), ("@t", "{{ v }}"),
    ("j", '{"k": "{{ v }}", "m": {{ v }}, "n": ["{{ v }}{{ v }}"], "o": "\\"{{ v }}"}', "json"),
]  # fmt: skip


@pytest.mark.parametrize("content_type", STRUCTURES)
@law
@given(text=tricky_text)
def test_no_value_changes_the_structure_of_a_body(content_type: str, text: str) -> None:
    of = STRUCTURES[content_type]
    try:
        request = built(VALUED, {"v": text}, content_type=content_type)
    except RequestError:
        assert content_type == "XML"
        assert re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", text)
        return
    assert of(request.body or b"") == of(built(VALUED, {"v": "plain"}, content_type=content_type).body or b"")
    assert [name for name, _ in request.headers] == ["Content-Type"]


URL = "https://api.example.com/a/{{ v }}/b/x{{ v }}?q={{ v }}&r=1#{{ v }}"


@law
@given(text=tricky_text)
def test_no_value_changes_the_structure_of_a_request_line_or_of_headers(text: str) -> None:
    rows = [("a", "{{ v }}"), ("b.c", "{{ v }}")]
    headers = [{"name": "X-One", "value": "{{ v }}"}, {"name": "X-Two", "value": "a {{ v }} b"}]
    try:
        request = built(rows, {"v": text}, url=URL, method="GET", headers=headers)
    except RequestError as refused:
        leads_elsewhere = refused.at == "url" and text in (".", "..")
        assert leads_elsewhere or (refused.at.startswith("headers") and re.search("[\x00-\x1f\x7f]", text))
        return
    parts = urlsplit(request.url)
    assert re.fullmatch(r"[\x21-\x7e]+", request.url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.com", "")
    assert [unquote(segment) for segment in parts.path.split("/")] == ["", "a", text, "b", "x" + text]
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", text), ("r", "1"), ("a", text), ("b.c", text)]
    assert [name for name, _ in request.headers] == (["X-One", "X-Two"] if text.strip() else ["X-Two"])
    assert not re.search("[\r\n]", "".join(value for _, value in request.headers))
