"""Takes the pictures of the README and, with --all, of every page: desktop and phone, light and dark.

    make screenshots                       → docs/screenshots/log.png
    python scripts/screenshots.py --all DIR

It runs webhookui on a folder of its own with sample data, and a third party that answers well and badly.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from scripts.ensure_browser import browser_path
from tests.support import pages
from tests.support.receiver import Answer, Receiver, receiving
from tests.support.running import Running, running

ROOT = Path(__file__).parent.parent
README_PICTURE = ROOT / "docs" / "screenshots" / "log.png"
DESKTOP, PHONE = (1280, 860), (390, 844)
INVOICE = b'{"invoice":{"id":98122,"number":"2026-0187","status":"draft"}}'


def workflow(name: str, module: str, url: str, title: str, criteria: list[dict[str, Any]]) -> dict[str, Any]:
    """A workflow document whose webhook sends the record's name and amount."""
    fields = {"deals": ("amount", "{{ amount }}"), "cases": ("priority", "{{ priority }}")}[module]
    capture = (
        {"type": "JSONPATH", "on_success": [{"path": "$.invoice.id", "field": "invoice_id"}]}
        if module == "deals"
        else None
    )
    return {
        "name": name, "module": module, "active": True, "related_modules": ["contacts"],
        "trigger": {"on": "create_or_update", "recurrence": "every_time"},
        "criteria": {"all": criteria, "any": []},
        "actions": [{
            "type": "webhook", "title": title, "url": url, "method": "POST", "content_type": "JSON",
            "authorization": {"type": "bearer", "token": "not-a-real-token"},
            "parameters": [
                {"name": f"{module[:-1]}.{fields[0]}", "value": fields[1]},
                {"name": f"{module[:-1]}.name", "value": "{{ record.name }}"},
                {"name": "customer.email", "value": "{{ contact.email }}"},
            ],
            **({"capture": capture} if capture else {}),
        }],
    }  # fmt: skip


def play(installation: Running, third_party: Receiver, broken: Receiver) -> dict[str, int]:
    """Makes the log tell a story; gives ids for the pages to look at."""
    call = installation.call
    installation.command("demo")
    closed = [{"field": "stage", "operator": "has_changed_to", "value": "Closed Won"}]
    urgent = [{"field": "priority", "operator": "has_changed_to", "value": "Urgent"}]
    invoice = call(
        "POST",
        "/workflows",
        workflow("Invoice closed deals", "deals", f"{third_party.url}/invoices", "Create invoice", closed),
    )
    call(
        "POST",
        "/workflows",
        workflow("Tell support", "cases", f"{broken.url}/hooks/support", "Post to the channel", urgent),
    )
    deals, cases = call("GET", "/records/deals")["items"], call("GET", "/records/cases")["items"]
    third_party.default = Answer(201, INVOICE)
    broken.default = Answer(503, b'{"error":"maintenance until 16:00"}')
    open_deals = [deal for deal in deals if not deal["values"]["stage"].startswith("Closed")]
    for deal in open_deals[:9]:
        call("PATCH", f"/records/deals/{deal['id']}", {"values": {"stage": "Closed Won"}})
    for case in cases[:3]:
        call("PATCH", f"/records/cases/{case['id']}", {"values": {"priority": "Urgent"}})
    third_party.answers = [
        Answer(422, json.dumps({"error": {"message": "The customer has no billing address."}}).encode())
    ]
    call("PATCH", f"/records/deals/{open_deals[9]['id']}", {"values": {"stage": "Closed Won"}})
    deliveries = settled(installation)
    broken.default = Answer(410, b'{"error":"this hook was removed"}')
    calm = next(case for case in cases[3:] if case["values"]["priority"] != "Urgent")
    call("PATCH", f"/records/cases/{calm['id']}", {"values": {"priority": "Urgent"}})
    settled(installation)
    return {
        "deal": open_deals[0]["id"],
        "workflow": invoice["id"],
        "delivery": deliveries[-1]["id"],
        "retry": deliveries[0]["id"],
        "failed": call("GET", "/deliveries?status=failed")["items"][0]["id"],
    }


def settled(installation: Running) -> list[Any]:
    """All deliveries, newest first, once none is under way."""
    deliveries: list[Any] = installation.call("GET", "/deliveries?limit=100")["items"]
    for delivery in deliveries:
        installation.delivery(delivery["id"], "success", "retry", "failed")
    return deliveries


