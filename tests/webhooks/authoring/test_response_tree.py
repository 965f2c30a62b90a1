"""A response as a tree (specification section 4.6): the path of every value selects that value, and no other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from webhookui.webhooks import capture
from webhookui.webhooks.authoring.response_tree import MOST_NODES, Node, tree_of
from webhookui.webhooks.paths.evaluation import evaluate
from webhookui.webhooks.values import as_text

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), names),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=10,
)


def leaves(node: Node) -> Iterator[Node]:
    if node.kind not in ("object", "array") and not node.children:
        yield node
    for child in node.children:
        yield from leaves(child)


@settings(max_examples=150, deadline=None)
@given(values)
def test_the_path_of_every_json_value_selects_it(value: Any) -> None:
    body = json.dumps(value).encode()
    tree = tree_of(body)
    assert tree is not None
    for leaf in leaves(tree):
        (selected,) = capture.find("JSONPATH", leaf.path, body)
        assert leaf.value == ("null" if selected is None else as_text(selected))


elements = st.recursive(
    st.text("xyž &<", max_size=4),
    lambda inner: st.lists(
        st.tuples(st.sampled_from(["a", "b", "{urn:a}a", "{urn:b}a", "{urn:b}c"]), inner), max_size=4
    ),
    max_leaves=10,
)
attributes = st.dictionaries(
    st.sampled_from(["k", "{urn:a}k", "{urn:b}k", "{urn:b}m"]), st.text("12 '\"", max_size=3), max_size=3
)


@settings(max_examples=100, deadline=None)
@given(elements, attributes, st.sampled_from(["root", "{urn:a}root", "{urn:c}root"]))
def test_the_path_of_every_text_and_attribute_in_xml_selects_it(
    content: Any, attributes: dict[str, str], root: str
) -> None:
    element = etree.Element(root, attributes, nsmap={"p": "urn:a", "q": "urn:b", None: "urn:c"})  # type: ignore[arg-type]
    _fill(element, content)
    body = etree.tostring(element)
    tree = tree_of(body)
    assert tree is not None
    for leaf in leaves(tree):
        (value,) = evaluate("XPATH", leaf.path, body, {})
        assert value.strip() == leaf.value.strip()


def _fill(element: Any, content: Any) -> None:
    if isinstance(content, str):
        element.text = content
        return
    for name, inner in content:
        _fill(etree.SubElement(element, name), inner)


def test_numbers_are_shown_with_their_digits() -> None:
    tree = tree_of(b'{"a": 1250.00, "b": 12345678901234567890, "c": 1e2}')
    assert tree is not None
    assert [leaf.value for leaf in leaves(tree)] == ["1250.00", "12345678901234567890", "1e2"]


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"{", b"<a>", b"[" * 5000 + b"]" * 5000, b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>']
)
def test_what_cannot_be_read_has_no_tree(body: bytes) -> None:
    assert tree_of(body) is None


@pytest.mark.parametrize(
    "body", [b"[" + b"1," * 200_000 + b"1]", b"<a>" + b"<b>1</b>" * 100_000 + b"</a>"], ids=["JSON", "XML"]
)
def test_a_huge_response_has_a_tree_of_its_beginning_soon(body: bytes) -> None:
    before = time.thread_time()
    tree = tree_of(body)
    assert tree is not None
    assert len(tree.children) <= MOST_NODES
    assert time.thread_time() - before < 5
