"""What the capture rows of a draft would take of a response (specification sections 4.6 and 5), as it stands beside the form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.support.log_rows import add_attempt, add_delivery
from tests.support.workflow_form import FORM
from webhookui.core.database import Database

JSON = '{"id": 17, "no": null, "ok": true, "total": "12.50", "lines": [{"n": 1}, {"n": 2}], "none": []}'
SOAP = """<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><r xmlns="urn:billing">
<invoice id="7"><total>12.50</total><line>a</line><line>b</line></invoice></r></soap:Body></soap:Envelope>"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with pages.app_in(tmp_path_factory.mktemp("response")) as app:
        yield pages.admin(app)


@pytest.fixture
def db(client: FlaskClient) -> Database:
    app: Flask = client.application
    return app.extensions["webhookui"].db  # type: ignore[no-any-return]


def rows(html: str) -> list[tuple[str, str, str, str]]:
    """(path, field, word, the rest) of each row shown."""
    shown_rows = []
    for item in re.findall(r"<li>(.*?)</li>", html, re.S):
        way, value = re.findall(r"<p[^>]*>(.*?)</p>", item, re.S)
        path = unescape(re.search(r"<code>(.*?)</code>", way, re.S)[1])  # type: ignore[index]
        field = text(way.partition("</a>")[2])
        word = text(re.search(r"<span class=\"tag[^>]*>(.*?)</span>", value, re.S)[1])  # type: ignore[index]
        shown_rows.append((path, field, word, text(value).removeprefix(word).strip()))
    return shown_rows


def text(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def capture(kind: str, *paths: tuple[str, str] | tuple[str, str, str], failure: bool = False) -> dict[str, Any]:
    form: dict[str, Any] = {**FORM, "at": "actions.0", "actions.0.capture.on": "1", "actions.0.capture.type": kind}
    for number, (path, field, *all_matches) in enumerate(paths):
        at = f"actions.0.capture.{'on_failure' if failure else 'on_success'}.{number}"
        form |= {f"{at}.path": path, f"{at}.field": field, **({f"{at}.all": "1"} if all_matches else {})}
    return form


@pytest.mark.parametrize(
    ("kind", "path", "field", "word", "more"),
    [
        ("JSONPATH", "$.id", "invoice_id", "Fits", "17"),
        ("JSONPATH", "$.total", "amount", "Fits", "12.50"),
        ("JSONPATH", "$.total", "", "No field", "12.50 Choose the field that takes it."),
        ("JSONPATH", "$.nothing", "amount", "No match", "Nothing in the response matches this path."),
        ("JSONPATH", "$.lines[*].n", "amount", "Several match", "1.00 2 values match; the first was taken."),
        ("JSONPATH", "$.ok", "amount", "Does not fit", "true “true” is not a number. Write it like 1250.00."),
        ("JSONPATH", "$.no", "invoice_id", "Fits", "(empty)"),
        ("JSONPATH", "$.lines", "close_date", "Does not fit", ""),
        ("JSONPATH", "$[", "amount", "Unreadable", ""),
        ("XPATH", "//b:total", "amount", "Fits", "12.50"),
        ("XPATH", "//b:invoice/@id", "invoice_id", "Fits", "7"),
        ("XPATH", "//*[local-name()='line']", "invoice_id", "Several match", "a 2 values match; the first was taken."),
        ("XPATH", "//total", "amount", "No match", "Nothing in the response matches this path."),
        ("XPATH", "//c:total", "amount", "Unreadable", ""),
    ],
)
def test_each_row_says_what_it_would_take_and_whether_that_fits(
    client: FlaskClient, kind: str, path: str, field: str, word: str, more: str
) -> None:
    namespaces = {"actions.0.capture.namespaces.0.prefix": "b", "actions.0.capture.namespaces.0.uri": "urn:billing"}
    form = {**capture(kind, (path, field)), **namespaces, "text": JSON if kind == "JSONPATH" else SOAP}
    shown = rows(client.post("/settings/webhook-form/taken", data=form).text)
    assert len(shown) == 1 and shown[0][0] == path and shown[0][2] == word, shown
    assert more in shown[0][3]


def test_all_matches_go_into_a_text_field_together(client: FlaskClient) -> None:
    form = {**capture("JSONPATH", ("$.lines[*].n", "invoice_id", "all")), "text": JSON}
    shown = rows(client.post("/settings/webhook-form/taken", data=form).text)
    assert shown == [("$.lines[*].n", "Invoice ID On Success", "Fits", "1, 2")]


def test_rows_of_a_capture_that_is_switched_off_are_not_tried(client: FlaskClient) -> None:
    form = {**capture("JSONPATH", ("$.id", "invoice_id")), "text": JSON}
    del form["actions.0.capture.on"]
    assert rows(client.post("/settings/webhook-form/taken", data=form).text) == []


@pytest.mark.parametrize(("status", "failure"), [("success", False), ("failed", True), ("retry", True)])
def test_the_response_of_a_test_is_tried_with_the_rows_of_its_outcome(
    client: FlaskClient, db: Database, status: str, failure: bool
) -> None:
    with db.write() as session:
        delivery = add_delivery(session, status=status, test=True)
        add_attempt(session, delivery, response_body=b'{"id": "INV-9"}')
    form = {
        **capture("JSONPATH", ("$.id", "invoice_id")),
        **capture("JSONPATH", ("$.error", "invoice_error"), failure=True),
        "delivery": str(delivery.id),
    }
    shown = [row[0] for row in rows(client.post("/settings/webhook-form/taken", data=form).text)]
    assert shown == ["$.error" if failure else "$.id"]


@pytest.mark.parametrize(
    ("sample", "paths"),
    [
        (JSON, ["$.id", "$.no", "$.ok", "$.total", "$.lines[0].n", "$.lines[1].n", "$.none"]),
        (
            SOAP,
            ["/*[local-name()='Envelope']/*[local-name()='Body']/*[local-name()='r']/*[local-name()='invoice']/@id"],
        ),
    ],
)
def test_a_sample_response_is_a_tree_whose_values_have_their_paths(
    client: FlaskClient, sample: str, paths: list[str]
) -> None:
    html = client.post("/settings/webhook-form/response", data={**FORM, "at": "actions.0", "text": sample}).text
    shown_paths = [unescape(path) for path in re.findall(r'data-capture-path="([^"]*)"', html)]
    assert shown_paths[: len(paths)] == paths


@pytest.mark.parametrize("sample", [JSON, SOAP])
def test_every_path_of_the_tree_takes_the_value_it_stands_at(client: FlaskClient, sample: str) -> None:
    html = client.post("/settings/webhook-form/response", data={**FORM, "at": "actions.0", "text": sample}).text
    leaf = r'data-capture-path="([^"]*)" data-capture-type="(\w+)".*?<code class="is-(\w+)">(.*?)</code>'
    leaves = [tuple(map(unescape, match)) for match in re.findall(leaf, html, re.S)]
    assert len(leaves) >= 4
    for path, kind, of, value in leaves:
        form = {**capture(kind, (path, "invoice_id")), "text": sample}
        shown = rows(client.post("/settings/webhook-form/taken", data=form).text)[0]
        if of != "array":
            assert shown[2:] == ("Fits", "(empty)" if of == "null" else value), path
