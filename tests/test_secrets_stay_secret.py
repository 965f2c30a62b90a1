"""Secrets are in no page, log line, export, mail, metric, error page, API answer or file (specification section 4.4): a running
installation sends with every kind of authorization to third parties that say everything back; then all is searched.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote, quote_plus, urldefrag, urljoin, urlsplit

import pytest
import requests
from lxml import html as lxml_html

from benchmarks import server
from tests.support.echo import Echo, echoing
from tests.support.prepared import EMAIL, PASSWORD
from tests.support.running import Running, running, until
from tests.support.workflow_form import FORM

PLANTED = {
    "password": 'pl4nted pässword/with+"<&>\\marks',
    "bearer token": "pl4nted-bearer-token.abc123/x+y==",
    "API key in a header": "pl4nted-header-key-77f0",
    "API key in the query": "pl4nted query&key=with/signs+é",
    "client secret": "pl4nted-client-secret-%41&b",
    "access token": "pl4nted-access-token-9f8e7d",
    "signature secret": "whsec_cGw0bnRlZC1zaWduYXR1cmUtc2VjcmV0LTAwMQ==",
    "password of a draft": "pl4nted-draft-password-42",
    "parameter": 'pl4nted parameter/with+"<&>\\é',
    "header": "pl4nted-header-row-0815",
    "part of the URL": "pl4nted:url/part?&é",
    "parameter of a draft": "pl4nted-draft-parameter-43",
}
AUTHORIZATIONS: dict[str, dict[str, Any]] = {
    "basic": {"type": "basic", "username": "ann", "password": PLANTED["password"]},
    "bearer": {"type": "bearer", "token": PLANTED["bearer token"]},
    "header": {"type": "api_key", "in": "header", "name": "X-Api-Key", "value": PLANTED["API key in a header"]},
    "query": {"type": "api_key", "in": "query", "name": "api key", "value": PLANTED["API key in the query"]},
    "oauth2": {"type": "oauth2", "client_id": "ann", "client_secret": PLANTED["client secret"], "scope": ""},
}
ANSWERS = ("echo", "fail", "html", "redirect", "away", "broken", "nonsense", "inspector")
CONTENT_TYPES = ("JSON", "XML", "FORM", "JSONARRAY")
SEALED_WITH = "secret.key"
VARIANTS = 12
"""Queries with which a page is looked at: filters of lists could be combined for ever."""


def forms_of(name: str) -> set[bytes]:
    """Every way in which a secret may turn up."""
    secret = PLANTED[name]
    written = {
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        html.escape(secret),
        secret.replace("/", "\\/"),
    }
    written |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    written |= {json.dumps(form)[1:-1] for form in set(written)} | {html.escape(form) for form in set(written)}
    encoded = {
        base64.b64encode(text.encode()).decode().rstrip("=")
        for text in (secret, f"ann:{secret}", f"ann:{quote_plus(secret)}", f"u:{secret}")
    }
    if secret.startswith("whsec_"):
        encoded.add(secret.removeprefix("whsec_").rstrip("="))
    forms = {form.encode() for form in written | encoded} | {secret.encode("latin-1")}
    return forms | {re.sub(rb"%[0-9A-F]{2}", lambda match: match[0].lower(), form) for form in forms}


FORMS = {name: forms_of(name) for name in PLANTED}


def told_by(content: bytes) -> list[str]:
    """Which secrets are in it, each with what is around."""
    return [
        f"{name}: …{content[max(0, at - 80) : at + 120]!r}…"
        for name, forms in FORMS.items()
        for form in forms
        if (at := content.find(form)) >= 0
    ]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Everything was sent, and is over; its own log says as much as it can."""
    with ExitStack() as stack:
        echoes = {name: stack.enter_context(echoing(PLANTED["access token"])) for name in (*ANSWERS, "token")}
        started = stack.enter_context(
            running(
                tmp_path_factory.mktemp("secrets"), WEBHOOKUI_RETRY_DELAYS="", WEBHOOKUI_LOG_LEVEL="DEBUG"
            )
        )  # fmt: skip
        for kind in AUTHORIZATIONS:
            for number in range(0, len(ANSWERS), 3):
                started.call("POST", "/workflows", workflow(started, kind, ANSWERS[number : number + 3], echoes))
        started.call("POST", "/workflows", workflow(started, "oauth2", ("echo",), echoes, token_path="/no-token"))
        close_a_deal(started)
        deliveries = [item["id"] for item in started.call("GET", "/deliveries?limit=100")["items"]]
        for delivery_id in deliveries:
            started.delivery(delivery_id, "success", "failed", timeout_s=60)
        for delivery_id in deliveries[::7]:
            again = started.call("POST", f"/deliveries/{delivery_id}/redeliver", {"payload": "original"})["id"]
            started.delivery(again, "success", "failed", timeout_s=60)
        send_a_test(started, echoes["echo"])
        came = "".join(request for echo in echoes.values() for request in echo.requests)
        assert_all_were_sent(came)
        yield started


