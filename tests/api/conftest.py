"""The API in this process: a client with an admin's token, and one with a user's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conftest import BOTH, database_url
from tests.support import pages
from webhookui.core import exact_json
from webhookui.people import accounts, tokens

Call = Callable[..., TestResponse]


@pytest.fixture(scope="module", params=BOTH)
def app(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("api"), database_url(request.param, request)) as app:
        app.config["WTF_CSRF_ENABLED"] = True
        yield app


def caller(app: Flask, email: str, role: str) -> Call:
    pages.with_account(app, email, "correct horse battery", role)
    with app.extensions["webhookui"].db.write() as session:
        token = tokens.create(session, accounts.by_email(session, email), "tests")
    client = app.test_client()

    def call(method: str, path: str, body: Any = None, **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"} | more.pop("headers", {})
        if body is not None:
            more |= {"data": exact_json.dumps(body), "content_type": "application/json"}
        return client.open(f"/api/v1{path}", method=method, headers=headers, **more)

    call.authorization = f"Bearer {token}"  # type: ignore[attr-defined]
    return call


@pytest.fixture(scope="module")
def call(app: Flask) -> Call:
    """Calls as an admin: `call("POST", "/records/deals", {...})`."""
    return caller(app, "ann@example.com", "admin")


@pytest.fixture(scope="module")
def call_as_user(app: Flask) -> Call:
    return caller(app, "sam@example.com", "user")
