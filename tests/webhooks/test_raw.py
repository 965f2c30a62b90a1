"""RAW (specification section 4.2): a body of one's own, byte for byte, of which no value breaks out of where it stands."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.support.building import Refused, built, refusals, saved
from tests.support.receiver import Receiver
from tests.support.working import working
from tests.webhooks.test_laws import tricky_text
from webhookui.core import exact_json
from webhookui.web.workflow_editor.webhook_draft import document_of_webhook, draft_of_webhook, webhook_draft
from webhookui.webhooks.request import RequestError

law = settings(max_examples=150, deadline=None)
V = {
    "v": 'a"b\\<c>&\'\r\n]]>', "n": Decimal("1250.00"), "none": None, "yes": True, "list": ["a", "b"], "name": "item",
    "empty": "", "euro": "€",
}  # fmt: skip
JSON, XML, LINES, TEXT = "application/json", "text/xml", "application/x-ndjson", "text/plain"

BODIES: list[tuple[str, str, bytes]] = [
    # byte for byte
    (TEXT, "one\r\ntwo\rthree\n\n", b"one\r\ntwo\rthree\n\n"),
    (TEXT, "  \t{{ n }}\r\n{% if yes %}\r\n{{ 'x\r\ny' }}{% endif %}\r", b"  \t1250.00\r\n\r\nx\r\ny\r"),
    (TEXT, "\x1d{{ n }}\r\x1e\u2028", "\x1d1250.00\r\x1e\u2028".encode()),
    (TEXT, "{%- if yes -%}\r\n yes \r\n{%- endif %}", b"yes"),
    (TEXT, "{% raw %}{{ v }}\r\n{% endraw %}{# nothing #}", b"{{ v }}\r\n"),
    (TEXT, "{{ v }}", V["v"].encode()),
    (TEXT, "weather,city=Prague t={{ n }} 1465839830100400200", b"weather,city=Prague t=1250.00 1465839830100400200"),
    ("multipart/mixed; boundary=\"a b\"", "--a b\r\n\r\n{{ n }}\r\n--a b--\r\n", b"--a b\r\n\r\n1250.00\r\n--a b--\r\n"),
    # JSON: inside quotes text, outside a whole value
    (JSON, "[]", b"[]"),
    (JSON, "5", b"5"),
    (JSON, "{{ n }}", b"1250.00"),
    (JSON, "{{ none }}", b"null"),
    (JSON, '{"t": "{{ v }}", "j": {{ v }}}', b'{"t": "a\\"b\\\\<c>&\'\\r\\n]]>", "j": "a\\"b\\\\<c>&\'\\r\\n]]>"}'),
    (JSON, '{"a": {{ yes }}, "b": {{ list }}, "c": "{{ list }}", "d": "{{ list|tojson }}"}',
     b'{"a": true, "b": ["a","b"], "c": "a, b", "d": "[\\"a\\",\\"b\\"]"}'),
    (JSON, '{"query": "mutation { add(n: $n) }", "variables": {"n": {{ n }}}}',
     b'{"query": "mutation { add(n: $n) }", "variables": {"n": 1250.00}}'),
    ("application/vnd.api+json", '{"\\"": "{{ n }}"}', b'{"\\"": "1250.00"}'),
    (LINES, '{"index": {}}\n{"n": {{ n }}}\n', b'{"index": {}}\n{"n": 1250.00}\n'),
    # XML: escaped in texts and attributes, CDATA is closed around what would end it
    (XML, "<a b='{{ v }}'>mixed <b/> {{ v }}</a>",
     b"<a b='a&quot;b\\&lt;c&gt;&amp;&#39;&#13;&#10;]]&gt;'>mixed <b/> a\"b\\&lt;c&gt;&amp;'&#13;\n]]&gt;</a>"),
    (XML, "<a><![CDATA[{{ v }}|{{ n }}]]></a>", b"<a><![CDATA[]]>a\"b\\&lt;c&gt;&amp;'&#13;\n]]&gt;<![CDATA[|1250.00]]></a>"),
    (XML, "<{{ name }}><!-- {{ n }} --></{{ name }}>", b"<item><!-- 1250.00 --></item>"),
    ("application/soap+xml; charset=utf-8", '<?xml version="1.0"?>\r\n<s:E xmlns:s="urn:s">{{ n }}</s:E>\r\n',
     b'<?xml version="1.0"?>\r\n<s:E xmlns:s="urn:s">1250.00</s:E>\r\n'),
    # what it is written in
    ("text/plain; charset=ISO-8859-1", "Größe {{ n }}", "Größe 1250.00".encode("latin-1")),
    ('text/plain;charset="windows-1252"', "5 {{ euro }}", b"5 \x80"),
    (XML, '<?xml version="1.0" encoding="ISO-8859-1"?><a>ö</a>', b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xf6</a>'),
    (TEXT, "ö", "ö".encode()),
    ("application/x-www-form-urlencoded", "a={{ v }}&b=1", b"a=a%22b%5C%3Cc%3E%26%27%0D%0A%5D%5D%3E&b=1"),
]  # fmt: skip


@pytest.mark.parametrize(("media_type", "body", "sent"), BODIES, ids=lambda value: repr(value)[:40])
def test_a_body_is_sent_as_it_was_typed(media_type: str, body: str, sent: bytes) -> None:
    request = built(values=V, content_type="RAW", media_type=media_type, body=body, method="PUT")
    assert request.body == sent
    assert request.headers == (("Content-Type", media_type),)


UNBUILDABLE: list[tuple[str, str, str]] = [
    ("text/plain; charset=iso-8859-1", "{{ euro }}", "“€” (U+20AC) can't be written"),
    (XML, "<{{ v }}/>", "not a legal XML name"),
    (XML, "<{{ empty }}/>", "not a legal XML name"),
    (XML, "<a><!-- {{ v|replace('a', '-') }} --></a>", "hyphen"),
    (XML, "<a>{{ '\\x01' }}</a>", "U+0001"),
    (JSON, '{"a": {% if yes %}{% endif %}}', "not JSON"),
    (XML, "<a>{% if yes %}</b>{% endif %}</a>", "not XML"),
    (LINES, '{"a": 1}\n{% if yes %}nonsense{% endif %}', "Line 2"),
    (TEXT, "{{ v.upper }}", "parentheses of a call"),
]


@pytest.mark.usefixtures("saved_untried")
@pytest.mark.parametrize(("media_type", "body", "words"), UNBUILDABLE, ids=lambda value: repr(value)[:40])
def test_what_the_media_type_can_not_carry_is_not_sent(media_type: str, body: str, words: str) -> None:
    with pytest.raises(RequestError, match=re.escape(words)) as refused:
        built(values=V, content_type="RAW", media_type=media_type, body=body)
    assert refused.value.at == "body"


def test_a_body_that_comes_to_nothing_is_none() -> None:
    request = built(values={"v": ""}, content_type="RAW", media_type=TEXT, body="{{ v }}")
    assert (request.body, request.headers) == (None, ())


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"body": ""}, "body", "Enter the body"),
    ({"body": "{{ nothing }}"}, "body", "no placeholder “nothing”"),
    ({"body": "{% include 'x' %}"}, "body", "not available"),
    ({"body": "x" * 100_001}, "body", "100000 characters"),
    ({"media_type": ""}, "media_type", "Enter the media type"),
    ({"media_type": "json"}, "media_type", "looks like"),
    ({"media_type": "text/plain\r\nX-Evil: 1"}, "media_type", "looks like"),
    ({"media_type": "text/plain; charset=“utf-8”"}, "media_type", "looks like"),
    ({"media_type": "text/{{ v }}"}, "media_type", "looks like"),
    ({"media_type": "text/plain; charset=nope"}, "media_type", "“nope” is not known"),
    ({"media_type": "text/plain; charset=base64"}, "media_type", "“base64” is not known"),
    ({"media_type": "text/plain; charset=unicode-escape"}, "media_type", "“unicode-escape” is not known"),
    ({"media_type": "text/plain; charset=raw_unicode_escape"}, "media_type", "“raw_unicode_escape” is not known"),
    ({"media_type": "text/plain; charset=utf-7"}, "media_type", "“utf-7” is not known"),
    ({"media_type": JSON, "body": '{"a": 1'}, "body", "not JSON"),
    ({"media_type": JSON, "body": '{"a": 1}\n{"b": 2}'}, "body", "application/x-ndjson"),
    ({"media_type": JSON, "body": '{"a": {{ v }}'}, "body", "not JSON"),
    ({"media_type": JSON, "body": '{"a": "\\{{ v }}"}'}, "body", "follow a backslash"),
    ({"media_type": XML, "body": "<a>{{ v }}"}, "body", "not XML"),
    ({"media_type": XML, "body": "<?php {{ v }} ?><a/>"}, "body", "processing instruction"),
    ({"media_type": LINES, "body": "{}\nnonsense"}, "body", "Line 2"),
    ({"method": "GET"}, "content_type", "A GET has no body"),
    ({"parameters": [{"name": "a", "value": "1"}]}, "parameters", "no parameters"),
    ({"headers": [{"name": "content-type", "value": "a/b"}]}, "headers.0.name", "media type is the Content-Type"),
    ({"related": [{"module": "deals", "key": "my.deals"}]}, "related.0.key", "a word"),
    ({"related": [{"module": "deals", "key": "v"}]}, "related.0.key", "already a placeholder"),
    ({"related": [{"module": "deals", "parameters": [{"name": "a"}]}]}, "related.0.parameters", "refers to the related"),
    ({"content_type": "JSON"}, "media_type", "Only RAW"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "path", "words"), REFUSED, ids=lambda value: repr(value)[:50])
def test_what_can_not_work_is_refused_when_saved(change: dict[str, Any], path: str, words: str) -> None:
    action = {"content_type": "RAW", "media_type": TEXT, "body": "x", **change}
    with pytest.raises(Refused) as refused:
        saved((), ["v"], **action)
    errors = refused.value.errors
    assert words in errors.get(path, ""), errors
    assert set(errors) == {path} or change == {"content_type": "JSON"}


def test_only_values_can_tell_whether_a_body_with_conditions_is_json() -> None:
    body = "{% if v %}{}{% else %}[]{% endif %}"
    for value, sent in (("x", b"{}"), ("", b"[]")):
        assert built(values={"v": value}, content_type="RAW", media_type=JSON, body=body).body == sent
    assert refusals(content_type="RAW", media_type=JSON, body='{% if true %}{"a": 1{% endif %}}') == {}


def names(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: names(inner) for key, inner in value.items()}
    return [names(inner) for inner in value] if isinstance(value, list) else None


JSON_BODY = (
    '{"a{{ v }}": {"x": "{{ v }}", "y": {{ v }}}, "b": ["\\"{{ v }}{{ v }}", {{ v }}{% if v %}, "{{ v }}"{% endif %}]}'
)


@law
@given(tricky_text)
@example('"')
@example("\\")
@example('", "c": "')
def test_no_value_breaks_out_of_raw_json(text: str) -> None:
    body = built(values={"v": text}, content_type="RAW", media_type=JSON, body=JSON_BODY).body or b""
    read = json.loads(body)
    assert read[f"a{text}"] == {"x": text, "y": text}
    assert read["b"] == ['"' + text * 2, text, *([text] if text else [])]
    assert list(read) == [f"a{text}", "b"]


XML_BODY = (
    "<a b=\"{{ v }}\" c='x{{ v }}'>t{{ v }}<d><![CDATA[{{ v }}]]></d>{{ v }}<e><![CDATA[]]{{ v }}>{{ v }}]]></e>"
    "{% if v %}<f/>{% endif %}</a>"
)


@law
@given(
    st.one_of(tricky_text, st.sampled_from(["]]>", "]]", "]", ">", "<!--", "-->", "<![CDATA[", "a\tb\r\nc", "&lt;"]))
)
def test_no_value_breaks_out_of_raw_xml(text: str) -> None:
    try:
        body = built(values={"v": text}, content_type="RAW", media_type=XML, body=XML_BODY).body or b""
    except RequestError as refused:
        unsendable = re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", text)
        assert unsendable or (text == "" and "not XML" in str(refused))  # “]]” and “>” meet: the template's own mistake
        return
    for root in (ElementTree.fromstring(body), etree.fromstring(body)):
        assert (root.get("b"), root.get("c"), root.text, root.findtext("d")) == (text, "x" + text, "t" + text, text)
        assert (root.find("d").tail or "") == text  # type: ignore[union-attr]
        assert root.findtext("e") == f"]]{text}>{text}"
        assert [child.tag for child in root] == ["d", "e", *(["f"] if text else [])]


@law
@given(tricky_text)
def test_no_value_breaks_out_of_a_raw_form_or_of_a_line(text: str) -> None:
    form = built(
        values={"v": text},
        content_type="RAW",
        media_type="application/x-www-form-urlencoded",
        body="a={{ v }}&b={{ v }}",
    )
    assert parse_qsl((form.body or b"").decode(), keep_blank_values=True) == [("a", text), ("b", text)]
    lines = built(values={"v": text}, content_type="RAW", media_type=LINES, body='{"a": {{ v }}}\n["{{ v }}"]\n')
    assert [exact_json.loads(line) for line in (lines.body or b"").splitlines()] == [{"a": text}, [text]]


def test_a_body_loops_over_related_records_and_reads_one_of_a_reference(tmp_path: Path, receiver: Receiver) -> None:
    body = (
        '{"employer": "{{ firm.name }}", "deals": [{% for deal in deals if deal.amount %}\r\n'
        '  {"name": "{{ deal.name }}", "amount": {{ deal.amount }}}{% if not loop.last %},{% endif %}{% endfor %}]}\r\n'
    )
    related = [{"module": "deals"}, {"module": "organizations", "key": "firm"}]
    action = {"url": f"{receiver.url}/raw", "content_type": "RAW", "media_type": JSON, "body": body, "related": related}
    with working(tmp_path) as crm:
        modules = {"related_modules": ["deals", "organizations"]}
        contact = crm.create("contacts", last_name="A", organization=crm.create("organizations", name='O"1'))
        for name, amount in (('T"x', "12.50"), ("none", None), ("U", "3")):
            crm.create("deals", name=name, amount=amount, contact=contact)
        for wrong, words in (
            ("{{ deals.name }}", "a list of records"),
            ("{% for d in deals %}{{ d.nmae }}{% endfor %}", "d.name"),
        ):
            with pytest.raises(Exception, match=words):
                crm.workflow("contacts", {**action, "body": wrong}, **modules)
        workflow = crm.workflow("contacts", action, **modules)
        crm.replace(workflow, crm.document(workflow))
        crm.start()
        crm.update("contacts", contact, title="x")
        sent = receiver.wait_for(1)[0]
    assert sent.body.endswith(b"]}\r\n") and b"\r\n  {" in sent.body
    assert json.loads(sent.body) == {
        "employer": 'O"1', "deals": [{"name": 'T"x', "amount": 12.50}, {"name": "U", "amount": 3.00}],
    }  # fmt: skip
    assert (sent.header("Content-Type"), sent.header("Content-Length")) == (JSON, str(len(sent.body)))


# ---- the form -----------------------------------------------------------------------------------------------------------

BREAKS = ["a\r\nb\r\n", "a\nb", "a\r\nb\nc\rd\n\n", "\r\n\r\n", "\r", "a"]


def through_the_form(action: dict[str, Any], **typed: Any) -> dict[str, Any]:
    return document_of_webhook(webhook_draft({**draft_of_webhook(action), **typed}))


@pytest.mark.parametrize("body", BREAKS, ids=repr)
def test_a_form_that_is_saved_untouched_leaves_every_line_break(body: str) -> None:
    action = {"id": 7, "content_type": "RAW", "media_type": TEXT, "body": body}
    assert through_the_form(action)["body"] == body


def test_lines_that_were_not_touched_keep_their_break_and_new_ones_end_as_the_first() -> None:
    action = {"id": 7, "content_type": "RAW", "media_type": TEXT, "body": "a\r\nb\nc\rd"}
    assert through_the_form(action, body="a\nnew\nb\nc!\nd")["body"] == "a\r\nnew\r\nb\nc!\r\nd"
    assert through_the_form({**action, "body": "a\r\nb"}, body="x\ny\n")["body"] == "x\r\ny\r\n"


def test_rows_and_body_stay_in_the_draft_whatever_content_type_is_chosen() -> None:
    rows = [{"name": "a", "value": "1"}]
    draft = webhook_draft({"content_type": "JSON", "parameters": rows, "body": "<a/>", "media_type": XML})
    assert {"media_type", "body"}.isdisjoint(document := document_of_webhook(draft)) and document["parameters"]
    raw = document_of_webhook(webhook_draft({**draft, "content_type": "RAW"}))
    assert (raw["media_type"], raw["body"], raw["parameters"]) == (XML, "<a/>", [])
