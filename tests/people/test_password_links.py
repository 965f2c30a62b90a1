"""Invitations, new passwords and forgotten ones: links that work once and for a limited time (specification section 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests.support import pages
from tests.support.mail_server import MailServer, mail_server
from webhookui.core.database import now
from webhookui.installation import Installation
from webhookui.notifications import mail_settings, outgoing_mail
from webhookui.notifications.mail_content import PRIVATE_LINK
from webhookui.notifications.mail_sender import MailSender, kept_file
from webhookui.notifications.mail_settings import SmtpServer
from webhookui.notifications.tables import OutgoingMail
from webhookui.people import accounts, password_links
from webhookui.people.password_links import LASTS, REMEMBERED
from webhookui.people.tables import AuditEntry, PasswordLink, User
from webhookui.web.security import limiter

PASSWORD = "a horse of my own"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("links")) as app:
        yield app


@pytest.fixture
def installation(app: Flask) -> Installation:
    installation: Installation = app.extensions["webhookui"]
    pages.empty(installation.db, "stored_setting", "outgoing_mail", "mail_server", "password_link")
    return installation


@pytest.fixture
def ann(app: Flask, installation: Installation) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture
def server(installation: Installation, ann: FlaskClient) -> Iterator[MailServer]:
    with mail_server() as started:
        with installation.db.write() as session:
            by = accounts.by_email(session, pages.ADMIN[0])
            smtp = SmtpServer("127.0.0.1", started.port, "none", "crm@example.com")
            mail_settings.save(session, installation.box, smtp, by)
        yield started


def work(installation: Installation) -> None:
    MailSender(installation.settings, installation.db, installation.box, "a worker").work()


def link_on(page: str) -> str:
    """The path of the link that a page shows once."""
    shown = re.search(r'id="new-link">https?://[^/<]+(/set-password\?link=[^<]+)<', page)
    assert shown is not None, page
    return shown[1]


def invited(ann: FlaskClient, email: str, role: str = "user") -> str:
    name = email.partition("@")[0].title()
    answer = ann.post("/settings/users", data={"name": name, "email": email, "role": role}, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    return link_on(answer.text)


def follow(client: FlaskClient, path: str, **changes: str) -> Any:
    form = {"link": path.partition("=")[2], "name": "Kim Own", "password": PASSWORD, "again": PASSWORD}
    return client.post("/set-password", data=form | changes)


def stored(installation: Installation, email: str) -> User:
    with installation.db.read() as session:
        return accounts.by_email(session, email)


# ---- invitations ------------------------------------------------------------------------------------------------------


def test_who_is_invited_sets_a_name_and_a_password_and_is_in(
    app: Flask, ann: FlaskClient, installation: Installation
) -> None:
    path = invited(ann, "kim@example.com")
    assert "invited" in ann.get("/settings/users").text
    kim = app.test_client()
    assert kim.post("/login", data={"email": "kim@example.com", "password": ""}).status_code == 422
    form = kim.get(path)
    assert form.status_code == 200 and 'value="Kim"' in form.text and "kim@example.com" in form.text
    assert form.headers["Cache-Control"] == "no-store"
    answer = follow(kim, path, time_zone="Europe/Prague")
    assert answer.headers["Location"] == "/"
    assert kim.get("/records/deals").status_code == 200 and kim.get("/settings/users").status_code == 403
    user = stored(installation, "kim@example.com")
    assert (user.name, user.time_zone, user.is_invited) == ("Kim Own", "Europe/Prague", False)
    again = app.test_client().post("/login", data={"email": "kim@example.com", "password": PASSWORD})
    assert again.status_code == 302


def test_opening_a_link_uses_nothing_up_and_sending_its_form_does(app: Flask, ann: FlaskClient) -> None:
    path = invited(ann, "lea@example.com")
    for _ in range(3):
        assert app.test_client().get(path).status_code == 200
    assert follow(app.test_client(), path).status_code == 302
    for answer in (
        app.test_client().get(path),
        follow(app.test_client(), path, password="another password", again="another password"),
    ):
        assert answer.status_code == 410
        assert "This link was used already." in answer.text and "Log in with the password" in answer.text


def test_a_new_link_makes_the_old_one_void_and_says_so(
    app: Flask, ann: FlaskClient, installation: Installation
) -> None:
    old = invited(ann, "max@example.com")
    user = stored(installation, "max@example.com")
    new = link_on(ann.post(f"/settings/users/{user.id}/link", follow_redirects=True).text)
    answer = follow(app.test_client(), old)
    assert answer.status_code == 410 and "no longer valid" in answer.text and "newest link" in answer.text
    assert follow(app.test_client(), new).status_code == 302


@pytest.mark.parametrize("kind", LASTS)
def test_a_link_works_until_its_time_is_over_and_then_says_what_to_do(
    app: Flask, ann: FlaskClient, installation: Installation, kind: str
) -> None:
    with installation.db.write() as session:
        link = password_links.create(session, accounts.by_email(session, pages.ADMIN[0]), kind, "tests")
    assert timedelta(0) < now() + LASTS[kind] - link.expires_at < timedelta(minutes=1)
    assert app.test_client().get(link.path).status_code == 200
    with installation.db.write() as session:
        session.execute(update(PasswordLink).values(expires_at=now() - timedelta(seconds=1)))
    answer = follow(app.test_client(), link.path)
    assert answer.status_code == 410 and "has expired" in answer.text and "Ask an admin" in answer.text
    assert (
        app.test_client().post("/login", data={"email": pages.ADMIN[0], "password": pages.ADMIN[1]}).status_code == 302
    )


@pytest.mark.parametrize("token", ["", "guessed", "%00", "é", "x" * 5000])
def test_a_link_that_nobody_made_says_what_to_do(app: Flask, ann: FlaskClient, token: str) -> None:
    answer = app.test_client().get(f"/set-password?link={token}")
    assert answer.status_code == 410 and "not complete" in answer.text and "Copy the whole address" in answer.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"password": "short", "again": "short"}, "At least 10"), ({"again": "another"}, "do not match"),
     ({"name": " "}, "required")],
)  # fmt: skip
def test_what_is_wrong_stands_at_its_field_and_the_link_still_works(
    app: Flask, ann: FlaskClient, installation: Installation, changes: dict[str, str], words: str
) -> None:
    path = invited(ann, f"wrong{len(words)}@example.com")
    answer = follow(app.test_client(), path, **changes)
    assert answer.status_code == 422 and words in answer.text and PASSWORD not in answer.text
    if "name" not in changes:
        assert 'value="Kim Own"' in answer.text
    assert stored(installation, f"wrong{len(words)}@example.com").is_invited
    assert follow(app.test_client(), path).status_code == 302


def test_only_the_hash_of_a_link_is_stored(ann: FlaskClient, installation: Installation) -> None:
    token = invited(ann, "hash@example.com").partition("=")[2]
    user = stored(installation, "hash@example.com")
    assert token not in ann.get("/settings/users").text + ann.get(f"/settings/users/{user.id}").text, "it is shown once"
    for file in installation.settings.instance.glob("webhookui.db*"):
        assert token.encode() not in file.read_bytes(), file


def test_links_of_long_ago_are_forgotten(ann: FlaskClient, installation: Installation) -> None:
    invited(ann, "old@example.com")
    with installation.db.write() as session:
        session.execute(update(PasswordLink).values(expires_at=now() - REMEMBERED - timedelta(seconds=1)))
    invited(ann, "new@example.com")
    with installation.db.read() as session:
        assert len(session.scalars(select(PasswordLink)).all()) == 1


def test_an_invitation_that_can_not_be_sent_out_says_why_at_the_field(ann: FlaskClient) -> None:
    answer = ann.post("/settings/users", data={"name": "Typed", "email": "ann@example.com", "role": "user"})
    assert answer.status_code == 422
    assert "There is already a user with this e-mail address." in answer.text and 'value="Typed"' in answer.text
    answer = ann.post("/settings/users", data={"name": "Typed", "email": "x@example.com", "role": "owner"})
    assert answer.status_code == 422 and "A role is one of" in answer.text


# ---- a new password by an admin ---------------------------------------------------------------------------------------


def test_a_link_to_a_new_password_ends_the_sessions_when_it_is_used(
    app: Flask, ann: FlaskClient, installation: Installation
) -> None:
    sam = pages.user(app)
    user = stored(installation, pages.USER[0])
    page = ann.post(f"/settings/users/{user.id}/link", follow_redirects=True).text
    path = link_on(page)
    assert sam.get("/records/deals").status_code == 200, "until then nothing changes"
    fresh = app.test_client()
    assert 'name="name"' not in fresh.get(path).text
    assert follow(fresh, path).status_code == 302
    assert fresh.get("/records/deals").status_code == 200 and sam.get("/records/deals").status_code == 302
    assert stored(installation, pages.USER[0]).name == user.name
    with installation.db.write() as session:
        accounts.set_password(session, accounts.by_email(session, pages.USER[0]), pages.USER[1], "tests")


VOIDS = {
    "a deactivation": lambda session, user: accounts.change_user(session, user, by=user, active=False),
    "another e-mail address": lambda session, user: accounts.change_user(
        session, user, by=user, email="moved@example.com"
    ),
    "a password that is set otherwise": lambda session, user: accounts.set_password(session, user, PASSWORD, user),
}


@pytest.mark.parametrize("what", VOIDS)
def test_what_changes_the_account_makes_its_links_void(app: Flask, installation: Installation, what: str) -> None:
    with installation.db.write() as session:
        user = accounts.create_user(session, email=f"{len(what)}@example.com", name="V", password=PASSWORD)
        link = password_links.create(session, user, "new_password", "tests")
        VOIDS[what](session, user)
    answer = follow(app.test_client(), link.path)
    assert answer.status_code == 410 and "no longer valid" in answer.text
    with installation.db.write() as session:  # nor does it come back to life
        accounts.change_user(
            session, accounts.get(session, user.id or 0), by=user, active=True, email=f"m{len(what)}@example.com"
        )
    assert follow(app.test_client(), link.path).status_code == 410


def test_nobody_makes_a_link_for_who_is_deactivated(app: Flask, ann: FlaskClient, installation: Installation) -> None:
    pages.with_account(app, "gone@example.com", PASSWORD, "user")
    user = stored(installation, "gone@example.com")
    ann.post(f"/settings/users/{user.id}/active", data={"active": "false"})
    answer = ann.post(f"/settings/users/{user.id}/link")
    assert answer.status_code == 422 and "activate the account first" in answer.text


# ---- mails ------------------------------------------------------------------------------------------------------------


def test_an_invitation_goes_out_by_mail_and_no_stored_mail_says_the_link(
    app: Flask, ann: FlaskClient, installation: Installation, server: MailServer
) -> None:
    path = invited(ann, "mail@example.com")
    with installation.db.read() as session:
        waiting = session.scalars(select(OutgoingMail)).one()
    assert path.partition("=")[2] not in str(waiting.model_dump()) and PRIVATE_LINK in waiting.text
    assert path.partition("=")[2] not in ann.get(f"/settings/mail/outgoing/{waiting.id}.eml").text
    work(installation)
    mail = server.wait_for(1)[0]
    assert mail["To"] == "mail@example.com" and str(mail["Subject"]).startswith("Ann invites you")
    body = mail.get_body(("plain",))
    assert body is not None
    address = re.search(r"https?://\S+(/set-password\?link=\S+)", body.get_content())
    assert address is not None and address[1] == path
    html = mail.get_body(("html",))
    assert html is not None and f'href="{installation.settings.address}{path}"' in html.get_content()
    with installation.db.read() as session:
        sent = session.scalars(select(OutgoingMail)).one()
    assert sent.status == "sent" and sent.sealed_link is None
    assert follow(app.test_client(), path).status_code == 302


def test_without_a_server_nothing_is_mailed_and_the_page_says_so(ann: FlaskClient, installation: Installation) -> None:
    form = {"name": "No", "email": "no@example.com", "role": "user"}
    assert "no SMTP server is set" in ann.post("/settings/users", data=form, follow_redirects=True).text
    with installation.db.read() as session:
        assert session.scalars(select(OutgoingMail)).all() == []


def test_a_mail_that_is_kept_says_no_link_and_goes_out_with_it_later(
    ann: FlaskClient, installation: Installation, server: MailServer
) -> None:
    path = invited(ann, "kept@example.com")
    ann.post("/settings/mail/remove")
    work(installation)
    with installation.db.read() as session:
        kept = session.scalars(select(OutgoingMail)).one()
    assert kept.status == "kept"
    assert path.partition("=")[2].encode() not in kept_file(installation.settings, kept).read_bytes().replace(
        b"=\r\n", b""
    )
    with installation.db.write() as session:
        smtp = SmtpServer("127.0.0.1", server.port, "none", "crm@example.com")
        mail_settings.save(session, installation.box, smtp, accounts.by_email(session, pages.ADMIN[0]))
        assert outgoing_mail.reencrypt(session, installation.box) == 1
        outgoing_mail.send_again(session)
    work(installation)
    body = server.wait_for(1)[0].get_body(("plain",))
    assert body is not None and path in body.get_content()


# ---- forgotten --------------------------------------------------------------------------------------------------------


def ask(app: Flask, email: str) -> str:
    """The page that answers; it is closed as a browser's connection is, and only then is anything looked up."""
    with app.test_client().post("/forgot-password", data={"email": email}) as answer:
        assert answer.status_code == 200
        return answer.text


