"""Empty is empty, and text is the product's: every filter and method on every type of value (specification section 4.1)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from tests.support.building import built
from webhookui.core import exact_json
from webhookui.webhooks.definition import Parameter
from webhookui.webhooks.naming import LEFT_OUT
from webhookui.webhooks.request import RequestError, parameter_value
from webhookui.webhooks.templating.filters import FILTERS
from webhookui.webhooks.templating.sandbox import DATE_METHODS, LIST_METHODS, TEXT_METHODS
from webhookui.webhooks.templating.template import TemplateProblem, render_text, render_value

VALUES: dict[str, Any] = {
    "text": "Zoë O'Neil", "number": 12, "currency": Decimal("1250.50"), "checkbox": True, "date": date(2026, 12, 31),
    "datetime": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "list": ["Events", "Support"],
    "record": MappingProxyType({"id": 1, "name": "Ann Admin", "email": "ann@example.com"}),
}  # fmt: skip
AS_TEXT = {
    "text": "Zoë O'Neil", "number": "12", "currency": "1250.50", "checkbox": "true", "date": "2026-12-31",
    "datetime": "2026-01-02T03:04:05Z", "list": "Events, Support", "record": "Ann Admin",
}  # fmt: skip
FILTER_ARGUMENTS = {
    "attr": "'name'", "batch": "2", "center": "30", "format": "v", "groupby": "0", "map": "'upper'", "reject": "'none'",
    "rejectattr": "'x', 'none'", "replace": "'a', 'b'", "select": "'none'", "selectattr": "'x', 'none'", "slice": "2",
}  # fmt: skip
METHOD_ARGUMENTS = {
    "center": "30", "count": "'a'", "cycle": "1", "endswith": "'a'", "find": "'a'", "index": "'Events'", "join": "['a', none]",
    "ljust": "30", "partition": "' '", "removeprefix": "'a'", "removesuffix": "'a'", "replace": "'a', 'b'", "rfind": "'a'",
    "rjust": "30", "rpartition": "' '", "startswith": "'a'", "strftime": "'%d.%m.%Y'", "zfill": "30",
}  # fmt: skip
PYTHON = re.compile(
    r"\bNone\b|\bTrue\b|\bFalse\b|\['|'\]|\{'|Decimal\(|datetime\.|mappingproxy|<\w+[ .]|object at|Undefined|NoneType|\[\]"
)
EXPRESSIONS = {
    **{f"v|{name}": f"v|{name}({FILTER_ARGUMENTS.get(name, '')})" for name in FILTERS},
    **{f"v.{name}": f"v.{name}({METHOD_ARGUMENTS.get(name, '')})" for name in TEXT_METHODS | DATE_METHODS | LIST_METHODS},
    "a part": "v[:3]", "an element": "v[0]", "behind it": "v.a.b.c", "a method of a part": "v.a.upper()[:3]|lower",
    "its double": "v * 2", "less": "v - 1", "negative": "-v", "half": "v / 2", "or nothing": "v if v",
}  # fmt: skip


def test_an_absent_value_stays_absent() -> None:
    alone = {name: render_value(f"{{{{ {expression} }}}}", {"v": None}) for name, expression in EXPRESSIONS.items()}
    assert {name: got for name, got in alone.items() if got is not None} == {"v|default": "", "v|d": ""}
    in_text = {name: render_text(f"<{{{{ {expression} }}}}>", {"v": None}) for name, expression in EXPRESSIONS.items()}
    assert {name: got for name, got in in_text.items() if got != "<>"} == {"v|tojson": "<null>"}


def test_required_refuses_and_left_out_leaves_out_what_is_absent() -> None:
    for expression in EXPRESSIONS.values():
        value = f"{{{{ {expression} }}}}"
        with pytest.raises(RequestError, match="The required parameter a is empty"):
            parameter_value(Parameter("a", value, "auto", True, False), {"v": None}, "at")
        assert parameter_value(Parameter("a", value, "auto", False, True), {"v": None}, "at") is LEFT_OUT


@pytest.mark.parametrize("kind", VALUES)
def test_nothing_comes_out_as_a_programming_language_writes_it(kind: str) -> None:
    """Also not in the sentence of what can't be."""
    context = {"v": VALUES[kind]}
    written = {}
    for expression in EXPRESSIONS.values():
        for source in (f"{{{{ {expression} }}}}", f"|{{{{ {expression} }}}}|"):
            try:
                written[source] = render_text(source, context)
            except TemplateProblem as problem:
                written[source] = str(problem)
    assert {
        source: text
        for source, text in written.items()
        if PYTHON.search(text)
        and not (kind == "checkbox" and text.strip("|") == "True" and re.search("capitalize|title", source))
    } == {}


