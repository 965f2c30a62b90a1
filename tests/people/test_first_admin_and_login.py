"""The first admin, login and logout, throttling, sessions that end (specification section 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests.support import pages
from webhookui.core.database import now
from webhookui.people import accounts, sessions
from webhookui.people.tables import UserSession
from webhookui.settings import Settings
from webhookui.web.security import limiter

ADMIN = {"name": "Ann", "email": "Ann@Example.com", "password": "correct horse", "again": "correct horse"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with pages.app_in(tmp_path) as app:
        yield app


def set_up(app: Flask, **changes: Any) -> FlaskClient:
    client = app.test_client()
    answer = client.post("/setup", data=ADMIN | changes)
    assert answer.status_code == 302, answer.text
    return client


def log_in(client: FlaskClient, email: str, password: str, **more: str) -> Any:
    return client.post("/login", data={"email": email, "password": password, **more})


def error_at(html: str, field: str) -> str:
    match = re.search(rf'id="{field}-error">([^<]*)<', html)
    return unescape(match[1]) if match else ""


# ---- the first admin --------------------------------------------------------------------------------------------------


def test_every_way_in_leads_to_the_first_page_while_there_is_nobody(app: Flask) -> None:
    client = app.test_client()
    for path in ("/", "/login", "/records/deals"):
        answer = client.get(path, follow_redirects=True)
        assert answer.request.path == "/setup" and "Set up webhookui" in answer.text
    answer = log_in(client, "admin@example.com", "admin")
    assert answer.headers["Location"] == "/setup", "there is no default password"


def test_the_first_admin_is_made_logged_in_and_the_page_is_gone_for_good(app: Flask) -> None:
    client = set_up(app)
    assert client.get("/settings/users").status_code == 200
    stranger = app.test_client()
    assert stranger.get("/setup").headers["Location"] == "/login"
    answer = stranger.post("/setup", data=ADMIN | {"email": "mallory@example.com"})
    assert answer.headers["Location"] == "/login"
    with app.extensions["webhookui"].db.read() as session:
        assert [user.email for user in accounts.all_users(session)] == ["ann@example.com"]
        assert accounts.all_users(session)[0].is_admin


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": " "}, "name", "required"),
        ({"email": "ann"}, "email", "not an e-mail address"),
        ({"password": "short", "again": "short"}, "password", "At least 10"),
        ({"again": "another one"}, "again", "do not match"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    app: Flask, changes: dict[str, str], field: str, words: str
) -> None:
    answer = app.test_client().post("/setup", data=ADMIN | changes)
    assert answer.status_code == 422
    assert words in error_at(answer.text, field)
    if field != "name":
        assert 'value="Ann"' in answer.text
    assert "correct horse" not in answer.text
    with app.extensions["webhookui"].db.read() as session:
        assert not accounts.any_user(session)


def test_sample_data_is_added_only_when_asked_for(tmp_path: Path) -> None:
    for name, more, there in (("without", {}, False), ("with", {"samples": "true"}, True)):
        with pages.app_in(tmp_path / name) as app:
            assert ("Patient portal" in set_up(app, **more).get("/records/deals").text) is there


def test_the_first_admins_days_are_those_of_the_browser(app: Flask) -> None:
    set_up(app, time_zone="Europe/Prague")
    with app.extensions["webhookui"].db.read() as session:
        assert accounts.all_users(session)[0].time_zone == "Europe/Prague"


def test_an_unknown_time_zone_of_a_browser_does_not_stop_anybody(app: Flask) -> None:
    set_up(app, time_zone="Mars/Olympus")
    with app.extensions["webhookui"].db.read() as session:
        assert accounts.all_users(session)[0].time_zone == "UTC"


# ---- login ------------------------------------------------------------------------------------------------------------


def test_a_login_needs_the_right_password_and_ignores_case_of_the_address(app: Flask) -> None:
    set_up(app)
    client = app.test_client()
    wrong = log_in(client, "ann@example.com", "wrong horse")
    unknown = log_in(client, "nobody@example.com", "wrong horse")
    assert wrong.status_code == unknown.status_code == 422
    assert "The e-mail address or password is wrong." in wrong.text
    assert 'value="ann@example.com"' in wrong.text and "wrong horse" not in wrong.text
    shown = [
        re.sub(r"csrf[^>]*>", "", answer.text, flags=re.I).replace("nobody@", "ann@") for answer in (wrong, unknown)
    ]
    assert shown[0] == shown[1], "nobody learns which addresses are known"
    assert client.get("/records/deals").status_code == 302
    assert log_in(client, " ANN@example.com ", "correct horse").status_code == 302
    assert client.get("/records/deals").status_code == 200


def test_a_page_without_login_leads_to_the_login_and_back(app: Flask) -> None:
    set_up(app)
    client = app.test_client()
    answer = client.get("/records/deals?sort=-amount&q=a%20b")
    assert answer.status_code == 302 and answer.headers["Location"].startswith("/login?next=")
    form = client.get(answer.headers["Location"]).text
    match = re.search(r'name="next" value="([^"]*)"', form)
    assert match is not None
    answer = log_in(client, "ann@example.com", "correct horse", next=unescape(match[1]))
    assert answer.headers["Location"] == "/records/deals?sort=-amount&q=a%20b"
    assert client.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
     "/\t/evil.example", " //evil.example", "http:evil.example", "evil"],
)  # fmt: skip
def test_a_login_never_leads_to_another_host(app: Flask, wanted: str) -> None:
    set_up(app)
    answer = log_in(app.test_client(), "ann@example.com", "correct horse", next=wanted)
    assert answer.headers["Location"] == "/"


def test_a_fragment_without_login_sends_the_whole_page_to_the_login_and_back(app: Flask) -> None:
    set_up(app)
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/log?status=failed"}
    answer = app.test_client().get("/log/live", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/log?status%3Dfailed"


def test_a_logout_ends_the_session_and_is_no_link(app: Flask) -> None:
    client = set_up(app)
    assert client.get("/logout").status_code == 405
    assert client.get("/records/deals").status_code == 200
    assert client.post("/logout").headers["Location"] == "/login"
    assert client.get("/records/deals").status_code == 302


def test_failed_logins_are_throttled_and_good_ones_are_not(tmp_path: Path) -> None:
    from webhookui.app import create_app

    app = create_app(Settings(instance=tmp_path, login_limit="3 per minute"))  # type: ignore[call-arg]
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    try:
        set_up(app)
        limiter.reset()
        for _ in range(5):
            assert log_in(app.test_client(), "ann@example.com", "correct horse").status_code == 302
        codes = [log_in(app.test_client(), "ann@example.com", "wrong").status_code for _ in range(4)]
        assert codes == [422, 422, 422, 429]
        answer = log_in(app.test_client(), "ann@example.com", "correct horse")
        assert answer.status_code == 429 and "Too many attempts." in answer.text and "Wait" in answer.text
        elsewhere = app.test_client().post(
            "/login",
            data={"email": "ann@example.com", "password": "correct horse"},
            environ_base={"REMOTE_ADDR": "192.0.2.7"},
        )
        assert elsewhere.status_code == 302, "the address is throttled, not the person"
    finally:
        limiter.reset()
        app.extensions["webhookui"].close()


# ---- sessions ---------------------------------------------------------------------------------------------------------


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(app: Flask) -> None:
    this_browser = set_up(app)
    elsewhere = app.test_client()
    log_in(elsewhere, "ann@example.com", "correct horse")
    form = {"old": "correct horse", "password": "another horse", "again": "another horse"}
    assert this_browser.post("/account/password", data=form).status_code == 302
    assert this_browser.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302
    assert log_in(app.test_client(), "ann@example.com", "correct horse").status_code == 422
    assert log_in(app.test_client(), "ann@example.com", "another horse").status_code == 302


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"old": "wrong"}, "old", "not your password"),
        ({"password": "short", "again": "short"}, "password", "At least 10"),
        ({"again": "a third horse"}, "again", "do not match"),
    ],
)
def test_a_password_that_can_not_be_changed_says_why(
    app: Flask, changes: dict[str, str], field: str, words: str
) -> None:
    client = set_up(app)
    form = {"old": "correct horse", "password": "another horse", "again": "another horse"} | changes
    answer = client.post("/account/password", data=form)
    assert answer.status_code == 422 and words in error_at(answer.text, field)
    assert log_in(app.test_client(), "ann@example.com", "correct horse").status_code == 302


ENDS = {
    "a logout": lambda client: client.post("/logout"),
    "a new password": lambda client: client.post(
        "/account/password", data={"old": "correct horse", "password": "another horse", "again": "another horse"}
    ),
    "another login in this browser": lambda client: (
        client.post("/logout"), log_in(client, "ann@example.com", "correct horse")
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", ENDS)
def test_a_copied_cookie_is_worth_nothing_once_its_session_has_ended(app: Flask, how: str) -> None:
    client = set_up(app)
    copied = client.get_cookie("session")
    assert copied is not None
    thief = app.test_client()
    thief.set_cookie("session", copied.value)
    assert thief.get("/account/").status_code == 200, "a copied cookie is the session while it lasts"
    ENDS[how](client)
    assert thief.get("/account/").status_code == 302
    assert thief.get("/notifications/live").status_code == 204, "a poll tells nothing either"


def test_a_logout_ends_this_session_and_no_other(app: Flask) -> None:
    this_browser, elsewhere = set_up(app), app.test_client()
    log_in(elsewhere, "ann@example.com", "correct horse")
    this_browser.post("/logout")
    assert this_browser.get("/account/").status_code == 302 and elsewhere.get("/account/").status_code == 200


def test_a_session_ends_by_itself_in_the_end_and_leaves_no_row(app: Flask) -> None:
    client = set_up(app)
    db = app.extensions["webhookui"].db
    with db.write() as session:
        session.execute(update(UserSession).values(created_at=now() - sessions.LONGEST - timedelta(seconds=1)))
    assert client.get("/account/").status_code == 302
    log_in(client, "ann@example.com", "correct horse")
    with db.read() as session:
        rows = list(session.scalars(select(UserSession)))
    assert len(rows) == 1
    with client.session_transaction() as cookie:
        assert cookie["_user_id"] not in str(rows[0].model_dump()), "a copy of the database logs nobody in"


def test_a_forged_session_is_nobody(app: Flask) -> None:
    client = set_up(app)
    with client.session_transaction() as session:
        session["_user_id"] = "1:guessed"
    assert client.get("/records/deals").status_code == 302
    other = app.test_client()
    other.set_cookie("session", "eyJfdXNlcl9pZCI6IjEifQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert other.get("/records/deals").status_code == 302


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(app: Flask) -> None:
    answer = app.test_client().post("/setup", data=ADMIN)
    cookie = next(header for header in answer.headers.getlist("Set-Cookie") if header.startswith("session="))
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie


def test_behind_https_cookies_are_secure_and_the_browser_is_told(tmp_path: Path) -> None:
    from webhookui.app import create_app

    app = create_app(Settings(instance=tmp_path, secure_cookies=True))  # type: ignore[call-arg]
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    try:
        answer = app.test_client().post("/setup", data=ADMIN, base_url="https://crm.example.com")
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "max-age" in answer.headers["Strict-Transport-Security"]
    finally:
        app.extensions["webhookui"].close()
