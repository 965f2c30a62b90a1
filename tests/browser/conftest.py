"""What browser tests share: the application in the test's process, with an admin, behind the real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.support import pages
from tests.support.looks import without_complaints

expect.set_options(timeout=15_000)  # the machine is shared by several tests at a time; who is quick waits no longer


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("browser")) as app:
        app.config["WTF_CSRF_ENABLED"] = True
        pages.with_account(app, *pages.ADMIN, "admin")
        yield app


@pytest.fixture
def strict(page: Page) -> Iterator[None]:
    """At the end the page must not have complained about anything, nor any request have been answered by an error."""
    with without_complaints(page, strict=True):
        yield


@pytest.fixture(scope="module")
def address(app: Flask) -> Iterator[str]:
    with pages.served(app) as address:
        yield address


@pytest.fixture(scope="module")
def window(browser: Browser, address: str) -> Iterator[Page]:
    """The admin's, for tests that share one."""
    with pages.window(browser, address) as page:
        yield page
