"""The real application on a data folder of its own, and people logged in to it, for tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Literal

from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import text
from waitress.server import create_server
from waitress.wasyncore import close_all

from benchmarks.server import logged_in
from tests.support import prepared
from webhookui.core.database import Database
from webhookui.settings import Settings

ADMIN = (prepared.EMAIL, prepared.PASSWORD)
USER = ("sam@example.com", prepared.PASSWORD)


class _Templates(BytecodeCache):
    """Each template is compiled once in the test's process, not once for each application."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


TEMPLATES = _Templates()


@contextmanager
def app_in(folder: Path, database_url: str = "") -> Iterator[Flask]:
    """The application, no form protected by a token, nobody working on the queue. A folder that is empty gets a database."""
    from webhookui.app import create_app

    if not database_url and not (folder / "webhookui.db").exists():
        prepared.copy_to(folder, people=False)
    app = create_app(Settings(instance=folder, database_url=database_url))  # type: ignore[call-arg]
    app.jinja_env.bytecode_cache = TEMPLATES
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
    try:
        yield app
    finally:
        app.extensions["webhookui"].close()


LOG = (
    "captured_value", "attempt", "delivery_request", "delivery", "delivery_slot", "log_bucket", "job", "endpoint",
)  # fmt: skip
"""What the log and the dashboard show."""
WORK = (
    *LOG, "workflow_first_met", "workflow_action", "workflow_version", "workflow", "deleted_link", "deleted_record", "link",
    "change", "record",
)  # fmt: skip
"""Records and workflows with all that came of them."""


def empty(db: Database, *tables: str) -> None:
    with db.write() as session:
        for table in tables:
            session.execute(text(f"DELETE FROM {table}"))


def admin(app: Flask) -> FlaskClient:
    return _logged_in(app, *ADMIN, "admin")


def user(app: Flask) -> FlaskClient:
    return _logged_in(app, *USER, "user")


def _logged_in(app: Flask, email: str, password: str, role: str) -> FlaskClient:
    with_account(app, email, password, role)
    client = app.test_client()
    answer = client.post("/login", data={"email": email, "password": password})
    assert answer.status_code in (302, 303), answer.text
    return client


def with_account(app: Flask, email: str, password: str, role: str) -> None:
    """Makes the account unless it is there."""
    from webhookui.people import accounts

    with app.extensions["webhookui"].db.write() as session:
        try:
            accounts.by_email(session, email)
        except accounts.UserNotFound:
            name = email.partition("@")[0].title()
            accounts.create_user(session, email=email, name=name, password=password, role=role)


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application behind the real server, on a free port; gives its address."""
    server = create_server(app, host="127.0.0.1", port=0, threads=6)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        close_all(server._map)  # a browser keeps its connections, and they would keep the server
        thread.join(timeout=5)


def log_in(context: BrowserContext, address: str, account: tuple[str, str] = ADMIN) -> None:
    """Logs the browser in by its cookies; the login page itself has tests of its own."""
    with logged_in(address, *account) as session:
        context.add_cookies(
            [{"name": cookie.name, "value": cookie.value or "", "url": address} for cookie in session.cookies]
        )


@contextmanager
def window(browser: Browser, address: str, account: tuple[str, str] | None = ADMIN) -> Iterator[Page]:
    """One that several tests share, each after `afresh`: a new one for each takes as long as the test."""
    context = browser.new_context()
    if account is not None:
        log_in(context, address, account)
    page = context.new_page()
    page.on("dialog", lambda dialog: dialog.accept())  # a form with something in it is left
    yield page
    context.close()


def afresh(page: Page, address: str, size: tuple[int, int], reduced_motion: Literal["reduce", "no-preference"]) -> None:
    """A shared window as a new one would be: nothing of the test before is stored, held, open or offline; light, of this size."""
    page.context.set_offline(False)
    page.unroute_all(behavior="ignoreErrors")
    for other in page.context.pages:
        if other != page:
            other.close()
    page.goto(f"{address}/static/app.css")
    page.evaluate("sessionStorage.clear(); localStorage.clear()")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="light", reduced_motion=reduced_motion)
