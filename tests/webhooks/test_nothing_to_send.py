"""A body and a header are sent only where there is something to send (specification section 4.2), as a third party reads them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.support.building import refusals
from tests.support.receiver import Received, receiving
from tests.support.working import working

BODIED = ("POST", "PUT", "PATCH", "DELETE")
CONTENT_TYPES = ("JSON", "JSONARRAY", "XML", "FORM")
LEFT_OUT = [{"name": "a", "value": "{{ title }}", "omit_empty": True}]
NO_DEALS = [{"module": "deals", "key": "deals", "parameters": [{"name": "name", "value": "{{ name }}"}]}]
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def row(value: str, name: str = "X-Tenant") -> list[dict[str, Any]]:
    return [{"name": name, "value": value}]


CASES: dict[str, tuple[dict[str, Any], str, dict[str, str | None]]] = {
    **{
        f"{method} {content_type} without rows": (
            {"method": method, "content_type": content_type},
            "",
            {"Content-Type": None, "Content-Length": None if method == "DELETE" else "0"},
        )
        for method, content_type in product(BODIED, CONTENT_TYPES)
    },
    # rows are there: what is left of them is the document that the third party expects
    **{
        f"{content_type} all left out": ({"content_type": content_type, "parameters": LEFT_OUT}, body, {"Content-Type": media})
        for content_type, body, media in (
            ("JSON", "{}", "application/json"), ("JSONARRAY", "[{}]", "application/json"),
            ("XML", XML + "<root/>", "application/xml"), ("FORM", "", None),
        )
    },
    "no related records": ({"related": NO_DEALS}, '{"deals":[]}', {"Content-Type": "application/json"}),
    "DELETE with a row": (
        {"method": "DELETE", "parameters": [{"name": "id", "value": "1"}]}, '{"id":"1"}',
        {"Content-Type": "application/json", "Content-Length": "10"},
    ),
    "a content type that was typed stays": (
        {"headers": row("application/json", "Content-Type")}, "", {"Content-Type": "application/json", "Content-Length": "0"},
    ),
    "a content type that comes to nothing": (
        {"headers": row("{{ title }}", "content-type"), "parameters": [{"name": "a", "value": "1"}]}, '{"a":"1"}',
        {"Content-Type": "application/json"},
    ),
    "a header that comes to nothing": ({"headers": row(" {{ title }}")}, "", {"X-Tenant": None}),
    "a header that was typed empty": ({"headers": row("")}, "", {"X-Tenant": ""}),
    "a header with words around nothing": ({"headers": row("id={{ title }}")}, "", {"X-Tenant": "id="}),
}  # fmt: skip


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Received]]:
    with receiving() as receiver, working(tmp_path_factory.mktemp("nothing")) as crm:
        for position, (action, _, _) in enumerate(CASES.values()):
            related = ["deals"] if "related" in action else []
            crm.workflow("contacts", {"url": f"{receiver.url}/{position}", **action}, related_modules=related)
        crm.create("contacts", last_name="A")
        crm.start()
        by_path = {request.path: request for request in receiver.wait_for(len(CASES))}
        yield {name: by_path[f"/{position}"] for position, name in enumerate(CASES)}


@pytest.mark.parametrize("name", CASES)
def test_what_has_nothing_to_say_is_not_sent(received: dict[str, Received], name: str) -> None:
    _, body, headers = CASES[name]
    assert received[name].body.decode() == body
    assert {header: received[name].header(header) for header in headers} == headers


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_content_type_is_refused_when_saved(value: str) -> None:
    errors = refusals(headers=row(value, "Content-Type"))
    assert errors == {"headers.0.value": "Enter the media type, or remove the row: it is then determined by the body."}
