"""Whatever a request says, no route answers 500: hostile queries, forms, bodies, paths and headers (specification section 10)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

import webhookui
from tests.support import log_rows, pages
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.people import accounts, tokens

HOSTILE: dict[str, str] = {
    "a line break": "/a\r\nSet-Cookie: x=1",
    "a null character": "a\0b",
    "thirty digits": "9" * 30,
    "five thousand digits": "9" * 5000,
    "a negative number": "-1",
    "digits that are not ASCII": "٣²",
    "half of a surrogate pair": "\ud800",
    "a path of a thousand steps": ".".join("a" * 1000),
    "rows in rows": ".".join("0" * 1000),
    "100 kB": "x" * 100_000,
    "an address that can't be split": "http://[::1",
    "a template": "{{ ''.__class__ }}",
    "JSON": '{"a": [1, {"b": null}]}',
    "no number": "NaN",
    "the end of time": "9999-12-31T23:59:59-14:00",
}
BODIES: dict[str, tuple[bytes, str]] = {
    "broken JSON": (b'{"values": {', "application/json"),
    "an array": (b"[1, 2]", "application/json"),
    "a number": (b"1e400", "application/json"),
    "NaN": (b'{"values": NaN, "record_id": NaN}', "application/json"),
    "the same key twice": (b'{"values": {"name": "a", "name": "b"}, "values": []}', "application/json"),
    "lists for texts": (
        b'{"values": {"name": [], "owner": {}, "amount": [1]}, "version": [], "record_id": [], "payload": [], "name": [],'
        b' "module": {}, "trigger": {"on": {}}, "criteria": {"all": [{"field": [], "operator": {}, "value": {}}]},'
        b' "actions": [{"title": [], "url": {}, "headers": {}, "parameters": [[]], "capture": [], "signing": [],'
        b' "authorization": []}]}',
        "application/json",
    ),
    "nested too deeply": (b"[" * 100_000, "application/json"),
    "half of a surrogate pair": (b'{"values": {"name": "\\ud800"}, "name": "\\ud800"}', "application/json"),
    "bytes that are no text": (b"\xff\xfe\xed\xa0\x80=\xff", "application/x-www-form-urlencoded"),
    "another type": (b"<a/>", "application/xml"),
    "multipart without its end": (b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb",
                                  "multipart/form-data; boundary=x"),
    "multipart without its boundary": (b"a", "multipart/form-data"),
}  # fmt: skip
HEADERS: dict[str, str] = {
    "HX-Current-URL": "http://[::1", "Referer": "http://[", "Authorization": "Bearer \u00e9\u00ff",
    "Cookie": "session=a.b.c; \u00ff",
    "Accept": "*/*;q=x", "Accept-Language": "\u00ff;q=9", "If-Modified-Since": "never", "Range": "bytes=9-1", "Host": "[::1",
    "X-Forwarded-For": "\u00ff", "Content-Type": "\u00ff/\u00ff; charset=nope",
}  # fmt: skip

LONG = ("q", "next")
"""Names that a very long text is tried with: with all of them, the test's own work would be most of it."""
FORM = "application/x-www-form-urlencoded"
LAST = {"account.revoke_token": 1, "account.password": 1, "start.logout": 2}
NAMED = re.compile(r"request\.(?:args|values|form)(?:\.get|\.getlist)?[(\[]\"([\w.]+)\"")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("hostile")) as app:
        pages.admin(app)
        with app.extensions["webhookui"].db.write() as session:
            records.create(session, "deals", {"name": "Hostile"}, Actor("person", "Ann"), run_workflows=False)
            log_rows.add_webhook(session)
            log_rows.add_failed(session, module="deals", record_id=1)
        yield app


@pytest.fixture(scope="module")
def names() -> list[str]:
    """Every name that some code asks a query or a form for, and paths of the workflow's form."""
    parameters = {
        "cursor",
        "limit",
        "sort",
        "filter[amount]",
        "filter[close_date]",
        "filter[owner]",
        "columns",
        "do",
        "version",
    }
    for file in Path(webhookui.__file__).parent.rglob("*.py"):
        parameters |= set(NAMED.findall(file.read_text()))
    assert {"before", "next", "range", "at"} <= parameters
    form = (
        "trigger.on",
        "criteria.all.0.field",
        "actions.0.url",
        "actions.0.timeout_s",
        "actions.0.parameters.0.value",
    )
    return sorted((parameters - {"active", "role", "password", "again", "old", "host"}) | set(form))


