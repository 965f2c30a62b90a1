"""Foldable code: nothing is lost by it, and what can be folded follows from the indentation."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhookui.web.highlighting import Fold, folded, folds
from webhookui.web.log.payload import indent_json, indent_xml

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html)).rstrip("\n")


@given(values)
def test_the_text_of_folded_json_is_the_json(value: object) -> None:
    text = indent_json(json.dumps(value)) or ""
    html = folded(text, "json")
    assert text_of(html) == text
    assert html.count("<details") == html.count("</details>") == len(folds(text.split("\n")))


def test_an_object_folds_with_the_line_that_closes_it() -> None:
    lines = (indent_json('{"a":{"b":[1,2],"c":3},"d":[]}') or "").split("\n")
    assert folds(lines) == [Fold(0, 10), Fold(1, 8), Fold(2, 6)]
    assert 'data-rest=" … 5 lines … },"' in folded("\n".join(lines), "json")


def test_elements_fold_and_what_they_say_is_escaped() -> None:
    text = indent_xml("<r><a><b>&lt;script&gt;</b><c/></a></r>") or ""
    html = folded(text, "xml")
    assert html.count("<details") == 2
    assert "<script" not in html
    assert text_of(html) == text


@pytest.mark.parametrize("text", ["", "plain", "  odd\nindentation\n    here", "{\n" * 40])
def test_any_text_comes_through(text: str) -> None:
    assert text_of(folded(text, "json")) == text.rstrip("\n")