def test_a_forgotten_password_is_set_anew_by_a_mailed_link(
    app: Flask, installation: Installation, server: MailServer
) -> None:
    assert 'href="/forgot-password"' in app.test_client().get("/login").text
    pages.with_account(app, "forgot@example.com", PASSWORD, "user")
    ask(app, " Forgot@Example.com ")
    work(installation)
    body = server.wait_for(1)[0].get_body(("plain",))
    assert body is not None
    address = re.search(r"/set-password\?link=\S+", body.get_content())
    assert address is not None
    assert follow(app.test_client(), address[0], password="a new password", again="a new password").status_code == 302
    good = app.test_client().post("/login", data={"email": "forgot@example.com", "password": "a new password"})
    assert good.status_code == 302


def test_the_answer_tells_nobody_which_addresses_are_accounts(
    app: Flask, installation: Installation, server: MailServer
) -> None:
    pages.with_account(app, "off@example.com", PASSWORD, "user")
    with installation.db.write() as session:
        off = accounts.by_email(session, "off@example.com")
        accounts.change_user(session, off, by=off, active=False)
    asked = ("ann@example.com", "nobody@example.com", "off@example.com", "no address")
    answers = {re.sub(r"csrf[^>]*>", "", ask(app, email), flags=re.I).replace(email, "…") for email in asked}
    assert len(answers) == 1 and "is on its way" in answers.pop()
    work(installation)
    assert [str(mail["To"]) for mail in server.wait_for(1)] == ["ann@example.com"]


def test_one_account_is_sent_one_mail_in_a_while(app: Flask, installation: Installation, server: MailServer) -> None:
    for _ in range(3):
        ask(app, "ann@example.com")
    with installation.db.read() as session:
        assert len(session.scalars(select(OutgoingMail)).all()) == 1
        entries = session.scalars(select(AuditEntry).where(AuditEntry.by == "login page")).all()
    assert entries[-1].action == "created a password link for" and entries[-1].details == {"kind": "forgotten"}


def test_asking_is_throttled(app: Flask, installation: Installation, server: MailServer) -> None:
    app.config["RATELIMIT_ENABLED"] = True
    limiter.enabled = True
    try:
        limiter.reset()
        codes = [
            app.test_client().post("/forgot-password", data={"email": "x@example.com"}).status_code for _ in range(11)
        ]
        assert codes == [200] * 10 + [429]
    finally:
        limiter.reset()
        limiter.enabled = False
        app.config["RATELIMIT_ENABLED"] = False


def test_without_a_server_the_page_says_whom_to_ask(app: Flask, ann: FlaskClient) -> None:
    login = app.test_client().get("/login").text
    assert "/forgot-password" not in login and "An admin of your team" in login
    assert "Ask an admin" in app.test_client().get("/forgot-password").text