def workflow(
    installation: Running, kind: str, answers: tuple[str, ...], echoes: dict[str, Echo], token_path: str = "/token"
) -> dict[str, Any]:
    """One webhook for each answer, all with the same authorization and signed."""

    def url(answer: str) -> str:
        return (
            f"{installation.address}/inspect/{kind}"
            if answer == "inspector"
            else f"{echoes[answer].url}/{answer}/{kind}"
        )

    authorization = dict(AUTHORIZATIONS[kind])
    if kind == "oauth2":
        authorization["token_url"] = echoes["token"].url + token_path
    return {
        "name": f"{kind} {' '.join(answers)}", "module": "deals", "active": True, "related_modules": [],
        "trigger": {"on": "create_or_update", "recurrence": "every_time"},
        "criteria": {"all": [{"field": "stage", "operator": "has_changed_to", "value": "Closed Won"}], "any": []},
        "actions": [{
            "type": "webhook", "title": f"{kind} {answer}", "url": url(answer) + "?part={{ secret.part }}", "method": "POST",
            "content_type": CONTENT_TYPES[(len(kind) + len(answer)) % len(CONTENT_TYPES)], "authorization": authorization,
            "headers": [{"name": "X-Row", "value": PLANTED["header"], "secret": True}],
            "parameters": [
                {"name": "amount", "value": "{{ amount }}"}, {"name": "authtoken", "value": PLANTED["parameter"], "secret": True},
            ],
            "secrets": [{"name": "part", "value": PLANTED["part of the URL"]}],
            "capture": {
                "type": "JSONPATH",
                "on_success": [{"path": "$.you_sent.headers[0]", "field": "invoice_id"}],
                "on_failure": [{"path": "$.error.message", "field": "invoice_error"}],
            },
            "follow_redirects": True, "signing": {"secret": PLANTED["signature secret"]}, "timeout_s": 5,
        } for answer in answers],
    }  # fmt: skip


def close_a_deal(installation: Running) -> None:
    deal = installation.call("POST", "/records/deals", {"values": {"name": "Big deal", "amount": "12.50"}})["id"]
    installation.call("PATCH", f"/records/deals/{deal}", {"values": {"stage": "Closed Won"}})


def logged_in(installation: Running) -> requests.Session:
    """As a browser, with the token that forms need."""
    browser = server.logged_in(installation.address, EMAIL, PASSWORD)
    browser.headers["X-CSRFToken"] = _csrf(browser.get(f"{installation.address}/log", timeout=20).text)
    browser.headers["Referer"] = installation.address
    return browser


def _csrf(page: str) -> str:
    match = re.search(r'name="csrf-token" content="([^"]+)"', page)
    assert match is not None
    return match[1]


def draft(url: str) -> dict[str, Any]:
    """The form of a workflow that nobody has saved."""
    return {
        **FORM, "actions.0.url": url, "actions.0.authorization.password": PLANTED["password of a draft"],
        "actions.0.parameters.7.name": "authtoken", "actions.0.parameters.7.secret": "1",
        "actions.0.parameters.7.secret_value": PLANTED["parameter of a draft"],
    }  # fmt: skip


