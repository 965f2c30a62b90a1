"""Every page, in a wide window and on a phone, light and dark: axe-core finds nothing serious, nothing sticks out, nothing
complains. A page that is missing in the table makes `test_every_page_is_in_the_table` fail.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.support import log_rows, pages
from tests.support.looks import WIDE, problems_of, without_complaints
from webhookui.core import background_jobs
from webhookui.core.database import Database, now
from webhookui.crm import demo, fields, history, record_jobs, records
from webhookui.crm.fields import FieldSpec
from webhookui.crm.imports import uploads
from webhookui.crm.record_jobs import Chosen
from webhookui.crm.records import Actor
from webhookui.delivery.tables import CapturedValue, Endpoint
from webhookui.delivery_log import statistics
from webhookui.notifications import alerts, digest
from webhookui.people import accounts, password_links
from webhookui.workflows import redelivery_jobs

pytestmark = pytest.mark.browser

DEAL, WORKFLOW, FAILED, WAITING = "{deal}", "{workflow}", "{failed}", "{waiting}"


@dataclass(frozen=True)
class Look:
    """One look at a page. `act` brings it into the state that is meant; `who`: "admin", "user" or "nobody"."""

    path: str
    act: Callable[[Page], None] | None = None
    who: str = "admin"
    status: int = 200


def click(selector: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).first.click()


def open_all(page: Page) -> None:
    """Every disclosure of the page."""
    page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")


def choose_a_column(page: Page) -> None:
    page.locator(".card-move").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def send_an_empty_form(page: Page) -> None:
    page.locator("main form [name=name], main form [name=last_name]").first.fill("")
    page.evaluate("document.querySelectorAll('main form').forEach((form) => { form.noValidate = true; })")
    with page.expect_navigation():
        page.locator("main form .form-actions .btn-primary, main form .btn-primary").first.click()
    expect(page.locator(".invalid-feedback").first).to_be_visible()


def save_what_somebody_else_saved(page: Page) -> None:
    """The conflict page: the record moves between the form and its save."""
    page.evaluate("document.querySelector('main form [name=version]').value = '1'")
    page.locator("[name=amount]").fill("77")
    with page.expect_navigation():
        page.locator("main form .form-actions .btn-primary, main form .btn-primary").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def add_a_webhook(page: Page) -> None:
    page.get_by_role("button", name="Add Action").click()
    page.locator(".dropdown-menu.show").get_by_role("button", name="Webhook").click()
    open_all(page)


def preview(page: Page) -> None:
    """The editor of a webhook, everything in it open, with its live request."""
    open_all(page)
    expect(page.locator("[data-preview], .preview").first).to_be_attached()


LOOKS: dict[str, Look] = {
    "setup": Look("/setup", who="untouched"),
    "login": Look("/login", who="nobody"),
    "wrong password": Look("/login", lambda page: wrong_password(page), who="nobody"),
    "not found, nobody": Look("/nothing-here", who="nobody", status=404),
    "not found": Look("/nothing-here", status=404),
    "not allowed": Look("/settings/users", who="user", status=403),
    "home": Look("/"),
    "user menu": Look("/", click("#user-menu")),
    "records": Look("/records/deals"),
    "records of a user": Look("/records/contacts", who="user"),
    "records, nothing found": Look("/records/deals?q=nothing-like-this"),
    "records, filtered": Look("/records/deals?q=e&sort=-amount", open_all),
    "records, some selected": Look("/records/deals", click("#list input[name=ids]")),
    "many, a field to change": Look(f"/records/deals/many?act=change&ids={DEAL}&field=stage"),
    "many, a workflow to run": Look("/records/deals/many?act=run&scope=matching"),
    "many, asked to delete": Look("/records/deals/many?act=delete&scope=matching&query=q%3De"),
    "jobs": Look("/jobs/"),
    "jobs, none": Look("/jobs/", who="user"),
    "job": Look("/jobs/{change}"),
    "import of records": Look("/records/deals/import"),
    "import of records, refused": Look("/records/deals/import", lambda page: send_no_file(page)),
    "import, what would happen": Look("/records/deals/import/{file}"),
    "import, what cannot be": Look("/records/deals/import/{file}", lambda page: import_nothing(page)),
    "board": Look("/records/deals?board=stage"),
    "board, a card's menu": Look("/records/deals?board=stage", choose_a_column),
    "board, its options": Look("/records/cases?board=priority&q=e", open_all),
    "board, nothing found": Look("/records/deals?board=stage&q=nothing-like-this"),
    "board, where to move a card": Look(f"/records/deals/board/{DEAL}/move?board=stage"),
    "record": Look(f"/records/deals/{DEAL}"),
    "record, one field": Look(f"/records/deals/{DEAL}/fields/amount/edit"),
    "record, asked to delete": Look(f"/records/deals/{DEAL}", click("[data-ask]")),
    "record, asked to delete on a page": Look(f"/records/deals/{DEAL}/delete"),
    "deleted records": Look("/records/deleted"),
    "deleted records, nothing found": Look("/records/deleted?q=nothing-like-this"),
    "deleted record": Look("/records/deleted/{deleted}", open_all),
    "deleted record, asked to remove": Look("/records/deleted/{deleted}/remove"),
    "record form": Look(f"/records/deals/{DEAL}/edit"),
    "record form, refused": Look("/records/deals/new", send_an_empty_form),
    "record, overtaken": Look(f"/records/deals/{DEAL}/edit", save_what_somebody_else_saved),
    "timeline": Look(f"/records/deals/{DEAL}/timeline"),
    "why did they fire": Look(f"/records/deals/{DEAL}/workflows", open_all),
    "search": Look("/records/search?q=e"),
    "search, nothing found": Look("/records/search?q=nothing-like-this"),
    "log": Look("/log"),
    "log, not for a user": Look("/log", who="user", status=403),
    "log, filtered to nothing": Look("/log?status=dispatched&q=x", open_all),
    "log, a detail open": Look(f"/log?open={FAILED}"),
    "log, some selected": Look("/log", click("#log-rows input[type=checkbox]")),
    "delivery that failed": Look(f"/log/{FAILED}", open_all),
    "delivery that waits": Look(f"/log/{WAITING}", open_all),
    "delivery of a user": Look("/log/{theirs}", who="user"),
    "redeliveries": Look("/log/redeliveries"),
    "redelivery": Look("/log/redeliveries/{job}", open_all),
    "redelivery, asked": Look("/log/redeliveries/new?status=failed"),
    "dashboard": Look("/dashboard", open_all),
    "dashboard of a month": Look("/dashboard?range=30d"),
    "inspectors": Look("/inspector"),
    "inspector": Look("/inspector/{inspector}", open_all),
    "settings": Look("/settings/"),
    "workflows": Look("/settings/workflows"),
    "currency": Look("/settings/currency"),
    "options of a field": Look("/settings/modules/deals/stage"),
    "modules and fields": Look("/settings/modules"),
    "fields": Look("/settings/modules/deals"),
    "new field": Look("/settings/modules/deals/new"),
    "field": Look("/settings/modules/deals/order_number"),
    "field, asked to remove": Look("/settings/modules/deals/order_number/remove"),
    "retention": Look("/settings/retention"),
    "workflow": Look(f"/settings/workflows/{WORKFLOW}"),
    "workflow, trigger": Look(f"/settings/workflows/{WORKFLOW}#trigger"),
    "workflow, criteria": Look(f"/settings/workflows/{WORKFLOW}#criteria"),
    "workflow, actions": Look(f"/settings/workflows/{WORKFLOW}#actions"),
    "webhook": Look(f"/settings/workflows/{WORKFLOW}#actions.0", preview),
    "new webhook": Look("/settings/workflows/new#actions", add_a_webhook),
    "workflow, refused": Look("/settings/workflows/new", click("#save")),
    "explain": Look(f"/settings/workflows/{WORKFLOW}/explain?record_id={DEAL}", open_all),
    "explain, nothing chosen": Look(f"/settings/workflows/{WORKFLOW}/explain"),
    "import": Look("/settings/workflows/import"),
    "users": Look("/settings/users", open_all),
    "invite user": Look("/settings/users/new"),
    "user": Look("/settings/users/2"),
    "user, records": Look("/settings/users/2/records"),
    "user, no records": Look("/settings/users/1/records"),
    "user, with a new link": Look("/settings/users/2", lambda page: page.get_by_role("button", name="Make a").click()),
    "set password": Look("/set-password?link={link}", who="nobody"),
    "set password, used link": Look("/set-password?link=nonsense", who="nobody", status=410),
    "forgot password": Look("/forgot-password", who="nobody"),
    "mail": Look("/settings/mail"),
    "mail, tested in vain": Look("/settings/mail", lambda page: try_the_mail(page)),
    "mail, refused": Look("/settings/mail", click("#mail-form .btn-primary")),
    "outgoing mail": Look("/settings/mail/outgoing"),
    "outgoing mail, none": Look("/settings/mail/outgoing?status=failed"),
    "one mail": Look("/settings/mail/outgoing/1"),
    "notifications": Look("/notifications"),
    "notifications, none": Look("/notifications", who="user"),
    "network": Look("/settings/network"),
    "audit": Look("/settings/audit", open_all),
    "audit, nothing matches": Look("/settings/audit?q=nothing-like-this"),
    "audit, a filter that can not be read": Look("/settings/audit?since=never", status=422),
    "account": Look("/account/", open_all),
}
NO_PAGES = {
    "static", "bootstrap.static", "health.healthz", "health.readyz", "health.metrics", "log.body", "log.live", "log.panel",
    "inspector.live", "records.live", "records.pick", "records.field", "webhook_form.fields",
    "webhook_form.test_result", "workflows.export", "start.home", "records.home", "api", "notifications.live", "mail.download",
    "redeliveries.running", "dashboard.live", "jobs.rejected", "records.export", "records.board_live",
}  # fmt: skip
"""Endpoints that answer with a file, a part of a page, or a redirect."""


def send_no_file(page: Page) -> None:
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".invalid-feedback")).to_be_visible()


def import_nothing(page: Page) -> None:
    """A date that can be read two ways, and a column that no field is chosen for."""
    page.get_by_label("Find duplicates by").select_option("id")
    expect(page.locator(".invalid-feedback")).to_be_visible()


def wrong_password(page: Page) -> None:
    page.get_by_label("E-mail").fill("nobody@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".note, .invalid-feedback, .alert").first).to_be_visible()


def try_the_mail(page: Page) -> None:
    page.get_by_label("Host").fill("127.0.0.1")
    page.get_by_label("Port").fill("1")
    page.get_by_label("From").fill("crm@example.com")
    page.get_by_role("button", name="Send a test mail").click()
    expect(page.locator("#mail-tested .note")).to_be_visible()


@dataclass
class Site:
    """A served application with something to see on every page."""

    app: Flask
    address: str
    ids: dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pages.app_in(tmp_path_factory.mktemp("every")) as app, pages.served(app) as address:
        pages.with_account(app, *pages.ADMIN, "admin")
        pages.with_account(app, *pages.USER, "user")
        with app.extensions["webhookui"].db.write() as session:
            fields.add(session, "deals", FieldSpec("Order number"), accounts.by_email(session, pages.ADMIN[0]))
        yield Site(
            app,
            address,
            furnished(app.extensions["webhookui"].db) | {"inspector": an_inspector(app), "link": an_invitation(app)},
        )


def an_invitation(app: Flask) -> str:
    with app.extensions["webhookui"].db.write() as session:
        user = accounts.create_user(session, email="new@example.com", name="New", password=None)
        return password_links.create(session, user, "invitation", "tests").token


def an_inspector(app: Flask) -> str:
    """One that has been called."""
    body = json.dumps({"amount": 1, "lines": [1, 2, 3]})
    app.test_client().post("/inspect/tryout", data=body, content_type="application/json")
    return "tryout"


def furnished(db: Database) -> dict[str, Any]:
    with db.write() as session:
        demo.demo(session, None)
        deal = records.create(
            session, "deals", {"name": "Till system", "amount": "12.50"}, Actor("person", "Ann", None)
        )
        assert deal.id is not None
        for stage in ("Proposal", "Closed Won"):
            records.update(session, "deals", deal.id, {"stage": stage}, Actor("person", "Ann", None))
        gone = records.create(session, "deals", {"name": "Gone", "amount": "7"}, Actor("person", "Ann", None))
        records.delete(session, "deals", gone.id or 0, Actor("person", "Ann", None))
        webhook = session.get(log_rows.WorkflowAction, log_rows.add_webhook(session))
        assert webhook is not None
        change = history.timeline(session, deal.id, 1)[0]
        columns = {
            "webhook_id": webhook.id, "workflow_id": webhook.workflow_id, "record_id": deal.id, "change_id": change.id,
        }  # fmt: skip
        failed, waiting = log_rows.add_failed(session, **columns), log_rows.add_waiting(session, **columns)
        for status in ("queued", "success", "success"):
            log_rows.add_attempt(session, log_rows.add_delivery(session, status=status, duration_ms=80.0, **columns))
        theirs = log_rows.add_failed(session, module="deals", record_id=log_rows.record_of(session, pages.USER[0]))
        bulk = record_jobs.start_change(
            session, "deals", Chosen([deal.id, 999]), {"stage": "Closed Won"}, Actor("person", "Ann")
        )
        background_jobs.reject(session, bulk, 999, "It was deleted in the meantime.", ["999", ""])
        job = redelivery_jobs.start(session, "original", "Ann", ids=[failed.id or 0, 999])
        log_rows.add_attempt(
            session, failed, response_headers=[["Content-Type", "image/png"]], response_body=b"\x00" * 99
        )
        for outcome in ("written", "no_match"):
            session.add(
                CapturedValue(
                    delivery_id=failed.id or 0,
                    attempt_number=2,
                    path="$.invoice.id",
                    field="invoice_id",
                    outcome=outcome,
                )
            )
        session.add(
            Endpoint(
                endpoint_key="https://api.example.com:443", state="open", opened_at=now(), last_error="It refused."
            )
        )
        alerts.deliveries_failed(session, [failed])
        alerts.endpoint_changed(session, "https://api.example.com:443")
        digest.write_due(session, "https://crm.example.com", now())
        ann = accounts.by_email(session, pages.ADMIN[0])
    table = "Name;Amount;Close date;Phone number of the office\nTill;1.250,50;01.02.2026;1\n;x;2.2.2026;\n"
    file = uploads.store(db, "deals", ann, "deals of the year.csv", io.BytesIO(table.encode()))
    statistics.observe(db)
    return {"deal": deal.id, "workflow": webhook.workflow_id, "failed": failed.id, "waiting": waiting.id, "job": job.id,
            "theirs": theirs.id, "change": bulk.id, "deleted": gone.id, "file": file}  # fmt: skip


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An installation that nobody has set up."""
    with pages.app_in(tmp_path_factory.mktemp("untouched")) as app, pages.served(app) as address:
        yield address


