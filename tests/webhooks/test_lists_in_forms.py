"""FORM bodies and query strings (specification section 4.2): names that stand more than once,
and lists as the webhook writes them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.building import built, refusals, saved
from tests.webhooks.test_laws import law, tricky_text
from webhookui.web.workflow_editor.webhook_draft import document_of_webhook, draft_of_webhook
from webhookui.webhooks.definition import LIST_STYLES
from webhookui.webhooks.request import Context, build_request
from webhookui.webhooks.stored import from_definition, webhook_document

V: dict[str, Any] = {"l": ["x", "y, z"], "one": ["x"], "none": []}
OBJECTS = '[{"n": "A", "t": ["p", "q"]}, {"n": "B", "t": []}]'

REPEATED: list[tuple[list[tuple[Any, ...]], str]] = [
    # Twilio, Mailgun and Stripe, as their documentation has them
    ([("MediaUrl", "https://a.test/1"), ("MediaUrl", "https://a.test/2")],
     "MediaUrl=https%3A%2F%2Fa.test%2F1&MediaUrl=https%3A%2F%2Fa.test%2F2"),
    ([("to", "a@x.org"), ("cc", "b@x.org"), ("to", "c@x.org")], "to=a%40x.org&cc=b%40x.org&to=c%40x.org"),
    ([("expand[]", "invoice"), ("expand[]", "tax")], "expand[]=invoice&expand[]=tax"),
    ([("expand[]", "{{ l }}")], "expand[]=x&expand[]=y%2C+z"),
    ([("a.b[]", "1"), ("a.b[]", "2"), ("a.c", "3"), ("a.c", "4")], "a[b][]=1&a[b][]=2&a[c]=3&a[c]=4"),
    ([("a.b", "1"), ("c", "2"), ("a.d", "3"), ("c", "4")], "a[b]=1&a[d]=3&c=2&c=4"),
    ([("l.1.x", "2"), ("c", "3"), ("l.0.x", "1")], "l[0][x]=1&l[1][x]=2&c=3"),
    ([("l[x]", "1"), ("[]", "2")], "l%5Bx%5D=1&%5B%5D=2"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "body"), REPEATED, ids=lambda value: str(value)[:40])
def test_a_name_stands_as_often_as_it_is_typed(rows: list[tuple[Any, ...]], body: str) -> None:
    assert (built(rows, V, content_type="FORM").body or b"").decode() == body


@pytest.mark.parametrize(("rows", "body"), REPEATED[:4], ids=lambda value: str(value)[:40])
def test_it_does_in_a_query_string_too(rows: list[tuple[Any, ...]], body: str) -> None:
    query = urlsplit(built(rows, V, method="GET", list_style="repeated").url).query
    assert query == body.replace("[]", "%5B%5D")  # which every reader decodes before it looks for brackets
    assert parse_qsl(query) == parse_qsl(body)


def test_a_repeated_row_that_is_left_out_when_empty_leaves_the_others() -> None:
    rows = [{"name": "to", "value": name, "omit_empty": True} for name in ("a", "{{ none }}", "b")]
    assert built((), V, content_type="FORM", parameters=rows).body == b"to=a&to=b"


LISTS = {
    "indexed": "l[0]=x&l[1]=y%2C+z&o[0]=x&e=&n[l][0]=1&n[l][1]=&n[l][2]=true",
    "brackets": "l[]=x&l[]=y%2C+z&o[]=x&e=&n[l][]=1&n[l][]=&n[l][]=true",
    "repeated": "l=x&l=y%2C+z&o=x&e=&n[l]=1&n[l]=&n[l]=true",
    "comma": "l=x,y%2C+z&o=x&e=&n[l]=1,,true",
}
ROWS = [("l", "{{ l }}"), ("o", "{{ one }}"), ("e", "{{ none }}"), ("n", '{"l": [1, null, true]}', "json")]
INDEXED_ANYWAY = "m[0][n]=A&m[0][t]{0}&m[1][n]=B&m[1][t]="
INSIDE = {"indexed": "[0]=p&m[0][t][1]=q", "brackets": "[]=p&m[0][t][]=q", "repeated": "=p&m[0][t]=q", "comma": "=p,q"}


@pytest.mark.parametrize("style", LIST_STYLES)
def test_a_list_is_written_as_the_webhook_says_and_one_of_objects_with_indexes(style: str) -> None:
    body = built(ROWS, V, content_type="FORM", list_style=style).body or b""
    assert body.decode() == LISTS[style]
    places = [("n.l.0", "1"), ("n.l.1", ""), ("n.l.2", "true")]
    assert body.endswith(built(places, content_type="FORM", list_style=style).body or b"-")
    objects = built([("m", OBJECTS, "json")], content_type="FORM", list_style=style).body or b""
    assert objects.decode() == INDEXED_ANYWAY.replace("{0}", INSIDE[style])


@pytest.mark.parametrize("style", LIST_STYLES)
def test_a_query_string_writes_lists_alike(style: str) -> None:
    query = urlsplit(built(ROWS, V, method="GET", list_style=style, url="https://a.test/?q=1").url).query
    assert query == "q=1&" + LISTS[style].replace("[", "%5B").replace("]", "%5D")


def test_without_a_style_forms_and_queries_stay_what_they_were() -> None:
    assert built(ROWS, V, content_type="FORM").body == LISTS["indexed"].encode()
    query = urlsplit(built(ROWS[:3], V, method="GET").url).query
    assert parse_qsl(query, keep_blank_values=True) == [("l", "x, y, z"), ("o", "x"), ("e", "")]


def test_related_records_are_indexed_and_their_lists_are_not() -> None:
    rows = [{"name": "tags", "value": "{{ record.tags }}"}]
    errors_free = {"content_type": "FORM", "list_style": "brackets", "related": [{"module": "deals", "key": "d"}]}
    webhook = from_definition({**webhook_document(saved(**errors_free)), "related": [
        {"module": "deals", "key": "d", "parameters": rows}]}, {})  # fmt: skip
    deals = [{"record": {"tags": ["x", "y"]}}, {"record": {"tags": ["z"]}}]
    request = build_request(webhook, Context({}, lambda _module: deals))
    assert request.body == b"d[0][tags][]=x&d[0][tags][]=y&d[1][tags][]=z"


REFUSED: list[tuple[dict[str, Any], list[tuple[Any, ...]], str, str]] = [
    ({"content_type": "JSON"}, [("a", "1"), ("a", "2")], "parameters.1.name", "“a” is listed twice"),
    ({"content_type": "XML"}, [("a", "1"), ("a", "2")], "parameters.1.name", "“a” is listed twice"),
    ({"content_type": "FORM"}, [("a.0", "1"), ("a.0", "2")], "parameters.1.name", "“a.0” is listed twice"),
    ({"content_type": "FORM"}, [("a", "1"), ("a", "2"), ("a.b", "3")], "parameters.2.name", "can't be combined with"),
    ({"content_type": "FORM", "related": [{"module": "deals"}]}, [("deals", "1")], "related.0.key", "is listed twice"),
    ({"method": "GET", "related": [{"module": "deals"}]}, [("deals", "1")], "related.0.key", "is listed twice"),
    ({"content_type": "JSON", "list_style": "brackets"}, [], "list_style", "Only FORM and query strings"),
    ({"content_type": "FORM", "list_style": "php"}, [], "list_style", "not one of: indexed, brackets, repeated, comma"),
    ({"content_type": "FORM", "list_style": ["comma"]}, [], "list_style", "not one of"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "rows", "path", "words"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_the_other_end_would_lose_is_refused(
    action: dict[str, Any], rows: list[tuple[Any, ...]], path: str, words: str
) -> None:
    errors = refusals(rows, **action)
    assert list(errors) == [path] and words in errors[path]


@pytest.mark.parametrize("style", [*LIST_STYLES, None])
def test_the_style_survives_document_definition_and_form(style: str | None) -> None:
    webhook = saved([("a", "1"), ("a", "2")], content_type="FORM", list_style=style)
    document = webhook_document(webhook)
    assert document.get("list_style") == style
    assert from_definition(json.loads(json.dumps(document)), {}).list_style == style
    draft = draft_of_webhook(document)
    assert document_of_webhook(draft).get("list_style") == style
    assert document_of_webhook({**draft, "content_type": "JSON"}).get("list_style") is None
    assert draft["list_style"] == (style or "")


@law
@given(st.lists(st.tuples(st.sampled_from(["to", "a b", "x[]", "ü"]), tricky_text), max_size=6))
def test_every_row_comes_out_of_a_form_once_and_in_its_order(pairs: list[tuple[str, str]]) -> None:
    values = {f"v{at}": text for at, (_, text) in enumerate(pairs)}
    rows = [(name, f"{{{{ v{at} }}}}") for at, (name, _) in enumerate(pairs)]
    body = (built(rows, values, content_type="FORM").body or b"").decode("ascii")
    assert parse_qsl(body, keep_blank_values=True) == pairs
