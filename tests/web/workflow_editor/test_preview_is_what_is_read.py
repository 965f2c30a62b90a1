"""What the preview shows is what a receiver reads (specification section 4.6), byte for byte and header for header,
for any webhook.

The preview and *Send test* are asked for the same draft; the test goes through the outbox, the engine and the network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.support.receiver import Receiver, receiving
from tests.support.working import Working, working
from webhookui.crm import records
from webhookui.web.workflow_editor.preview import ShownRequest, shown_request
from webhookui.web.workflow_editor.send_test import DraftError, webhook_at
from webhookui.web.workflow_editor.workflow_draft import draft_of_document
from webhookui.webhooks.definition import MASK
from webhookui.webhooks.request import RequestError
from webhookui.workflows.redelivery import send_test

VALUES = (
    "{{ last_name }}", "{{ description }}", "{{ birthday }}", "{{ do_not_call }}", "{{ interests }}", "{{ title }}",
    "{{ organization }}", "{{ organization.employees }}", "x {{ last_name }} & {{ interests }}",
    "{{ record.id }}/{{ delivery.id }}", "", " a\tb ", "ü=&+%[]",
)  # fmt: skip
values = st.sampled_from(VALUES)
names = st.sampled_from(["a", "b.c", "b.d", "to", "x[]", "ü", "l.0", "l.1", "o.0.n", "a b"])
types = st.sampled_from(["auto", "text", "auto"])
rows = st.lists(
    st.fixed_dictionaries({"name": names, "value": values, "type": types, "omit_empty": st.booleans()}), max_size=5
)
related = st.lists(
    st.sampled_from([
        {"module": "deals", "key": "d",
         "parameters": [{"name": "n", "value": "{{ name }}"}, {"name": "m.a", "value": "{{ amount }}"}]},
        {"module": "organizations", "key": "firm", "parameters": [{"name": "n", "value": "{{ name }}"}]},
    ]), max_size=2, unique_by=lambda drawn: drawn["key"],
)  # fmt: skip
authorizations = st.sampled_from([
    {"type": "none"}, {"type": "basic", "username": "ann", "password": ""}, {"type": "basic", "username": "", "password": "p:w"},
    {"type": "bearer", "token": "t0ken/x=="}, {"type": "api_key", "in": "query", "name": "api key", "value": "k&y=1 2"},
    {"type": "api_key", "in": "header", "name": "X-Key", "value": "k3y"},
])  # fmt: skip
SENT_AS = {"Basic YW5uOg==", "Basic OnA6dw==", "Bearer t0ken/x==", "k3y"}
RAW_BODIES = {
    "application/json": ['{"a": "{{ last_name }}", "b": {{ interests }}}', "[]",
                         '[{% for x in d %}{{ x.amount }}{% if not loop.last %},{% endif %}{% endfor %}]'],
    "text/xml; charset=utf-8": ["<a b='{{ description }}'>{{ last_name }}<c/>t</a>"],
    "text/plain; charset=utf-16-le": ["{{ last_name }}\r\n"],
    "text/plain": ["one\r\ntwo\rthree\n\n", "{{ description }}", "{{ title }}"],
    "application/x-ndjson": ['{"a": {{ last_name }}}\n{}\n'],
}  # fmt: skip
raw = st.sampled_from([
    {"content_type": "RAW", "media_type": media_type, "body": body, "parameters": []}
    for media_type, bodies in RAW_BODIES.items() for body in bodies
])  # fmt: skip
rowed = st.fixed_dictionaries({
    "content_type": st.sampled_from(["JSON", "JSONARRAY", "XML", "FORM", "FORM"]), "parameters": rows, "related": related,
    "list_style": st.sampled_from([None, "indexed", "brackets", "repeated", "comma"]),
})  # fmt: skip
shared = st.fixed_dictionaries({
    "method": st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE"]), "authorization": authorizations,
    "headers": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["X-A", "x-b", "Accept"]), "value": values}), max_size=2,
                        unique_by=lambda drawn: drawn["name"]),
    "query": st.sampled_from(["", "?q={{ last_name }}&r=1", "?x[]=1#part"]),
})  # fmt: skip


@dataclass(frozen=True)
class World:
    crm: Working
    receiver: Receiver
    contact: int


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with receiving() as receiver, working(tmp_path_factory.mktemp("read")) as crm:
        firm = crm.create("organizations", name='Þór & <Co> "Ltd"', employees="12")
        contact = crm.create(
            "contacts", last_name="O'Neil \"q\" \\ 😀 & <b>", description="a\nb; ]]>\u2028 {\"j\": [1]}", birthday="1980-02-29",
            do_not_call=True, interests=["Events", "Newsletter"], organization=firm,
        )  # fmt: skip
        for name, amount in (("Tür & Tor", "1250.10"), ("<2>", "3")):
            crm.create("deals", name=name, amount=amount, contact=contact)
        crm.start()
        yield World(crm, receiver, contact)


def readable_json(body: bytes) -> None:
    json.loads(body, parse_float=Decimal)


def readable_form(body: bytes) -> None:
    assert not body or parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)


READERS: dict[str, Callable[[bytes], Any]] = {
    "application/json": readable_json,
    "application/xml": etree.fromstring,
    "text/xml; charset=utf-8": etree.fromstring,
    "application/x-www-form-urlencoded": readable_form,
}
"""Other people's parsers, by the Content-Type that was received."""


