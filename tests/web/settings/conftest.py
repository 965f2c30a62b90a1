"""The application on both databases, with an admin."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import BOTH, database_url
from tests.support import pages
from webhookui.core.database import Database


@pytest.fixture(params=BOTH)
def app(tmp_path: Any, request: pytest.FixtureRequest) -> Any:
    with pages.app_in(tmp_path, database_url(request.param, request)) as app:
        yield app


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    return database