def rules(app: Flask) -> list[tuple[Rule, str]]:
    routes = [
        (rule, method)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or {"GET", "POST"}) - {"HEAD", "OPTIONS"})
        if "static" not in rule.endpoint
    ]
    return sorted(routes, key=lambda route: (LAST.get(route[0].endpoint, 0), route[1] != "GET"))


def ask(app: Flask, client: FlaskClient, method: str, path: str, **more: Any) -> int:
    answer = client.open(path, method=method, **more)
    if answer.headers.get("Location", "").startswith("/login"):  # a route that ended the session did what it is for
        client.post("/login", data={"email": pages.ADMIN[0], "password": pages.ADMIN[1]})
    return answer.status_code


def address(rule: Rule, text: str = "1") -> str:
    path = rule.rule.replace("<module>", "deals" if text == "1" else text)
    return re.sub(r"<[a-z]+>|<path:[a-z]+>", lambda _: text, re.sub(r"<int:[^>]+>", "1", path))


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture
def token(app: Flask) -> dict[str, str]:
    with app.extensions["webhookui"].db.write() as session:
        token = tokens.create(session, accounts.by_email(session, pages.ADMIN[0]), "tests")
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_query_and_no_form_breaks_a_route(
    app: Flask, ann: FlaskClient, token: dict[str, str], names: list[str], kind: str
) -> None:
    broken = []
    text = HOSTILE[kind]
    for rule, method in rules(app):
        values = dict.fromkeys(names if len(text) < 50_000 else LONG, text)
        content = urlencode(values | ({} if method == "GET" else {text: text}), errors="surrogatepass")
        where = {"query_string": content} if method == "GET" else {"data": content, "content_type": FORM}
        code = ask(app, ann, method, address(rule), headers=token, **where)
        if code >= 500:
            broken.append(f"{method} {rule.rule}: {code}")
    assert broken == []


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_path_breaks_a_route(app: Flask, ann: FlaskClient, token: dict[str, str], kind: str) -> None:
    broken = []
    for rule, method in rules(app):
        if "<" in rule.rule:
            path = address(rule, "%" + HOSTILE[kind].encode("utf-8", "surrogatepass")[:2000].hex("%"))
            if ask(app, ann, method, path, headers=token) >= 500:
                broken.append(f"{method} {rule.rule}")
    assert broken == []


@pytest.mark.parametrize("kind", BODIES)
def test_no_body_breaks_a_route(app: Flask, ann: FlaskClient, token: dict[str, str], kind: str) -> None:
    content, content_type = BODIES[kind]
    broken = [
        f"{method} {rule.rule}"
        for rule, method in rules(app)
        if method != "GET"
        and ask(app, ann, method, address(rule), headers=token, data=content, content_type=content_type) >= 500
    ]
    assert broken == []


@pytest.mark.parametrize("fragment", [{}, {"HX-Request": "true"}], ids=["page", "fragment"])
def test_no_header_breaks_a_route(app: Flask, ann: FlaskClient, fragment: dict[str, str]) -> None:
    broken = []
    for client, without in ((ann, "Cookie"), (app.test_client(), "")):
        headers = {name: value for name, value in HEADERS.items() if name != without} | fragment
        for rule, method in rules(app):
            if ask(app, client, method, address(rule), headers=headers) >= 500:
                broken.append(f"{method} {rule.rule}")
    assert broken == []


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_login_leads_to_a_page_of_ours_whatever_it_is_asked_for(app: Flask, kind: str) -> None:
    form = {"email": pages.ADMIN[0], "password": pages.ADMIN[1], "next": HOSTILE[kind]}
    answer = app.test_client().post("/login", data=urlencode(form, errors="surrogatepass"), content_type=FORM)
    assert answer.status_code == 302 and answer.headers["Location"] == "/"