@pytest.fixture(scope="module")
def windows(browser: Browser, site: Site) -> Iterator[dict[str, Page]]:
    """A window for each kind of person; nothing moves in it."""
    people = {"admin": pages.ADMIN, "user": pages.USER, "nobody": None, "untouched": None}
    with ExitStack() as stack:
        yield {
            who: stack.enter_context(pages.window(browser, site.address, account)) for who, account in people.items()
        }


@pytest.mark.parametrize("name", list(LOOKS))
def test_a_page_is_usable_by_everybody_everywhere(
    name: str, site: Site, windows: dict[str, Page], untouched: str
) -> None:
    look = LOOKS[name]
    page = windows[look.who]
    address = untouched if look.who == "untouched" else site.address
    pages.afresh(page, address, WIDE, "reduce")
    with without_complaints(page):
        answer = page.goto(address + look.path.format(**site.ids))
        assert answer is not None and answer.status == look.status
        if look.act:
            look.act(page)
        problems = problems_of(page)
        assert page.locator("h1").count() == 1, "one heading of the first level"
        assert problems == [], "\n".join(problems)


def test_every_page_is_in_the_table(site: Site) -> None:
    adapter = site.app.url_map.bind("localhost")
    seen = {adapter.match(look.path.format(**site.ids).partition("?")[0].partition("#")[0])[0] for look in LOOKS.values()
            if look.status != 404}  # fmt: skip
    there = {
        rule.endpoint
        for rule in site.app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith(("/api/", "/inspect/"))
    }
    assert there - seen - NO_PAGES == set()
