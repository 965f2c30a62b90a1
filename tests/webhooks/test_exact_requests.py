"""The exact request for one contact with an organization, five deals and two cases, for every method × content type ×
authorization × with and without related modules (specification sections 4.1 to 4.4): its line, its headers and the bytes of its
body, as a third party read them.

One save fires a workflow for every cell of the table; the engine sends them all to a real HTTP server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.support.receiver import Answer, Received, Receiver, receiving
from tests.support.working import Working, working
from webhookui import __version__

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

PARAMETERS = [
    {"name": "name.first", "value": "{{ first_name }}"},
    {"name": "name.last", "value": "{{ last_name }}"},
    {"name": "zip", "value": "{{ postal_code }}"},
    {"name": "do_not_call", "value": "{{ do_not_call }}"},
    {"name": "born", "value": "{{ birthday }}"},
    {"name": "interests", "value": "{{ interests }}"},
    {"name": "title", "value": "{{ title }}"},
    {"name": "mobile", "value": "{{ mobile }}", "omit_empty": True},
    {"name": "employer.name", "value": "{{ organization.name }}"},
    {"name": "employer.staff", "value": "{{ organization.employees }}"},
    {"name": "tags.0.text", "value": "customer of {{ owner.name }}"},
    {"name": "tags.1.text", "value": "crm"},
    {"name": r"v1\.0", "value": "7", "type": "number", "required": True},
]
RELATED = [
    {"module": "deals", "key": "deals", "parameters": [
        {"name": "title", "value": "{{ name }}"},
        {"name": "money.amount", "value": "{{ amount }}"},
    ]},
    {"module": "cases", "key": "open.cases", "parameters": [{"name": "title", "value": "{{ title }}"}]},
    {"module": "organizations", "key": "organization", "parameters": [{"name": "id", "value": "{{ record.id }}"}]},
]  # fmt: skip

LINE = "/v1/contacts/2?from=crm&city=M%C3%BCnchen%20%26%20more"
URL = "{receiver}/v1/contacts/{{{{ record.id }}}}?from=crm&city={{{{ organization.city }}}}"

QUERY = (
    "&name.first=Zo%C3%AB&name.last=O%27Neil+%26+%3CS%C3%B6hne%3E&zip=00420&do_not_call=true&born=1985-02-28"
    "&interests=Newsletter%2C+Events&title=&employer.name=Acme&employer.staff=1200"
    "&tags.0.text=customer+of+Ann+Admin&tags.1.text=crm&v1%5C.0=7"
)
RELATED_QUERY = (
    (
        "&deals[0][title]=Kettles&deals[0][money][amount]=1250.00&deals[1][title]=Pots+%26+pans&deals[1][money][amount]=99.90"
        "&deals[2][title]=Spoons&deals[2][money][amount]=&deals[3][title]=Gift&deals[3][money][amount]=0.00"
        "&deals[4][title]=Factory&deals[4][money][amount]=1000000.00"
        "&open.cases[0][title]=It+leaks&open.cases[1][title]=No+invoice&organization[id]=1"
    )
    .replace("[", "%5B")
    .replace("]", "%5D")
)
"""A query string takes the names of parameters and keys literally; what is inside a related record stands in brackets, which
are percent-encoded in a URL (RFC 3986 section 3.4)."""

JSON = (
    '"name":{"first":"Zoë","last":"O\'Neil & <Söhne>"},"zip":"00420","do_not_call":true,"born":"1985-02-28",'
    '"interests":["Newsletter","Events"],"title":null,"employer":{"name":"Acme","staff":1200},'
    '"tags":[{"text":"customer of Ann Admin"},{"text":"crm"}],"v1.0":7'
)
RELATED_JSON = (
    ',"deals":[{"title":"Kettles","money":{"amount":1250.00}},{"title":"Pots & pans","money":{"amount":99.90}},'
    '{"title":"Spoons","money":{"amount":null}},{"title":"Gift","money":{"amount":0.00}},'
    '{"title":"Factory","money":{"amount":1000000.00}}],'
    '"open":{"cases":[{"title":"It leaks"},{"title":"No invoice"}]},"organization":{"id":1}'
)
XML = (
    "<name><first>Zoë</first><last>O'Neil &amp; &lt;Söhne&gt;</last></name><zip>00420</zip><do_not_call>true</do_not_call>"
    "<born>1985-02-28</born><interests>Newsletter</interests><interests>Events</interests><title></title>"
    "<employer><name>Acme</name><staff>1200</staff></employer>"
    "<tags><text>customer of Ann Admin</text></tags><tags><text>crm</text></tags><v1.0>7</v1.0>"
)
RELATED_XML = (
    "<deals><title>Kettles</title><money><amount>1250.00</amount></money></deals>"
    "<deals><title>Pots &amp; pans</title><money><amount>99.90</amount></money></deals>"
    "<deals><title>Spoons</title><money><amount></amount></money></deals>"
    "<deals><title>Gift</title><money><amount>0.00</amount></money></deals>"
    "<deals><title>Factory</title><money><amount>1000000.00</amount></money></deals>"
    "<open><cases><title>It leaks</title></cases><cases><title>No invoice</title></cases></open>"
    "<organization><id>1</id></organization>"
)
FORM = (
    "name[first]=Zo%C3%AB&name[last]=O%27Neil+%26+%3CS%C3%B6hne%3E&zip=00420&do_not_call=true&born=1985-02-28"
    "&interests[0]=Newsletter&interests[1]=Events&title=&employer[name]=Acme&employer[staff]=1200"
    "&tags[0][text]=customer+of+Ann+Admin&tags[1][text]=crm&v1.0=7"
)
RELATED_FORM = (
    "&deals[0][title]=Kettles&deals[0][money][amount]=1250.00&deals[1][title]=Pots+%26+pans&deals[1][money][amount]=99.90"
    "&deals[2][title]=Spoons&deals[2][money][amount]=&deals[3][title]=Gift&deals[3][money][amount]=0.00"
    "&deals[4][title]=Factory&deals[4][money][amount]=1000000.00"
    "&open[cases][0][title]=It+leaks&open[cases][1][title]=No+invoice&organization[id]=1"
)
XML_START = '<?xml version="1.0" encoding="UTF-8"?>\n<contact>'

BODIES = {
    ("JSON", False): "{" + JSON + "}",
    ("JSON", True): "{" + JSON + RELATED_JSON + "}",
    ("JSONARRAY", False): "[{" + JSON + "}]",
    ("JSONARRAY", True): "[{" + JSON + RELATED_JSON + "}]",
    ("XML", False): XML_START + XML + "</contact>",
    ("XML", True): XML_START + XML + RELATED_XML + "</contact>",
    ("FORM", False): FORM,
    ("FORM", True): FORM + RELATED_FORM,
}
MEDIA_TYPES = {
    "JSON": "application/json",
    "JSONARRAY": "application/json",
    "XML": "application/xml",
    "FORM": "application/x-www-form-urlencoded",
}
AUTHORIZATIONS: dict[str, dict[str, str]] = {
    "none": {"type": "none"},
    "basic": {"type": "basic", "username": "zoë", "password": "p:ss wörd"},
    "bearer": {"type": "bearer", "token": "tok-31/x=="},
    "API key header": {"type": "api_key", "in": "header", "name": "X-Api-Key", "value": "key-41 x"},
    "API key query": {"type": "api_key", "in": "query", "name": "api key", "value": "key-42&x=/"},
    "OAuth 2": {"type": "oauth2", "token_url": "{receiver}/token", "client_id": "me", "client_secret": "s3cr3t!", "scope": "w r"},
}  # fmt: skip
ADDED_HEADERS = {
    "none": [],
    "basic": [("Authorization", "Basic em/DqzpwOnNzIHfDtnJk")],  # zoë:p:ss wörd in UTF-8 (RFC 7617)
    "bearer": [("Authorization", "Bearer tok-31/x==")],
    "API key header": [("X-Api-Key", "key-41 x")],
    "API key query": [],
    "OAuth 2": [("Authorization", "Bearer access-1")],
}
ADDED_TO_LINE = {"API key query": "&api+key=key-42%26x%3D%2F"}
SECRETS = ("p:ss wörd", "em/Dqzpw", "tok-31", "key-41", "key-42", "access-1", "s3cr3t!")


@dataclass(frozen=True)
class Cell:
    method: str
    content_type: str
    authorization: str
    related: bool

    def __str__(self) -> str:
        return f"{self.method} {self.content_type} {self.authorization}{' related' if self.related else ''}"


CELLS = [Cell(*parts) for parts in product(METHODS, MEDIA_TYPES, AUTHORIZATIONS, (False, True))]


@dataclass(frozen=True)
class World:
    """What came of the one save: cell → (delivery's id, what the third party read)."""

    receiver: Receiver
    crm: Working
    received: dict[str, tuple[int, Received]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with receiving() as receiver, working(tmp_path_factory.mktemp("exact")) as crm:
        receiver.routes["/token"] = token
        contact = save_records(crm)
        for cell in CELLS:
            crm.workflow("contacts", action(cell, receiver.url), name=str(cell), **only_when(cell))
        crm.update("contacts", contact, description="go")
        crm.start()
        receiver.wait_for(len(CELLS), 100)
        sent = {delivery.message_id: delivery for delivery in crm.deliveries()}
        of_requests = [(sent[request.header("webhook-id") or ""], request) for request in receiver.requests]
        by_workflow = {delivery.workflow: (delivery.id or 0, request) for delivery, request in of_requests}
        yield World(receiver, crm, by_workflow)


def token(received: Received) -> Answer:
    """A token endpoint (RFC 6749 section 4.4.2): one token for those who know the secret."""
    is_client = received.body == b"grant_type=client_credentials&scope=w+r"
    is_client = is_client and received.header("Authorization") == "Basic bWU6czNjcjN0JTIx"  # me:s3cr3t%21
    body = (
        {"access_token": "access-1", "token_type": "Bearer", "expires_in": 3600}
        if is_client
        else {"error": "invalid_client"}
    )
    return Answer(200 if is_client else 401, json.dumps(body).encode())


def save_records(crm: Working) -> int:
    organization = crm.create("organizations", name="Acme", employees="1200", city="München & more")
    contact = crm.create(
        "contacts", first_name="Zoë", last_name="O'Neil & <Söhne>", postal_code="00420", do_not_call=True,
        birthday="1985-02-28", interests=["Events", "Newsletter"], organization=organization,
    )  # fmt: skip
    deals = {"Kettles": "1250", "Pots & pans": "99.9", "Spoons": None, "Gift": "0", "Factory": "1000000.00"}
    for name, amount in deals.items():
        crm.create("deals", name=name, amount=amount, contact=contact)
    crm.create("cases", title="It leaks", contact=contact)
    crm.create("cases", title="No invoice", contact=contact)
    crm.create("deals", name="Somebody else's")
    assert (organization, contact) == (1, 2)
    return contact


def action(cell: Cell, address: str) -> dict[str, Any]:
    authorization = {
        key: value.replace("{receiver}", address) for key, value in AUTHORIZATIONS[cell.authorization].items()
    }
    return {
        "title": "Send", "url": URL.format(receiver=address), "method": cell.method, "content_type": cell.content_type,
        "authorization": authorization, "headers": [{"name": "X-Source", "value": "crm of {{ owner.name }}"}],
        "parameters": PARAMETERS, "related": RELATED if cell.related else [], "xml_root": "contact",
    }  # fmt: skip


def only_when(cell: Cell) -> dict[str, Any]:
    return {
        "related_modules": ["deals", "cases", "organizations"] if cell.related else [],
        "trigger": {"on": "update", "recurrence": "every_time"},
    }


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_third_party_reads_exactly_this(world: World, cell: Cell) -> None:
    delivery, received = world.received[str(cell)]
    query = ""
    if cell.method == "GET":
        query = QUERY + (RELATED_QUERY if cell.related else "")
    assert received.line == f"{cell.method} {LINE}{query}{ADDED_TO_LINE.get(cell.authorization, '')} HTTP/1.1"
    body = b"" if cell.method == "GET" else BODIES[cell.content_type, cell.related].encode()
    assert received.body == body
    about_body = [("Content-Type", MEDIA_TYPES[cell.content_type]), ("Content-Length", str(len(body)))]
    assert sorted(received.headers) == sorted(
        [
            ("Host", world.receiver.url.removeprefix("http://")),
            ("User-Agent", f"webhookui/{__version__}"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "gzip, deflate"),
            ("X-Source", "crm of Ann Admin"),
            ("webhook-id", world.crm.ended(delivery).message_id),
            *([] if cell.method == "GET" else about_body),
            *ADDED_HEADERS[cell.authorization],
        ]
    )


def test_all_deliveries_that_needed_a_token_shared_one(world: World) -> None:
    assert len(world.receiver.routed) == 1


def test_every_cell_ended_well_and_no_secret_is_kept_in_the_open(world: World, tmp_path_factory: Any) -> None:
    for name, (delivery, _) in world.received.items():
        row = world.crm.ended(delivery)
        (attempt,) = world.crm.attempts(delivery)
        assert row.status == "success", name
        written = f"{vars(row)} {vars(attempt)}"
        assert not [secret for secret in SECRETS if secret in written], name
        assert "••••••" in written or name.split()[2] == "none", name
    folder: Path = world.crm.settings.instance
    stored = b"".join(path.read_bytes() for path in sorted(folder.glob("*.db*")))
    assert not [secret for secret in SECRETS if secret.encode() in stored]
