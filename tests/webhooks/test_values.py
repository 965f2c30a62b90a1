"""Values with placeholders (specification section 4.1): what they speak of, the types they keep, what is refused and when.

Records are saved for real and the request is read from the outbox, where the save's transaction put it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Receiver
from tests.support.working import Working, working
from webhookui.core import exact_json
from webhookui.delivery.tables import DeliveryRequest
from webhookui.workflows.document import InvalidDocument

ANYWHERE = "http://127.0.0.1:9/"


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[Working]:
    with working(tmp_path, base_url="https://crm.example.com") as crm:
        yield crm


def save_deal(crm: Working, **values: Any) -> int:
    organization = crm.create(
        "organizations", name="Acme & Sons", postal_code="00420", employees="12", account_id="A 1/2"
    )
    contact = crm.create(
        "contacts", first_name="Zoë", last_name='O"Neil', email="zoe@example.com", do_not_call=True,
        interests=["Support", "Events"], organization=organization, birthday="1985-02-28",
    )  # fmt: skip
    complete = {
        "name": 'Big "deal"', "amount": "1250", "probability": "0.5", "close_date": "2026-12-31", "contact": contact,
        "organization": organization, "stage": "New", "next_step": "  {{ amount }}  ", "description": "a\nb", **values,
    }  # fmt: skip
    return crm.create("deals", **complete)


D = Decimal

VALUES: dict[str, Any] = {
    # what placeholders speak of
    "{{ amount }}": D("1250.00"),
    "{{ contact.email }}": "zoe@example.com",
    "{{ contact.organization.name }}": "Acme & Sons",
    "{{ owner.name }}": "Ann Admin",
    "{{ owner.email }}": "ann@example.com",
    "{{ contact.owner.name }}": "Ann Admin",
    "{{ previous.stage }}": "New",
    "{{ stage }}": "Closed Won",
    "{{ previous.amount }}": D("1250.00"),
    "{{ record.id }}": 3,
    "{{ record.url }}": "https://crm.example.com/records/deals/3",
    "{{ record.name }}": 'Big "deal"',
    "{{ record.module }}": "deals",
    "{{ contact.id }}": 2,
    "{{ contact.url }}": "https://crm.example.com/records/contacts/2",
    "{{ workflow.name }}": "Close deals",
    "{{ workflow.id }}": 1,
    "{{ contact }}": 'Zoë O"Neil',
    "{{ owner }}": "Ann Admin",
    "{{ workflow }}": "Close deals",
    "{{ record }}": 'Big "deal"',
    # a value that is one placeholder keeps its type
    "{{ probability }}": D("0.5"),
    "{{ organization.employees }}": 12,
    "{{ contact.do_not_call }}": True,
    "{{ invoice_id }}": None,
    "{{ contact.interests }}": ["Events", "Support"],
    "{{ close_date }}": "2026-12-31",
    "{{contact.interests[0]}}": "Events",
    "{{ contact.mobile }}": None,
    # text is never guessed at
    "{{ organization.postal_code }}": "00420",
    "00420": "00420",
    "12": "12",
    "true": "true",
    "null": "null",
    "": "",
    "{{ next_step }}": "{{ amount }}",
    "{{ name }}": 'Big "deal"',
    "{{ description }}": "a\nb",
    "{not a placeholder}": "{not a placeholder}",
    # mixed text is a string
    "{{ amount }} USD": "1250.00 USD",
    " {{ amount }}": " 1250.00",
    "{{ amount }}{{ organization.employees }}": "1250.0012",
    "{{ contact.do_not_call }}!": "true!",
    "<{{ invoice_id }}>": "<>",
    "{{ contact.interests }}.": "Events, Support.",
    "{{ close_date }}/{{ owner.name }}": "2026-12-31/Ann Admin",
    # expressions and filters
    "{{ amount * 1.1 }}": D("1375.000"),
    "{{ amount * 2 + 0.05 }}": D("2500.05"),
    "{{ amount / 4 }}": D("312.50"),
    "{{ amount | round(1) }}": D("1250.0"),
    "{{ (amount / 3) | round(2) }}": D("416.67"),
    "{{ 2.675 | round(2, 'floor') }}": D("2.67"),
    "{{ amount | int }}": 1250,
    '{{ "%.2f" | format(amount / 3) }}': "416.67",
    '{{ "%05d|%-6s|%6.1f|%%" | format(7, name[:3], amount) }}': "00007|Big   |1250.0|%",
    "{{ name | upper }}": 'BIG "DEAL"',
    "{{ name.lower() }}": 'big "deal"',
    "{{ name | tojson }}": '"Big \\"deal\\""',
    "{{ contact.interests | map('upper') }}": ["EVENTS", "SUPPORT"],
    "{{ contact.interests | join('+') }}": "Events+Support",
    "{{ contact.interests | length }}": 2,
    "{{ amount > 1000 }}": True,
    "{{ 'big' if amount > 1000 else 'small' }}": "big",
    "{{ 'big' if amount > 9999 }}": None,
    "{{ invoice_id or 'none yet' }}": "none yet",
    "{{ invoice_id | default('none yet', true) }}": "none yet",
    "{{ close_date.year }}": 2026,
    "{{ close_date.strftime('%d.%m.%Y') }}": "31.12.2026",
    "{% if amount > 1000 %}big{% else %}small{% endif %}": "big",
    "{% for each in contact.interests %}{{ loop.index }}{{ each }};{% endfor %}": "1Events;2Support;",
    "{% set a = amount * 2 %}{{ a }}": "2500.00",
    "{{ {'a': amount, 'b': [none]} }}": {"a": D("1250.00"), "b": [None]},
    "{{ name ~ '!' ~ amount }}": 'Big "deal"!1250.00',
}  # fmt: skip


def test_placeholders_stand_for_these_values(crm: Working) -> None:
    rows = [{"name": f"v{position}", "value": value} for position, value in enumerate(VALUES)]
    crm.workflow(
        "deals",
        {"url": ANYWHERE, "parameters": rows},
        name="Close deals",
        trigger={"on": "update", "recurrence": "every_time"},
    )
    crm.update("deals", save_deal(crm), stage="Closed Won")
    body = exact_json.loads(crm.last()[1].body or b"")
    got = dict(zip(VALUES, body.values(), strict=True))
    assert {value: shown for value, shown in got.items() if not same(shown, VALUES[value])} == {}


def same(value: Any, other_value: Any) -> bool:
    """Equal, of the same type, and decimals to their last digit."""
    return exact_json.dumps(value) == exact_json.dumps(other_value)


def test_every_delivery_knows_its_own_id_and_all_of_one_save_the_same_time(crm: Working) -> None:
    rows = [{"name": "id", "value": "{{ delivery.id }}"}, {"name": "at", "value": "{{ now }}"}]
    crm.workflow("contacts", *[{"url": ANYWHERE, "parameters": rows}] * 3)
    crm.create("contacts", last_name="A")
    bodies = [exact_json.loads(body_of(crm, delivery.id)) for delivery in crm.deliveries()]
    assert [body["id"] for body in bodies] == [delivery.id for delivery in crm.deliveries()] == [1, 2, 3]
    assert len({body["at"] for body in bodies}) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", bodies[0]["at"])


def body_of(crm: Working, delivery_id: int | None) -> bytes:
    with crm.db.read() as session:
        request = session.get(DeliveryRequest, delivery_id)
        assert request is not None
        return request.body or b""


def test_at_a_creation_there_was_nothing_before_and_a_deletion_speaks_of_what_was(crm: Working) -> None:
    rows = [{"name": "before", "value": "{{ previous.last_name }}"}, {"name": "after", "value": "{{ last_name }}"}]
    crm.workflow("contacts", {"url": ANYWHERE, "parameters": rows})
    crm.workflow(
        "contacts", {"url": ANYWHERE, "parameters": rows}, trigger={"on": "delete", "recurrence": "every_time"}
    )
    contact = crm.create("contacts", last_name="A")
    assert crm.last()[1].body == b'{"before":null,"after":"A"}'
    crm.update("contacts", contact, last_name="B")
    assert crm.last()[1].body == b'{"before":"A","after":"B"}'
    crm.delete("contacts", contact)
    assert crm.last()[1].body == b'{"before":"B","after":"B"}'


FORCED: list[tuple[str, str, Any]] = [
    ("{{ amount }}", "text", "1250.00"),
    ("{{ contact.do_not_call }}", "text", "true"),
    ("{{ invoice_id }}", "text", ""),
    ("{{ contact.interests }}", "text", "Events, Support"),
    ("{{ organization.postal_code }}", "number", 420),
    ("12.50", "number", D("12.50")),
    (" 7 ", "number", 7),
    ("-1e3", "number", -1000),
    ("{{ amount }}", "number", D("1250.00")),
    ("{{ invoice_id }}", "number", None),
    ("", "number", None),
    ("yes", "boolean", True),
    ("FALSE", "boolean", False),
    ("0", "boolean", False),
    ("{{ contact.do_not_call }}", "boolean", True),
    ("{{ invoice_id }}", "boolean", None),
    ('{"a": [1.10, null, true, "x"]}', "json", {"a": [D("1.10"), None, True, "x"]}),
    ("12345678901234567890", "json", 12345678901234567890),
    ('"text"', "json", "text"),
    ("{{ amount }}", "json", D("1250.00")),
    ("{{ invoice_id }}", "json", None),
    ("[]", "json", []),
    ('{"deal": "{{ name }}", "of": {{ contact.interests }}, "no": {{ invoice_id }}, "sum": {{ amount }}}', "json",
     {"deal": 'Big "deal"', "of": ["Events", "Support"], "no": None, "sum": D("1250.00")}),
    ('{"a": "\\"{{ name }}\\", {{ amount }}", "b": {{ name }}, "c": {{ name | tojson }}}', "json",
     {"a": '"Big "deal"", 1250.00', "b": 'Big "deal"', "c": 'Big "deal"'}),
    ('[{% for each in contact.interests %}{% if not loop.first %},{% endif %}{"is": {{ each }}}{% endfor %}]', "json",
     [{"is": "Events"}, {"is": "Support"}]),
]  # fmt: skip


def test_a_forced_type_is_kept_to(crm: Working) -> None:
    rows = [{"name": f"v{at}", "value": value, "type": kind} for at, (value, kind, _) in enumerate(FORCED)]
    crm.workflow("deals", {"url": ANYWHERE, "parameters": rows})
    save_deal(crm)
    body = exact_json.loads(crm.last()[1].body or b"")
    for (value, kind, expected), got in zip(FORCED, body.values(), strict=True):
        assert same(got, expected), (value, kind, got)


NOT_FILLED: list[tuple[dict[str, Any], str]] = [
    ({"value": "{{ invoice_id }}", "required": True}, "The required parameter a.b is empty; nothing was sent."),
    ({"value": " {{ invoice_id }} ", "required": True}, "The required parameter a.b is empty"),
    ({"value": "{{ contact.phone }}", "required": True, "omit_empty": True}, "The required parameter a.b is empty"),
    ({"value": "{{ name }}", "type": "number"}, "Parameter a.b: “Big \"deal\"” is not a number."),
    ({"value": "1,5", "type": "number"}, "“1,5” is not a number"),
    ({"value": "NaN", "type": "number"}, "is not a number"),
    ({"value": "Infinity", "type": "number"}, "is not a number"),
    ({"value": "{{ contact.do_not_call }}", "type": "number"}, "“true” is not a number"),
    ({"value": "maybe", "type": "boolean"}, "“maybe” is not true or false"),
    ({"value": "{a: 1}", "type": "json"}, "not JSON"),
    ({"value": "{{ name }}", "type": "json"}, "not JSON"),
    ({"value": "[1] [2]", "type": "json"}, "not JSON"),
    ({"value": "NaN", "type": "json"}, "not JSON"),
    ({"value": "[" * 5000, "type": "json"}, "not JSON"),
    ({"value": "{{ 1 / (amount - amount) }}"}, "can't be filled in"),
    ({"value": "{{ amount + name }}"}, "can't be filled in"),
    ({"value": "{{ name.upper }}"}, "are the parentheses of a call missing?"),
    ({"value": "{{ '\\ud800' }}"}, "can't be filled in"),
    # nothing in a template gets out of the sandbox …
    ({"value": "{{ ''['__cla' ~ 'ss__'] }}"}, "unsafe"),
    ({"value": "{{ name | attr('__class__') }}"}, "unsafe"),
    ({"value": "{{ [name] | map(attribute='__class__') | list }}"}, "unsafe"),
    ({"value": "{{ '{0.__class__}'.format(name) }}"}, "nothing to call"),
    ({"value": "{{ (contact.interests | list).append('x') }}"}, "nothing to call"),
    # … or fills the memory
    ({"value": "{{ 'x' * 999999999 }}"}, "only numbers can be multiplied"),
    ({"value": "{{ [1] * 999999999 }}"}, "only numbers can be multiplied"),
    ({"value": "{{ 9 ** 9 ** 9 }}"}, "too large"),
    ({"value": "{{ 10 ** 99 * 10 ** 99 * 10 ** 99 * 10 ** 99 * 10 ** 99 }}"}, "too large"),
    ({"value": "{{ 1e308 * 10 }}"}, "too large, or not a number"),
    ({"value": "{{ '%999999999d' | format(1) }}"}, "a width must be a number up to 1000"),
    ({"value": "{{ '%.999999999f' | format(1) }}"}, "a width must be a number up to 1000"),
    ({"value": "{{ '%*d' | format(999999999, 1) }}"}, "widths written out"),
    ({"value": "{{ name.ljust(999999999) }}"}, "a width must be a number up to 1000"),
    ({"value": "{{ name | center(999999999) }}"}, "a width must be a number up to 1000"),
    ({"value": "{{ [1] | batch(999999999, 'x') | list }}"}, "a width must be a number up to 1000"),
    ({"value": "{{ [1] | slice(999999999) | list }}"}, "a width must be a number up to 1000"),
    ({"value": "{{ amount | round(999999999, 'ceil') }}"}, "too large"),
    ({"value": "{{ '%s' % name }}"}, "write placeholders"),
    ({"value": "{% set a = 'x' | replace('x', 'y' ~ description) %}" + "{% set a = a ~ a %}" * 30 + "{{ a }}"}, "exceeds"),
    ({"value": "{{ " + "name" + ".replace('', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')" * 30 + " }}"}, "exceeds"),
    ({"value": "{{ name" + " | replace('', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')" * 30 + " }}"}, "exceeds"),
]  # fmt: skip


@pytest.mark.usefixtures("saved_untried")
@pytest.mark.parametrize(("row", "words"), NOT_FILLED, ids=lambda value: str(value)[:60])
def test_what_cannot_be_filled_in_fails_at_once_in_words_and_the_record_is_saved(
    crm: Working, row: dict[str, Any], words: str
) -> None:
    crm.workflow("deals", {"url": ANYWHERE, "parameters": [{"name": "a.b", **row}]})
    save_deal(crm)
    delivery, request = crm.last()
    assert (delivery.status, request.body, delivery.attempt_count) == ("failed", None, 0)
    assert words in (delivery.error or "")
    assert "a.b" in (delivery.error or "")


def test_a_template_that_would_run_for_ever_is_stopped(crm: Working) -> None:
    loops = "{% for a in description %}" * 4 + "{% endfor %}" * 4
    crm.workflow("deals", {"url": ANYWHERE, "parameters": [{"name": "a", "value": loops}]})
    save_deal(crm, description="x" * 5000)
    assert "it takes too long" in (crm.last()[0].error or "")


def test_a_body_that_gets_too_large_is_not_sent(crm: Working) -> None:
    rows = [{"name": f"p{number}", "value": "{{ description }}"} for number in range(120)]
    crm.workflow("deals", {"url": ANYWHERE, "parameters": rows})
    save_deal(crm, description="x" * 100_000)
    delivery, request = crm.last()
    assert (delivery.status, request.body) == ("failed", None)
    assert "larger than 10 MiB" in (delivery.error or "")


def test_nothing_at_all_goes_out_for_a_missing_required_parameter(tmp_path: Path, receiver: Receiver) -> None:
    with working(tmp_path) as crm:
        crm.workflow(
            "contacts",
            {"url": receiver.url, "parameters": [{"name": "token", "value": "{{ title }}", "required": True}]},
            {"url": receiver.url, "parameters": [{"name": "name", "value": "{{ last_name }}"}]},
        )
        crm.start()
        crm.create("contacts", last_name="A")
        first, second = crm.ended(1), crm.ended(2)
        assert (first.status, second.status) == ("failed", "success")
        assert [request.body for request in receiver.requests] == [b'{"name":"A"}']
        assert first.finished_at and not crm.attempts(1)


def test_a_required_parameter_of_a_related_record_is_named_with_its_key(crm: Working) -> None:
    related = [
        {
            "module": "contacts",
            "key": "buyer",
            "parameters": [{"name": "tel", "value": "{{ phone }}", "required": True}],
        }
    ]
    crm.workflow("deals", {"url": ANYWHERE, "related": related}, related_modules=["contacts"])
    save_deal(crm)
    assert crm.last()[0].error == "The required parameter buyer.tel is empty; nothing was sent."


OMITTED = {
    "JSON": b'{"b":{"c":0},"l":[{"x":"1"}]}',
    "XML": b'<?xml version="1.0" encoding="UTF-8"?>\n<root><b><c>0</c></b><l><x>1</x></l></root>',
    "FORM": b"b[c]=0&l[0][x]=1",
}


@pytest.mark.parametrize("content_type", OMITTED)
def test_what_is_left_out_when_empty_leaves_no_trace_and_lists_close_up(crm: Working, content_type: str) -> None:
    rows = [("a", "{{ invoice_id }}"), ("b.c", "{{ 0 }}"), ("b.d", ""), ("e.f", "  "), ("l.0.x", "{{ contact.phone }}"),
            ("l.1.x", "1"), ("g", "{{ [] }}")]  # fmt: skip
    parameters = [{"name": name, "value": value, "omit_empty": True} for name, value in rows]
    crm.workflow("deals", {"url": ANYWHERE, "content_type": content_type, "parameters": parameters})
    save_deal(crm)
    assert crm.last()[1].body == OMITTED[content_type]


URLS: dict[str, str | None] = {
    "http://127.0.0.1:9/a/{{ organization.account_id }}/b": "http://127.0.0.1:9/a/A%201%2F2/b",
    "http://127.0.0.1:9/{{ name }}?q={{ contact.first_name }}&r={{ organization.name }}":
        "http://127.0.0.1:9/Big%20%22deal%22?q=Zo%C3%AB&r=Acme%20%26%20Sons",
    "http://127.0.0.1:9/{{ description }}": "http://127.0.0.1:9/a%0Ab",
    "http://127.0.0.1:9/{{ invoice_id }}/x": "http://127.0.0.1:9//x",
    "http://127.0.0.1:9/{% if amount > 1 %}big/{{ amount }}{% endif %}": "http://127.0.0.1:9/big/1250.00",
    "{{ organization.website }}/hook?x={{ name }}": "https://acme.example/a?b/hook?x=Big%20%22deal%22",
    "http://{{ organization.name }}/": None,
    "http://a{{ organization.account_id }}.example.com/": None,
    "{{ next_step }}": None,
    "http://127.0.0.1:9/{{ '..' }}/x": None,
    "http://127.0.0.1:9/a/{{ '%2e' }}./x": "http://127.0.0.1:9/a/%252e./x",
}  # fmt: skip


@pytest.mark.usefixtures("saved_untried")
@pytest.mark.parametrize("url", URLS)
def test_what_placeholders_bring_into_a_url_is_percent_encoded(crm: Working, url: str) -> None:
    crm.workflow("deals", {"url": url})
    deal = save_deal(crm)
    crm.update("organizations", 1, website="https://acme.example/a?b")
    crm.update("deals", deal, stage="Closed Won")
    delivery = crm.last()[0]
    if URLS[url] is None:
        assert delivery.status == "failed"
        assert (delivery.error or "").startswith("URL to Notify: ")
    else:
        assert (delivery.status, delivery.url) == ("queued", URLS[url])


HEADERS: dict[str, str | None] = {
    "{{ name }}": 'Big "deal"',
    " {{ amount }} ": "1250.00",
    "{{ contact.first_name }}": "Zoë",
    "{{ next_step }}": "{{ amount }}",
    "{{ 'Žofie 100%' }}": "%C5%BDofie 100%",
    "{{ description }}": None,
    "a{{ '\\r\\n' }}X-Evil: b": None,
    "{{ '\\0' }}x": None,
}


@pytest.mark.usefixtures("saved_untried")
@pytest.mark.parametrize("value", HEADERS)
def test_no_line_break_gets_into_a_header(crm: Working, value: str) -> None:
    crm.workflow("deals", {"url": ANYWHERE, "headers": [{"name": "X-Note", "value": value}]})
    save_deal(crm)
    delivery, request = crm.last()
    if HEADERS[value] is None:
        assert (delivery.status, request.headers) == ("failed", [])
        assert "Header X-Note: a line break or control character" in (delivery.error or "")
    else:
        assert ["X-Note", HEADERS[value]] in request.headers


REFUSED_ON_SAVE: dict[str, str] = {
    "{{ amount": "at line 1, column 1",
    "line one\n  {{ amount }": "at line 2, column 3",
    "{{ amount | nothing }}": "nothing",
    "{{ amount is nothing }}": "nothing",
    "{% for a in name %}": "at line 1",
    "{{ }}": "at line 1, column 1",
    "{{ amuont }}": "There is no placeholder “amuont”. Did you mean “amount”?",
    "{{ contact.emial }}": "There is no placeholder “contact.emial”. Did you mean “contact.email”?",
    "{{ contact['emial'] }}": "There is no placeholder “contact.emial”.",
    "{{ previous.previous }}": "There is no placeholder “previous.previous”",
    "{{ owner.password_hash }}": "There is no placeholder “owner.password_hash”",
    "{{ amount.real }}": "“amount” is a value and has no “real”.",
    "{{ name.format(1) }}": "“name” is a value and has no “format”.",
    "{{ name.__class__ }}": "“__class__” can't be looked into.",
    "{{ ''['__class__'] }}": "“__class__” can't be looked into.",
    "{{ contact.interests.append('x') }}": "“contact.interests” is a value and has no “append”.",
    "{{ ().__class__.__bases__ }}": "can't be looked into.",
    "{{ range(9) }}": "There is no placeholder “range”",
    "{{ lipsum() }}": "There is no placeholder “lipsum”",
    "{{ self }}": "There is no placeholder “self”",
    "{% macro m() %}{% endmacro %}": "“{% macro %}” is not available here",
    "{% include 'x' %}": "“{% include %}” is not available here",
    "{% import 'x' as y %}": "“{% import %}” is not available here",
    "{% extends 'x' %}": "“{% extends %}” is not available here",
    "{% block b %}{% endblock %}": "“{% block %}” is not available here",
    "{% set a %}x{% endset %}": "not available here",
    "{% filter upper %}x{% endfilter %}": "not available here",
    "{% for a in [] recursive %}{% endfor %}": "not available here",
    "a\0b": "can't be stored",
    "a\ud800b": "can't be stored",
    "{{ " + "(" * 3000 + " }}": "can't be read",
    "x" * 9000 + "{{ amount }}" + "x" * 12000: "At most 20000 characters",
}  # fmt: skip
PLACES = {
    "url": (lambda value: {"url": ANYWHERE + value}, "actions.0.url"),
    "header": (lambda value: {"headers": [{"name": "X", "value": value}]}, "actions.0.headers.0.value"),
    "parameter": (lambda value: {"parameters": [{"name": "a", "value": value}]}, "actions.0.parameters.0.value"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", REFUSED_ON_SAVE, ids=lambda value: ascii(value)[:40])
def test_a_template_that_cannot_work_is_refused_when_saved_with_its_place(crm: Working, value: str, place: str) -> None:
    if place == "header" and "\n" in value:
        return
    build, path = PLACES[place]
    with pytest.raises(InvalidDocument) as refused:
        crm.workflow("deals", {"url": ANYWHERE, **build(value)})
    assert list(refused.value.errors) == [path]
    words = REFUSED_ON_SAVE[value]
    if place == "url":
        words = re.sub(
            r"column \d+", lambda match: f"column {int(match[0][7:]) + len(ANYWHERE) * ('line 1' in words)}", words
        )
    assert words in refused.value.errors[path]


def test_a_related_record_speaks_of_itself_and_of_what_surrounds_it(crm: Working) -> None:
    rows = ["name", "record.id", "record.url", "owner.name", "contact.first_name", "delivery.id", "workflow.name"]
    parameters = [{"name": row.replace(".", "_"), "value": f"{{{{ {row} }}}}"} for row in rows]
    related = [{"module": "deals", "key": "deals", "parameters": parameters}]
    crm.workflow("contacts", {"url": ANYWHERE, "related": related}, related_modules=["deals"], name="W")
    save_deal(crm)
    crm.update("contacts", 2, title="x")
    assert exact_json.loads(crm.last()[1].body or b"") == {
        "deals": [
            {
                "name": 'Big "deal"', "record_id": 3, "record_url": "https://crm.example.com/records/deals/3",
                "owner_name": "Ann Admin", "contact_first_name": "Zoë", "delivery_id": crm.last()[0].id, "workflow_name": "W",
            }
        ]
    }  # fmt: skip


NONE_RELATED = {
    "JSON": b'{"deals":[],"organization":null}',
    "JSONARRAY": b'[{"deals":[],"organization":null}]',
    "XML": b'<?xml version="1.0" encoding="UTF-8"?>\n<root><organization></organization></root>',
    "FORM": b"deals=&organization=",
}
RELATED = [
    {"module": "deals", "key": "deals", "parameters": [{"name": "n", "value": "{{ name }}"}]},
    {"module": "organizations", "key": "organization", "parameters": [{"name": "n", "value": "{{ name }}"}]},
]


@pytest.mark.parametrize("content_type", NONE_RELATED)
def test_without_related_records_a_list_is_empty_and_a_reference_null(crm: Working, content_type: str) -> None:
    crm.workflow(
        "contacts",
        {"url": ANYWHERE, "content_type": content_type, "related": RELATED},
        related_modules=["deals", "organizations"],
    )
    crm.create("contacts", last_name="A")
    assert crm.last()[1].body == NONE_RELATED[content_type]


def test_at_most_200_related_records_go_out_and_the_log_says_so(crm: Working) -> None:
    contact = crm.create("contacts", last_name="A")
    for number in range(201):
        crm.create("deals", name=f"D{number}", contact=contact)
    crm.workflow("contacts", {"url": ANYWHERE, "related": RELATED[:1]}, related_modules=["deals"])
    crm.update("contacts", contact, last_name="B")
    delivery, request = crm.last()
    deals = exact_json.loads(request.body or b"")["deals"]
    assert [deal["n"] for deal in deals] == [f"D{number}" for number in range(200)]
    assert delivery.note == "Deals: only the first 200 of 201 related records were sent."
    crm.delete("deals", contact + 1)
    crm.update("contacts", contact, last_name="C")
    delivery, request = crm.last()
    assert len(exact_json.loads(request.body or b"")["deals"]) == 200
    assert delivery.note is None


def test_the_payload_is_what_the_record_was_at_the_save(crm: Working, receiver: Receiver) -> None:
    crm.workflow("contacts", {"url": receiver.url, "parameters": [{"name": "n", "value": "{{ last_name }}"}]})
    contact = crm.create("contacts", last_name="A")
    crm.update("contacts", contact, last_name="B")
    crm.start()
    receiver.wait_for(2)
    assert [request.body for request in receiver.requests] == [b'{"n":"A"}', b'{"n":"B"}']
