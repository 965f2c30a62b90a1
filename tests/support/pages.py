"""The real application on a data folder of its own, and people logged in to it, for tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page
from sqlalchemy import text
from waitress.server import create_server

from webhookui.db import Database
from webhookui.settings import Settings

ADMIN = ("ann@example.com", "correct horse battery")
USER = ("sam@example.com", "correct horse battery")


@contextmanager
def app_in(folder: Path, database_url: str = "") -> Iterator[Flask]:
    """The application, no form protected by a token, nobody working on the queue."""
    from webhookui.app import create_app

    app = create_app(Settings(instance=folder, database_url=database_url))  # type: ignore[call-arg]
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
        thread.join(timeout=5)


def log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/login")
    page.get_by_label("E-mail").fill(ADMIN[0])
    page.get_by_label("Password").fill(ADMIN[1])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login" not in url)
