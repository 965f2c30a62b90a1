"""The real application on a data folder of its own, and people logged in to it, for tests of pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import requests
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from playwright.sync_api import BrowserContext
from sqlalchemy import text
from waitress.server import create_server
from waitress.wasyncore import close_all

from tests.support import prepared
from webhookui.db import Database
from webhookui.settings import Settings

ADMIN = ("ann@example.com", "correct horse battery")
USER = ("sam@example.com", "correct horse battery")


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
    with requests.Session() as session:
        session.trust_env = False
        token = re.search(r'name="csrf_token" value="([^"]+)"', session.get(f"{address}/login").text)
        form = {"email": account[0], "password": account[1], "csrf_token": token[1] if token else ""}
        answer = session.post(f"{address}/login", data=form, allow_redirects=False)
        assert answer.status_code in (302, 303), answer.text
        context.add_cookies(
            [{"name": each.name, "value": each.value or "", "url": address} for each in session.cookies]
        )
