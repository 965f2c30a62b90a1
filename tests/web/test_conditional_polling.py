"""Polls of live pages that have nothing new to hear are answered before the application is asked."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.conftest import BOTH, database_url
from tests.support import pages
from tests.support.log_rows import add_delivery, move
from webhookui.core.database import Database
from webhookui.people import accounts
from webhookui.web.conditional_polling import HEADER


@pytest.fixture(scope="module", params=BOTH)
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    url = database_url(request.param, request)
    with pages.app_in(tmp_path_factory.mktemp("polls"), **({"database_url": url} if url else {})) as app:
        yield app


@pytest.fixture
def db(app: Flask) -> Database:
    database: Database = app.extensions["webhookui"].db
    pages.empty(database, *pages.LOG)
    return database


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture
def asked(app: Flask) -> Iterator[list[str]]:
    """Paths that the application itself was asked for."""
    paths: list[str] = []
    inner = app.wsgi_app._application  # type: ignore[attr-defined]

    def remember(environ, start_response):  # type: ignore[no-untyped-def]
        paths.append(environ["PATH_INFO"])
        return inner(environ, start_response)

    app.wsgi_app._application = remember  # type: ignore[attr-defined]
    yield paths
    app.wsgi_app._application = inner  # type: ignore[attr-defined]


def poll(client: FlaskClient, number: int | None, version: int = 1, seen: str = ""):  # type: ignore[no-untyped-def]
    return client.get(f"/log/live?first=1&flow=1&announced=0&rows={number}:{version}&seen={quote(seen)}")


def test_while_nothing_is_committed_the_application_is_not_asked(
    client: FlaskClient, db: Database, asked: list[str]
) -> None:
    with db.write() as session:
        number = add_delivery(session).id
    first = poll(client, number)
    assert first.status_code == 204 and len(asked) == 1
    for _ in range(3):
        again = poll(client, number, seen=first.headers[HEADER])
        assert again.status_code == 204 and again.headers[HEADER] == first.headers[HEADER]
    assert len(asked) == 1


def test_a_commit_makes_the_token_old_and_the_change_is_seen(
    client: FlaskClient, db: Database, asked: list[str]
) -> None:
    with db.write() as session:
        number = add_delivery(session, status="queued").id
    token = poll(client, number).headers[HEADER]
    with db.write() as session:
        move(session, number, status="success")
    answer = poll(client, number, seen=token)
    assert answer.status_code == 200 and "Success" in answer.text
    assert len(asked) == 2


BEA = ("bea@example.com", pages.ADMIN[1])
"""Another admin: the log's polls are for admins."""


def test_a_token_is_good_for_its_own_session_and_path_alone(
    app: Flask, client: FlaskClient, db: Database, asked: list[str]
) -> None:
    token = poll(client, 1).headers[HEADER]
    asked.clear()
    assert poll(pages._logged_in(app, *BEA, "admin"), 1, seen=token).headers[HEADER] != token
    assert client.get(f"/inspector/demo/live?seen={token}").headers.get(HEADER) != token
    assert poll(app.test_client(), 1, seen=token).status_code in (302, 401)
    assert [path for path in asked if path.endswith("/live")] == ["/log/live", "/inspector/demo/live", "/log/live"]


def test_who_is_locked_out_is_so_at_the_next_poll(app: Flask, db: Database) -> None:
    client = pages._logged_in(app, *BEA, "admin")
    token = poll(client, 1).headers[HEADER]
    with db.write() as session:
        user = accounts.by_email(session, BEA[0])
        accounts.change_user(session, user, active=False, by=user)
    assert poll(client, 1, seen=token).status_code in (302, 401)
    with db.write() as session:
        user = accounts.by_email(session, BEA[0])
        accounts.change_user(session, user, active=True, by=user)


def test_an_answer_to_a_stranger_carries_no_token(app: Flask) -> None:
    assert HEADER not in poll(app.test_client(), 1).headers
