"""Every page: security headers, a strict CSP that its markup fits, nothing from another host, a token in every form."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import html as lxml_html

from tests.support import log_rows, pages
from webhookui.crm import demo

NO_PAGES = {"/healthz", "/readyz", "/metrics"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("safe")) as app:
        yield app


@pytest.fixture(scope="module")
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture(scope="module")
def addresses(app: Flask, ann: FlaskClient) -> list[str]:
    """An address for every route that is read, with something there to see."""
    with app.extensions["webhookui"].db.write() as session:
        demo.demo(session, None)
        log_rows.add_webhook(session)
        log_rows.add_failed(session, module="organizations", record_id=1, workflow_id=1, webhook_id=1)
    ann.post("/inspector")
    ann.post("/settings/modules/organizations", data={"label": "Own", "type": "text"})
    paths = []
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<module>", "organizations").replace("<name>", "name").replace("<field>", "name")
        path = re.sub(r"<[^>]+>", "1", path)
        path = path.replace("organizations/name", "organizations/own") if path.startswith("/settings/") else path
        api = rule.rule.startswith(("/api/", "/static/", "/bootstrap/", "/inspect/")) or rule.rule in NO_PAGES
        if "GET" in (rule.methods or ()) and not api:
            paths.append(path)
    return [*paths, "/records/organizations?q=x", "/nothing-here", "/log?status=failed"]


def test_every_page_is_sent_with_the_headers_that_keep_it_safe(
    app: Flask, ann: FlaskClient, addresses: list[str]
) -> None:
    everybody = [(ann, path) for path in addresses]
    everybody += [
        (app.test_client(), path) for path in ("/login", "/setup", "/records/deals", "/nothing-here", "/healthz")
    ]
    everybody += [(app.test_client(), "/api/v1/modules"), (ann, "/static/app.js")]
    for client, path in everybody:
        answer = client.get(path)
        csp = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert csp["default-src"] == csp["script-src"] == csp["style-src"] == "'self'", path
        assert csp["object-src"] == csp["frame-ancestors"] == "'none'", path
        assert csp["form-action"] == csp["base-uri"] == "'self'", path
        assert "unsafe" not in str(csp), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["X-Frame-Options"] == "DENY", path
        assert answer.headers["Referrer-Policy"] == "same-origin", path
        assert "Server" not in answer.headers or "Python" not in answer.headers["Server"], path


def test_pages_of_somebody_logged_in_are_kept_by_no_cache(ann: FlaskClient, addresses: list[str]) -> None:
    for path in addresses:
        assert ann.get(path).headers["Cache-Control"] == "no-store", path


def test_every_route_answers_an_admin_with_something_to_read(ann: FlaskClient, addresses: list[str]) -> None:
    codes = {path: ann.get(path).status_code for path in addresses}
    assert not {path: code for path, code in codes.items() if code >= 500}
    assert len([code for code in codes.values() if code == 200]) > 20


def test_nothing_is_loaded_from_another_host_and_nothing_is_inline(ann: FlaskClient, addresses: list[str]) -> None:
    seen = 0
    for path in addresses:
        answer = ann.get(path)
        if answer.mimetype != "text/html" or not answer.data.strip():
            continue
        document = lxml_html.document_fromstring(answer.text)
        for element in document.iter():
            if not isinstance(element.tag, str):
                continue
            loads = {"script": "src", "link": "href", "img": "src", "iframe": "src", "use": "href", "source": "src"}
            loaded = element.get(loads.get(element.tag, "-"))
            if loaded is not None:
                seen += 1
                assert re.match(r"/[^/]|#|data:image/", loaded), f"{path}: {loaded}"
            if element.tag == "script":
                assert element.get("src") or element.get("type") == "application/json", f"{path}: an inline script"
            assert element.tag not in ("style", "base"), path
            assert not element.get("style"), f"{path}: an inline style on {element.tag}"
            assert not [name for name in element.attrib if name.startswith("on")], path
    assert seen > 100


def test_every_file_that_pages_load_is_there(ann: FlaskClient, addresses: list[str]) -> None:
    files = set()
    for path in addresses:
        files |= set(re.findall(r'(?:src|href)="(/(?:static|bootstrap)/[^"#]+)', ann.get(path).text))
    assert len(files) > 10
    assert {file: ann.get(file).status_code for file in files if ann.get(file).status_code != 200} == {}


def test_every_link_of_every_page_leads_somewhere(ann: FlaskClient, addresses: list[str]) -> None:
    dead = {}
    visited: set[str] = set()
    for path in addresses:
        answer = ann.get(path)
        if answer.mimetype != "text/html" or answer.status_code != 200:
            continue
        for link in re.findall(r'<a[^>]*\shref="(/[^"#]*)', answer.text):
            link = link.replace("&amp;", "&")
            if link not in visited:
                visited.add(link)
                code = ann.get(link).status_code
                if code >= 400:
                    dead[f"{path} → {link}"] = code
    assert dead == {} and len(visited) > 60


def test_every_form_carries_a_token(app: Flask, ann: FlaskClient, addresses: list[str]) -> None:
    forms = 0
    for path in addresses:
        answer = ann.get(path)
        if answer.mimetype != "text/html" or not answer.data.strip():
            continue
        for form in lxml_html.document_fromstring(answer.text).iter("form"):
            if (form.get("method") or "get").lower() == "post":
                forms += 1
                assert form.xpath('.//input[@name="csrf_token"]/@value'), f"{path}: {form.get('action')}"
    assert forms > 20


def test_a_form_without_its_token_is_refused_and_told_what_to_do(app: Flask, ann: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        for rule in app.url_map.iter_rules():
            posts = "POST" in (rule.methods or ()) and not rule.rule.startswith(("/api/", "/inspect/"))
            if posts:
                path = re.sub(r"<[^>]+>", "1", rule.rule.replace("<module>", "deals"))
                answer = ann.post(path, data={"name": "forged"})
                assert answer.status_code == 400, path
                assert "CSRF token" in answer.text and "reload the page" in answer.text, path
        page = ann.get("/records/deals/new").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token is not None
        form = {"on_form": ["name"], "name": "Not forged", "csrf_token": token[1]}
        assert ann.post("/records/deals", data=form).status_code == 303
        headers = {"X-CSRFToken": token[1], "HX-Request": "true"}
        assert ann.post("/account/theme", data={"theme": "dark"}, headers=headers).status_code == 204
        another = app.test_client()
        another.get("/login")
        assert another.post("/login", data={"csrf_token": token[1]}).status_code == 400, "a token of another session"
    finally:
        app.config["WTF_CSRF_ENABLED"] = False


def test_what_records_say_is_escaped_everywhere(app: Flask, ann: FlaskClient) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
    form = {"on_form": ["name", "description"], "name": evil, "description": evil}
    answer = ann.post("/records/organizations", data=form)
    path = answer.headers["Location"]
    with app.extensions["webhookui"].db.write() as session:
        row = log_rows.add_failed(
            session, record_name=evil, workflow=evil, action=evil, error=evil, note=evil, url=evil
        )
        row_id = row.id
    for page in (path, f"{path}/edit", "/records/organizations", "/records/search?q=script", "/log", f"/log/{row_id}",
                 f"/records/organizations?q={evil}", f"/login?next={evil}", f"/{evil}"):  # fmt: skip
        text = ann.get(page).text
        assert "<script>alert" not in text and "<img src=x" not in text, page
    assert "&lt;script&gt;" in ann.get(path).text