def shown_bytes(shown: ShownRequest) -> bytes:
    body = shown.body
    return b"" if body.kind == "empty" else (body.raw or body.text).encode(body.charset or "utf-8")


@settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shared, st.one_of(rowed, rowed, raw))
@example({"method": "DELETE", "authorization": {"type": "none"}, "headers": [], "query": ""}, {"content_type": "JSON"})
@example(
    {"method": "POST", "authorization": {"type": "none"}, "headers": [], "query": ""},
    {"content_type": "FORM", "parameters": [{"name": "to", "value": "a"}, {"name": "to", "value": "b"}]},
)
def test_a_receiver_reads_what_the_preview_shows(world: World, common: dict[str, Any], body: dict[str, Any]) -> None:
    crm = world.crm
    action = {"title": "A", **common, **body, "url": f"{world.receiver.url}/öffen{common['query']}"}
    del action["query"]
    if action["content_type"] == "RAW" and "in d" in action["body"]:
        action["related"] = [{"module": "deals", "key": "d"}]
    if action["method"] != "GET" and action["content_type"] != "FORM":
        action.pop("list_style", None)
    draft = draft_of_document(
        {"name": "W", "module": "contacts", "related_modules": ["deals", "organizations"], "actions": [action]}
    )
    secret = next(
        (value for key, value in action["authorization"].items() if key in ("password", "token", "value")), ""
    )
    for key in ("password", "token", "value"):
        draft["actions"][0]["authorization"][key] = action["authorization"].get(key, "")
    with crm.db.write() as session:
        record = records.get(session, "contacts", world.contact)
        address = crm.settings.address
        try:
            shown = shown_request(session, draft, 0, record, address, None)
        except (DraftError, RequestError):
            return  # names that can't stand together, a GET with a body of its own, …
        webhook = webhook_at(session, crm.box, draft, 0, None)
        send_test(session, crm.box, webhook, record, by="Ann", address=address, workflow="W")
        before = len(world.receiver.requests)
    received = world.receiver.wait_for(before + 1)[before]
    method, target, _ = received.line.split(" ")
    assert (method, received.body) == (shown.method, shown_bytes(shown))
    path = shown.url.removeprefix(world.receiver.url)
    assert target == path.replace(MASK, "k%26y%3D1+2")
    hidden = ("webhook-id",)
    read = [(name, value) for name, value in received.headers if name.lower() not in (*hidden, "connection")]
    expected = {name: value for name, value in (*shown.headers, *shown.added) if name.lower() not in hidden}
    assert [name for name, _ in read] == list(dict.fromkeys(name for name, _ in read))
    for name, value in read:
        shown_value = expected.pop(name)
        start = shown_value.partition(MASK)[0]
        assert value == shown_value or (MASK in shown_value and value.startswith(start) and value in SENT_AS), name
    assert expected == {}
    assert not secret or len(secret) < 3 or secret not in str(shown)
    reader = READERS.get(received.header("Content-Type") or "")
    if reader and received.body:
        reader(received.body)