def send_a_test(installation: Running, echo: Echo) -> None:
    """Of an unsaved draft, as a browser does it."""
    browser, before = logged_in(installation), len(echo.requests)
    form = {**draft(f"{echo.url}/echo/draft"), "at": "actions.0"}
    answer = browser.post(f"{installation.address}/settings/webhook-form/test", data=form, timeout=20)
    assert answer.ok and told_by(answer.content) == []
    until(lambda: len(echo.requests) > before, 20)


def assert_all_were_sent(came: str) -> None:
    """Whoever finds nothing must have had something to find."""
    for name in ("password", "password of a draft"):
        user = "ann" if name == "password" else "u"
        assert base64.b64encode(f"{user}:{PLANTED[name]}".encode()).decode() in came, name
    assert (
        json.dumps(PLANTED["parameter"], ensure_ascii=False)[1:-1] in came and quote_plus(PLANTED["parameter"]) in came
    )
    assert f"part={quote(PLANTED['part of the URL'], safe='')}" in came
    for name in ("bearer token", "API key in a header", "access token", "header", "parameter of a draft"):
        assert PLANTED[name] in came, name
    assert quote_plus(PLANTED["API key in the query"]) in came
    # RFC 6749 section 2.3.1: id and secret are form-encoded before Basic
    assert base64.b64encode(f"ann:{quote_plus(PLANTED['client secret'])}".encode()).decode() in came
    assert "webhook-signature: v1," in came


# ---- the search -------------------------------------------------------------------------------------------------------


def crawled(installation: Running) -> dict[str, bytes]:
    """Every page that a click, a fragment or a download leads to, with its headers; from the start page on."""
    browser = logged_in(installation)
    open_: list[str] = ["/", "/nothing-here", "/log/live?rows=1:0&open=1:0&first=1"]
    seen: dict[str, bytes] = {}
    variants: Counter[str] = Counter()
    for path in open_:  # grows as it goes
        variants[urlsplit(path).path] += path not in seen
        if path in seen or variants[urlsplit(path).path] > VARIANTS:
            continue
        answer = browser.get(installation.address + path, timeout=30)
        seen[path] = answer.content + str(answer.headers).encode()
        if "text/html" in answer.headers.get("Content-Type", "") and answer.content.strip():
            open_ += links(answer.text, path)
    return seen


def links(page: str, path: str) -> set[str]:
    paths = set()
    for element in lxml_html.fromstring(page).iter():
        for name in ("href", "src", "hx-get", "action"):
            target = element.get(name) if isinstance(element.tag, str) else None
            if target and not (name == "action" and element.get("method", "get").lower() == "post"):
                to = urldefrag(urljoin(f"http://here{path}", target)).url
                if urlsplit(to).netloc == "here" and not urlsplit(to).path.startswith(
                    ("/static/", "/bootstrap/", "/inspect/")
                ):
                    paths.add(to.removeprefix("http://here"))
    return paths


def test_no_page_download_or_fragment_tells_a_secret(installation: Running) -> None:
    pages = crawled(installation)
    assert {urlsplit(path).path.split("/")[1] for path in pages} >= {
        "log",
        "dashboard",
        "inspector",
        "settings",
        "records",
        "account",
    }
    assert sum(path.startswith("/log/") and "/body" in path for path in pages) > 40
    assert sum("/settings/workflows/" in path and path.endswith("/export") for path in pages) > 10
    assert {path: leaks for path, content in pages.items() if (leaks := told_by(content))} == {}


def test_no_api_answer_metric_or_error_tells_a_secret(installation: Running) -> None:
    get, address = installation.session.get, installation.address
    paths = [
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/openapi.json",
        "/api/v1/modules",
        "/api/v1/nothing",
        "/api/v1/workflows",
    ]
    paths += [f"/api/v1/workflows/{item['id']}" for item in installation.call("GET", "/workflows")["items"]]
    deliveries = installation.call("GET", "/deliveries?limit=100")["items"]
    paths += ["/api/v1/deliveries?limit=100", *(f"/api/v1/deliveries/{delivery['id']}" for delivery in deliveries)]
    paths += [
        "/api/v1/records/deals",
        "/api/v1/records/deals/1",
        "/api/v1/deliveries?cursor=wrong",
        "/api/v1/deliveries/0",
    ]
    answers = {path: get(address + path, timeout=20).content for path in paths}
    assert {path: leaks for path, content in answers.items() if (leaks := told_by(content))} == {}


