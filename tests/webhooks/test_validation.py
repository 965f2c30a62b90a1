"""What can never work, whatever the record, is refused when the action is saved (specification section 4.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.building import Refused, refusals, saved
from webhookui.webhooks.document import parse_webhook
from webhookui.webhooks.request import Context, build_request
from webhookui.webhooks.templating.template import Schema

AMOUNT = {"amount": Decimal("1"), "name": "Big deal", "do_not_call": True}


def row(value: str, kind: str = "auto", name: str = "a", **more: Any) -> dict[str, Any]:
    return {"parameters": [{"name": name, "value": value, "type": kind, **more}]}


VALUE = "parameters.0.value"
NEVER: list[tuple[dict[str, Any], str, str]] = [
    ({"url": "https://a.example/x\ny"}, "url", "line break"),
    ({"url": "https://a.example/{{ name }}/\x7f"}, "url", "control character"),
    ({"url": "https://a.example/{{ '..' }}/x"}, "url", ".."),
    (row("abc", "number"), VALUE, "Parameter a: “abc” is not a number."),
    (row("1_000", "number"), VALUE, "is not a number"),
    (row("٣", "number"), VALUE, "is not a number"),
    (row("{{ name }} pieces", "number"), VALUE, "pieces” is not a number"),
    (row("{{ do_not_call }}", "number"), VALUE, "“true” is not a number"),
    (row("maybe", "boolean"), VALUE, "not true or false"),
    (row("{not json", "json"), VALUE, "not JSON"),
    (row('{"a": {{ amount }}', "json"), VALUE, "not JSON"),
    (row('{{ "{:,.2f}".format(amount) }}'), VALUE, "can't be filled in"),
    (row("{{ amount.strftime('%Y') }}"), VALUE, "strftime"),
    (row("{{ name | round(1) }}"), VALUE, "can't be filled in"),
    (row("{{ 'x' * 999999999 }}"), VALUE, "can't be filled in"),
    (row("{{ 9 ** 9 ** 9 }}"), VALUE, "too large"),
    (row("", required=True), VALUE, "The required parameter a is empty"),
    ({"content_type": "XML", **row("", name="@xmlns:x")}, VALUE, "A namespace can't be empty."),
    ({"content_type": "XML", **row("\x01")}, VALUE, "U+0001"),
    ({"content_type": "XML", **row('{"b c": 1}', "json")}, VALUE, "“b c” is not a legal XML name"),
    ({"headers": [{"name": "X-A", "value": "a{{ '\\r\\n' }}X-Evil: b"}]}, "headers.0.value", "line break"),
    ({"content_type": "RAW", "media_type": "application/json", "body": '{"a": {{ amount }}'}, "body", "JSON"),
    ({"content_type": "RAW", "media_type": "text/plain", "body": "{{ name | round(1) }}"}, "body", "filled in"),
    ({"authorization": {"type": "basic", "username": "a\nb", "password": "x"}}, "authorization.username", "line break"),
    ({"capture": {"type": "XPATH", "namespaces": {"a": ""}}}, "capture.namespaces", "A namespace can't be empty."),
    ({"capture": {"type": "XPATH", "namespaces": {"a b": "urn:x"}}}, "capture.namespaces", "not a prefix"),
]


MISTAKES = {
    '{{ "%y"|format(amount) }}': "format has no %y; %s writes any value, %d and %.2f a number.",
    '{{ amount|round("x") }}': "the filter “round” can't handle the value that it is given.",
    '{{ name|replace("a") }}': "the filter “replace” can't handle the value that it is given.",
    "{{ name|tojson(indent=2) }}": "the filter “tojson” can't handle the value that it is given.",
    "{{ name.upper(1) }}": "“.upper()” can't handle the value that it is given.",
    '{{ name.center(10, "ab") }}': "“.center()” can't handle the value that it is given.",
    "{{ amount > name }}": "values that don't go together, such as a text and a number.",
    '{{ name[0:"x"] }}': "values that don't go together, such as a text and a number.",
    "{{ name is divisibleby 2 }}": "values that don't go together, such as a text and a number.",
    '{{ name|map("nosuch")|list }}': "there is no filter “nosuch”.",
    "{{ name|nosuch }}": "there is no filter “nosuch”.",
    "{{ name is nosuch }}": "there is no test “nosuch”.",
    "{{ name| }}": "“name” is expected, but “}}” was found.",
    "{{ name name }}": "“}}” is expected, but “name” was found.",
    "{{ name..x }}": "a name or a number is expected.",
    '{{ "abc }}': '“"” does not belong there, or is not closed.',
    "{{ 1 if }}": "“}}” does not belong there.",
    "{% if name %}": "“{% endif %}” is missing.",
    "{% nosuch %}": "there is no “{% nosuch %}”.",
    "{# x": "“#}” is missing.",
}
"""Template → how the sentence ends that its author reads: neither Python's words nor Jinja's."""


@pytest.mark.parametrize("template", MISTAKES)
def test_what_is_wrong_with_a_template_is_said_to_people(template: str) -> None:
    with pytest.raises(Refused) as refused:
        saved(values=AMOUNT, **row(template))
    assert refused.value.errors[VALUE].endswith(f": {MISTAKES[template]}")


@pytest.mark.parametrize(("action", "place", "words"), NEVER, ids=lambda value: str(value)[:60])
def test_what_can_never_work_is_refused_at_its_place(action: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        saved(values=AMOUNT, **action)
    assert list(refused.value.errors) == [place]
    assert words in refused.value.errors[place]


SOMETIMES: list[dict[str, Any]] = [
    row("{{ name }}", "number"),
    row("{{ name }}", "boolean"),
    row("{{ name }}", "json"),
    row("{{ name }}", required=True),
    row("{{ 10 / (amount - 1) }}"),
    row("{{ '%.2f' | format(amount) }}"),
    row("{{ name | truncate(3) }}"),
    row('{"a": {{ amount }}, "b": {{ name }}}', "json"),
    row(" 7 ", "number"),
    row("", "number"),
    row("", omit_empty=True),
    {"url": "{{ name }}"},
    {"content_type": "XML", **row("{{ name }}", name="@xmlns:x")},
    {"headers": [{"name": "X-A", "value": "a\tb"}]},
    {"headers": [{"name": "X-A", "value": "{{ name }}"}]},
    {"authorization": {"type": "api_key", "in": "header", "name": "X-Key", "value": "a\tb"}},
    {"content_type": "RAW", "media_type": "application/json", "body": '{"a": {{ amount }}, "b": {{ name }}}'},
    {"secrets": [{"name": "token", "value": "s3"}], "headers": [{"name": "X-A", "value": "Key {{ secret.token }}"}]},
    {"parameters": [{"name": "a", "value": "s3", "secret": True, "required": True}]},
]


@pytest.mark.parametrize("action", SOMETIMES, ids=lambda value: str(value)[:60])
def test_what_works_for_some_records_is_saved(action: dict[str, Any]) -> None:
    saved(values=AMOUNT, **action)


def test_every_mistake_is_said_at_once() -> None:
    rows = [("a", "x", "number"), ("b", "1"), ("c", "{", "json")]
    assert list(refusals(rows, headers=[{"name": "X-A", "value": "a{{ '\\n' }}x"}])) == [
        "headers.0.value",
        "parameters.0.value",
        "parameters.2.value",
    ]


def test_a_row_of_a_related_module_is_tried_too() -> None:
    document = {
        "title": "A",
        "url": "https://a.example/",
        "related": [{"module": "lines", "parameters": [{"name": "price", "value": "{{ price.strftime('%Y') }}"}]}],
    }
    for many in (True, False):
        errors: dict[str, str] = {}
        schema = Schema({"price": "currency"}, many)
        assert parse_webhook(document, "", errors, Schema({}), {"lines": schema}, {}) is None
        assert list(errors) == ["related.0.parameters.0.value"]


NAMES = st.sampled_from(["a", "b.c", "b.d", "e[0]", "@f"])
ROWS = st.lists(
    st.tuples(NAMES, st.text(max_size=6) | st.sampled_from(["1", "1_0", "true", "{}", "[1]", "{{ 1 }}", "{{ '\\n' }}"]),
              st.sampled_from(["auto", "text", "number", "boolean", "json"])),
    max_size=4, unique_by=lambda drawn: drawn[0],
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    ROWS, st.text(max_size=8), st.sampled_from(["JSON", "JSONARRAY", "XML", "FORM"]), st.sampled_from(["GET", "POST"])
)
def test_whatever_is_saved_and_speaks_of_no_record_can_be_built(
    rows: list[tuple[str, str, str]], header: str, content_type: str, method: str
) -> None:
    try:
        webhook = saved(rows, content_type=content_type, method=method, headers=[{"name": "X-A", "value": header}])
    except Refused:
        return
    build_request(webhook, Context({}))