def log_in(context: BrowserContext, address: str) -> Page:
    pages.log_in(context, address)
    return context.new_page()


def redeliver_what_failed(browser: Browser, address: str) -> None:
    page = log_in(browser.new_context(), address)
    page.goto(f"{address}/log/redeliveries/new?status=failed")
    page.locator("main form .btn-primary").click()
    page.wait_for_url("**/log/redeliveries/*")
    page.context.close()


def pages_of(ids: dict[str, int]) -> dict[str, str]:
    """Name of the picture → path."""
    deal, workflow = f"/records/deals/{ids['deal']}", f"/settings/workflows/{ids['workflow']}"
    return {
        "records": "/records/deals", "record": deal, "record-edit": f"{deal}/edit", "record-workflows": f"{deal}/workflows",
        "search": "/records/search?q=print", "log": "/log", "delivery": f"/log/{ids['delivery']}",
        "delivery-retry": f"/log/{ids['retry']}", "delivery-failed": f"/log/{ids['failed']}",
        "redelivery-asked": "/log/redeliveries/new?status=failed", "redeliveries": "/log/redeliveries",
        "redelivery": "/log/redeliveries/1", "mails": "/settings/mail/outgoing",
        "workflows": "/settings/workflows", "workflow": workflow,
        "workflow-trigger": f"{workflow}#trigger", "workflow-criteria": f"{workflow}#criteria",
        "workflow-actions": f"{workflow}#actions", "webhook": f"{workflow}#actions.0",
        "explain": f"{workflow}/explain?record_id={ids['deal']}",
        "import": "/settings/workflows/import", "inspector": "/inspector", "modules": "/settings/modules",
        "users": "/settings/users", "network": "/settings/network",
        "retention": "/settings/retention", "mail": "/settings/mail", "audit": "/settings/audit",
        "account": "/account/", "notifications": "/notifications", "dashboard": "/dashboard", "error": "/nothing-here",
    }  # fmt: skip


def entry(browser: Browser, address: str, path: str, folder: Path, name: str) -> None:
    """The four pictures of a page that needs no login."""
    for size, word in ((DESKTOP, "desktop"), (PHONE, "phone")):
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.goto(f"{address}{path}")
            page.screenshot(path=str(folder / f"{name}-{word}-{scheme}.png"))
            page.close()


def picture(browser: Browser, installation: Running, size: tuple[int, int], scheme: str, todo: dict[str, Path]) -> None:
    """Takes the pictures `path → file`, and says which page is wider than the window."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)  # type: ignore[arg-type]
    page = log_in(context, installation.address)
    for path, file in todo.items():
        page.goto(f"{installation.address}{path}")
        page.wait_for_load_state("networkidle") if path not in ("/log",) else page.wait_for_selector(".log-row")
        page.screenshot(path=str(file), full_page=file != README_PICTURE)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > size[0]:
            print(f"{path}: {wide} px wide at {size[0]} px")
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="DIR", help="every page, in four variants, into this folder")
    parser.add_argument("--only", action="append", help="with --all: only pages of these names")
    wanted = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        receiving() as third_party,
        receiving() as broken,
        running(Path(folder)) as installation,
        sync_playwright() as playwright,
    ):
        ids = play(installation, third_party, broken)
        browser = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox", "--disable-gpu"])
        if wanted.all is None:
            README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
            picture(browser, installation, DESKTOP, "light", {"/log": README_PICTURE})
        else:
            wanted.all.mkdir(parents=True, exist_ok=True)
            if not wanted.only:
                entry(browser, installation.address, "/login", wanted.all, "login")
                untouched = Running(Path(folder) / "untouched")
                untouched.folder.mkdir()
                untouched.start()
                entry(browser, untouched.address, "/setup", wanted.all, "setup")
                untouched.kill()
            redeliver_what_failed(browser, installation.address)
            named = {name: path for name, path in pages_of(ids).items() if not wanted.only or name in wanted.only}
            for size, word in ((DESKTOP, "desktop"), (PHONE, "phone")):
                for scheme in ("light", "dark"):
                    todo = {path: wanted.all / f"{name}-{word}-{scheme}.png" for name, path in named.items()}
                    picture(browser, installation, size, scheme, todo)
        browser.close()


if __name__ == "__main__":
    main()