def test_a_form_that_is_refused_and_a_preview_do_not_tell_what_was_typed(installation: Running) -> None:
    browser = logged_in(installation)
    for path, form in (
        ("/settings/workflows", {**draft("no address"), "name": ""}),
        ("/settings/workflows/draft", {**draft("https://a.example/"), "do": "add:actions"}),
        ("/settings/webhook-form/preview", {**draft("https://a.example/"), "at": "actions.0"}),
        ("/settings/workflows", {**draft("https://a.example/"), "csrf_token": "wrong", "actions.0.method": "NONE"}),
    ):
        answer = browser.post(installation.address + path, data=form, timeout=20)
        assert told_by(answer.content) == [], path


def test_a_document_that_is_refused_does_not_tell_its_secrets(installation: Running) -> None:
    for wrong in (
        {"authorization": {**AUTHORIZATIONS["basic"], "type": "magic"}},
        {"authorization": {**AUTHORIZATIONS["query"], "more": PLANTED["password"]}},
        {"authorization": {**AUTHORIZATIONS["bearer"], "token": [PLANTED["bearer token"]]}},
        {"authorization": PLANTED["password"]},
        {"signing": {"secret": PLANTED["signature secret"] + "!"}},
        {"signing": PLANTED["signature secret"]},
        {"headers": [{"name": "X-Row", "value": PLANTED["header"] + "\n", "secret": True}]},
        {"parameters": [{"name": "a", "value": PLANTED["parameter"], "secret": True, "type": "number"}]},
        {"secrets": [{"name": "A B", "value": PLANTED["part of the URL"]}]},
        {"secrets": PLANTED["part of the URL"]},
    ):
        document = workflow(installation, "basic", ("inspector",), {})
        document["actions"][0] |= wrong
        answer = installation.session.post(f"{installation.address}/api/v1/workflows", json=document, timeout=20)
        assert (answer.status_code, told_by(answer.content)) == (422, []), wrong
        done = installation.command("workflows", "import", "-", typed=json.dumps(document), good=False)
        assert done.returncode != 0 and told_by((done.stdout + done.stderr).encode()) == []


def test_no_command_tells_a_secret(installation: Running) -> None:
    for words in (("workflows", "export"), ("doctor",)):
        done = installation.command(*words, good=False)
        assert told_by((done.stdout + done.stderr).encode()) == [], words


def test_no_file_of_the_installation_holds_a_secret_unsealed(installation: Running) -> None:
    """The log, the database with its write-ahead log, the queue, kept mails; a failed save's error is in the log by now."""
    files = [path for path in installation.folder.rglob("*") if path.is_file() and path.name != SEALED_WITH]
    assert {path.name for path in files} >= {"run.log", "webhookui.db", "webhookui.db-wal", "queue.db"}
    assert any("mail" in str(path) for path in files)
    assert b'"attempt"' in (installation.folder / "run.log").read_bytes()
    assert {path.name: leaks for path in files if (leaks := told_by(path.read_bytes()))} == {}


def test_what_was_masked_is_still_to_be_read(installation: Running) -> None:
    """The mask takes the place of the secret alone: the rest of an answer that says everything back is there."""
    echoed = next(
        item for item in installation.call("GET", "/deliveries?limit=100")["items"] if item["action"] == "bearer echo"
    )
    attempt = installation.call("GET", f"/deliveries/{echoed['id']}")["attempts"][0]
    assert "Authorization: Bearer ••••••" in attempt["response"]["body"]
    assert "webhook-id" in attempt["response"]["body"]
    assert json.loads(attempt["response"]["body"])["you_sent"]["path"] == "/echo/bearer?part=••••••"
