"""Roles, deactivated users, API tokens, and what is stored of a password (specification sections 9 and 10)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.support import pages
from webhookui.people import accounts
from webhookui.people.tables import ApiToken, AuditEntry, User


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("people")) as app:
        yield app


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture
def sam(app: Flask) -> FlaskClient:
    return pages.user(app)


def stored(app: Flask, email: str) -> User:
    with app.extensions["webhookui"].db.read() as session:
        return accounts.by_email(session, email)


def log_in(app: Flask, email: str, password: str) -> FlaskClient:
    client = app.test_client()
    client.post("/login", data={"email": email, "password": password})
    return client


def made_user(app: Flask, ann: FlaskClient, email: str, role: str = "user") -> tuple[User, str]:
    """A user invited on the page, who has set a password by the link that it showed."""
    answer = ann.post(
        "/settings/users", data={"name": email.partition("@")[0], "email": email, "role": role}, follow_redirects=True
    )
    assert answer.status_code == 200, answer.text
    shown = re.search(r'id="new-link">[^<]+\?link=([^<]+)<', answer.text)
    assert shown is not None
    password = f"password of {email}"
    form = {"link": shown[1], "name": email.partition("@")[0], "password": password, "again": password}
    assert app.test_client().post("/set-password", data=form).status_code == 302
    return stored(app, email), password


# ---- roles ------------------------------------------------------------------------------------------------------------


def test_pages_of_admins_are_closed_to_users_and_not_offered_to_them(
    app: Flask, ann: FlaskClient, sam: FlaskClient
) -> None:
    admin_only = {
        rule.endpoint: rule
        for rule in app.url_map.iter_rules()
        if getattr(app.view_functions[rule.endpoint], "is_admin_only", False)
    }
    assert {"users.index", "workflows.index", "users.invite"} <= set(admin_only)
    for rule in admin_only.values():
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        method = "GET" if "GET" in (rule.methods or ()) else "POST"
        answer = sam.open(path, method=method)
        assert answer.status_code == 403, path
        assert "Only admins can open this page." in answer.text
    assert not re.search(r'href="/(settings|log"|inspector)', sam.get("/records/deals").text)
    assert 'href="/settings/"' in ann.get("/records/deals").text


def test_only_a_few_pages_need_no_login(app: Flask) -> None:
    public = {
        rule.rule for rule in app.url_map.iter_rules() if getattr(app.view_functions[rule.endpoint], "is_public", False)
    }
    # /notifications/live answers a stranger with nothing, so that a page that only waits is not sent to the login.
    assert public == {
        "/",
        "/setup",
        "/login",
        "/set-password",
        "/forgot-password",
        "/healthz",
        "/readyz",
        "/metrics",
        "/notifications/live",
    } | {rule for rule in public if rule.startswith("/inspect/")}


def test_a_role_changes_at_once(app: Flask, ann: FlaskClient) -> None:
    user, password = made_user(app, ann, "lee@example.com")
    assert log_in(app, user.email, password).get("/settings/users").status_code == 403
    ann.post(f"/settings/users/{user.id}", data={"role": "admin"})
    assert log_in(app, user.email, password).get("/settings/users").status_code == 200


def test_the_last_admin_can_neither_be_deactivated_nor_made_a_user(app: Flask, ann: FlaskClient) -> None:
    with app.extensions["webhookui"].db.write() as session:
        for user in accounts.all_users(session):
            if user.email != "ann@example.com":
                user.role = "user"
    made_user(app, ann, "ina@example.com")
    invited = ann.post("/settings/users", data={"name": "Not yet in", "email": "not.yet@example.com", "role": "admin"})
    assert invited.status_code == 303, "who has not set a password can't let anybody in"
    me = stored(app, "ann@example.com")
    for path, form in (("", {"role": "user"}), ("/active", {"active": "false"})):
        answer = ann.post(f"/settings/users/{me.id}{path}", data=form)
        assert answer.status_code == 422 and "last active admin" in answer.text
    assert stored(app, "ann@example.com").is_admin and ann.get("/settings/users").status_code == 200


def test_a_deactivated_user_is_out_at_once_and_back_when_activated(app: Flask, ann: FlaskClient) -> None:
    user, password = made_user(app, ann, "max@example.com")
    client = log_in(app, user.email, password)
    token = re.search(r'id="new-token">([^<]+)<', client.post("/account/tokens", data={"name": "t"}).text)
    assert token is not None
    headers = {"Authorization": f"Bearer {token[1]}"}
    assert app.test_client().get("/api/v1/modules", headers=headers).status_code == 200
    ann.post(f"/settings/users/{user.id}/active", data={"active": "false"})
    assert client.get("/records/deals").status_code == 302
    assert app.test_client().get("/api/v1/modules", headers=headers).status_code == 401
    again = app.test_client().post("/login", data={"email": user.email, "password": password})
    assert again.status_code == 422 and "The e-mail address or password is wrong." in again.text
    assert "deactivated" in ann.get("/settings/users").text
    ann.post(f"/settings/users/{user.id}/active", data={"active": "true"})
    assert log_in(app, user.email, password).get("/records/deals").status_code == 200
    assert client.get("/records/deals").status_code == 302, "the old session does not come back to life"
    assert app.test_client().get("/api/v1/modules", headers=headers).status_code == 401, "nor does the token"


def test_name_and_address_are_changed_and_said_at_their_fields_when_they_can_not_be(
    app: Flask, ann: FlaskClient
) -> None:
    user, password = made_user(app, ann, "typo@example.com")
    client = log_in(app, user.email, password)
    form = {"name": "Theo Tall", "email": "Theo@Example.com", "role": "user"}
    assert ann.post(f"/settings/users/{user.id}", data=form).status_code == 303
    assert client.get("/records/deals").status_code == 200, "neither ends a session"
    assert log_in(app, "theo@example.com", password).get("/account/").text.count("Theo Tall") > 0
    refused: list[tuple[dict[str, str], str]] = [
        ({"name": " "}, "Name is required"), ({"email": "theo"}, "not an e-mail address"),
        ({"email": "ann@example.com"}, "already a user"), ({"role": "owner"}, "A role is one of"),
    ]  # fmt: skip
    for changes, words in refused:
        answer = ann.post(f"/settings/users/{user.id}", data=form | {"name": "Typed"} | changes)
        assert answer.status_code == 422 and words in answer.text, changes
        if "name" not in changes:
            assert 'value="Typed"' in answer.text
    assert stored(app, "theo@example.com").name == "Theo Tall"


def test_a_user_that_is_not_there_is_404(ann: FlaskClient) -> None:
    assert ann.post("/settings/users/999999", data={"role": "user"}).status_code == 404


def test_the_audit_list_tells_who_did_what_and_no_secret(app: Flask, ann: FlaskClient) -> None:
    user, password = made_user(app, ann, "audited@example.com")
    ann.post(f"/settings/users/{user.id}", data={"role": "admin"})
    with app.extensions["webhookui"].db.read() as session:
        mine = [
            entry
            for entry in session.scalars(select(AuditEntry))
            if entry.subject_id == str(user.id) and entry.by == "Ann"
        ]
    assert [entry.action for entry in mine] == ["invited", "created a password link for", "changed"]
    assert mine[2].details == {"role": ["user", "admin"]}
    assert password not in str([entry.model_dump() for entry in mine])
    assert "audited" in ann.get("/settings/audit").text


# ---- tokens and passwords ---------------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_stored_as_a_hash(app: Flask, sam: FlaskClient) -> None:
    page = sam.post("/account/tokens", data={"name": "Nightly sync"}).text
    shown = re.search(r'id="new-token">([^<]+)<', page)
    assert shown is not None and shown[1].startswith("whui_") and len(shown[1]) > 40
    token = shown[1]
    again = sam.get("/account/").text
    assert token not in again and "Nightly sync" in again and "never used" in again
    with app.extensions["webhookui"].db.read() as session:
        row = session.scalars(select(ApiToken).where(ApiToken.name == "Nightly sync")).one()
    assert token not in str(row.model_dump()) and row.token_hash != token and token.startswith(row.hint)
    assert app.test_client().get("/api/v1/modules", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert "last used" in sam.get("/account/").text


def test_a_deleted_token_is_refused_and_nobody_deletes_anothers(app: Flask, ann: FlaskClient, sam: FlaskClient) -> None:
    shown = re.search(r'id="new-token">([^<]+)<', sam.post("/account/tokens", data={"name": "Mine"}).text)
    assert shown is not None
    headers = {"Authorization": f"Bearer {shown[1]}"}
    with app.extensions["webhookui"].db.read() as session:
        row = session.scalars(select(ApiToken).where(ApiToken.name == "Mine")).one()
    ann.post(f"/account/tokens/{row.id}/delete")
    assert app.test_client().get("/api/v1/modules", headers=headers).status_code == 200
    sam.post(f"/account/tokens/{row.id}/delete")
    assert app.test_client().get("/api/v1/modules", headers=headers).status_code == 401


def test_passwords_are_hashed_with_argon2_and_a_salt_each(app: Flask, ann: FlaskClient, sam: FlaskClient) -> None:
    first, second = stored(app, pages.ADMIN[0]), stored(app, pages.USER[0])
    assert pages.ADMIN[1] == pages.USER[1]
    assert first.password_hash.startswith("$argon2id$") and first.password_hash != second.password_hash
    folder = app.extensions["webhookui"].settings.instance
    for file in folder.glob("webhookui.db*"):
        assert pages.ADMIN[1].encode() not in file.read_bytes()


def test_the_key_file_is_for_its_owner_alone(app: Flask) -> None:
    assert app.extensions["webhookui"].settings.key_file.stat().st_mode & 0o777 == 0o600