@pytest.mark.parametrize("kind", VALUES)
def test_a_filter_on_text_is_given_what_the_product_writes(kind: str) -> None:
    context, text = {"v": VALUES[kind]}, AS_TEXT[kind]
    twice = f"{text}/{text}"
    expected = {
        "{{ v }}.": text + ".", "{{ v|upper }}": text.upper(), "{{ v|string }}": text, "{{ v ~ '' }}": text, "{{ v|trim }}": text,
        "{{ v|e }}": text.replace("'", "&#39;"), "{{ v|replace('e', 'E') }}": text.replace("e", "E"), "{{ [v]|join }}": text,
        "{{ '%s' | format(v) }}": text, "{{ [v, none, v]|join('/') }}": twice, "{{ '/'.join([v, v]) }}": twice,
        "{{ [[v]|first]|first|lower }}": text.lower(),
    }  # fmt: skip
    assert {source: render_text(source, context) for source in expected} == expected


GIVES: dict[str, Any] = {
    "{{ v|tojson }}": '["Events","Support"]',
    "{{ v|length }}": 2,
    "{{ v|reverse }}": ["Support", "Events"],
    "{{ v|batch(1) }}": [["Events"], ["Support"]],
    "{{ v|map('lower')|sort(reverse=true)|join }}": "supportevents",
    "{{ v|groupby(0)|map(attribute='grouper') }}": ["E", "S"],
    "{{ [3, none, 1]|sort }}": [1, 3, None],
    "{{ [3, none, 1]|sum }}": Decimal(4),
    "{{ [3, none, 1]|max }}": 3,
    "{{ []|first }}": None,
    "{{ []|max }}": None,
    "{{ e|default('x') }}": "x",
    "{{ e|default('x')|upper }}": "X",
    "{{ ''|default('x') }}": "x",
    "{{ []|default('x') }}": "x",
    "{{ 0|default('x') }}": 0,
    "{{ 0|default('x', true) }}": "x",
    "{{ false|default('x') }}": False,
    "{{ e is none }}": True,
    "{{ e is defined }}": True,
    "{{ e == none }}": True,
    "{{ e == '' }}": False,
    "{{ e > 5 }}": False,
    "{{ e <= 5 }}": False,
    "{{ e is gt(5) }}": False,
    "{{ 'x' in e }}": False,
    "{{ 'x' not in e }}": True,
    "{{ e + 1 }}": None,
    "{{ 'x' + e }}": "x",
    "{{ e ~ e }}": "",
    "{{ '%.2f' | format(e) }}": None,
    "{{ 'to %s: %.2f' | format('A', e) }}": "to A: ",
    "{{ e|int }}": None,
    "{{ '1_000'|int }}": 0,
    "{{ '٣'|int(-1) }}": -1,
    "{{ '12.50'|float }}": Decimal("12.50"),
    "{{ c|int }}": 1250,
    "{{ c|float }}": Decimal("1250.50"),
    "{{ 0.1 + 0.2 }}": Decimal("0.3"),
    "{{ d - d }}": "PT0S",
    "{{ d > '2026-01-01' }}": True,
    "{{ r == 'Ann Admin' }}": True,
    "{{ {1: d, true: none} }}": {"1": "2026-12-31", "true": None},
    "{{ 'a b c d e f'|truncate(1) }}": "a",
    "{{ '<b>a</b> <!-- x > y -->c'|striptags }}": "a c",
    "{% for x in e %}x{% endfor %}.": ".",
    "{% for x in v %}{{ loop.index }}{{ x }}{% endfor %}": "1Events2Support",
}  # fmt: skip


@pytest.mark.parametrize("source", GIVES)
def test_filters_give_these(source: str) -> None:
    context = {
        "v": VALUES["list"], "e": None, "c": VALUES["currency"], "d": VALUES["date"], "r": VALUES["record"],
    }  # fmt: skip
    got = render_value(source, context)
    assert exact_json.dumps(got) == exact_json.dumps(GIVES[source])


def test_an_empty_placeholder_leaves_nothing_in_an_address() -> None:
    request = built([("a", "1")], {"v": None}, url="https://api.example.com/{{ v|upper }}/x?y={{ v|urlencode }}")
    assert request.url == "https://api.example.com//x?y="
