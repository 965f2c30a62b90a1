"""People who are changed, invited and let in by several processes at the same moment (specification section 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import select

from tests.conftest import BOTH, database_url
from tests.support import prepared
from webhookui.installation import Installation, open_installation
from webhookui.people import accounts, password_links, sessions
from webhookui.people.accounts import InvalidUser
from webhookui.people.password_links import LinkUnusable
from webhookui.people.tables import UserSession
from webhookui.settings import Settings

OLD, NEW = "the old password", "the new password"


@pytest.fixture(params=BOTH, scope="module")
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Installation]]:
    """The same database, opened twice, as two processes do."""
    folder: Path = tmp_path_factory.mktemp("two")
    url = database_url(request.param, request)
    if not url:
        prepared.copy_to(folder, people=False)
    both = [open_installation(Settings(instance=folder, database_url=url)) for _ in range(2)]  # type: ignore[call-arg]
    yield both
    for installation in both:
        installation.close()


def at_once(*calls: Callable[[], object]) -> list[str]:
    """What each says, or raises, when all begin together."""
    start, answers = Barrier(len(calls)), [""] * len(calls)

    def run(number: int) -> None:
        start.wait(20)
        try:
            answers[number] = str(calls[number]())
        except (InvalidUser, LinkUnusable) as error:
            answers[number] = str(error)

    threads = [Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def test_of_two_who_send_the_same_link_one_gets_it(two: list[Installation]) -> None:
    with two[0].db.write() as session:
        user = accounts.create_user(session, email="invited@example.com", name="I", password=None)
        token = password_links.create(session, user, "invitation", "tests").token

    def use(installation: Installation, name: str) -> str:
        with installation.db.write() as session:
            return accounts.set_password_by_link(session, token, password=NEW, name=name).name

    answers = at_once(lambda: use(two[0], "First"), lambda: use(two[1], "Second"))
    assert len({"First", "Second"} & set(answers)) == 1 and "This link was used already." in answers


@pytest.mark.parametrize("round_number", range(5))
def test_of_two_admins_who_demote_each_other_one_stays(two: list[Installation], round_number: int) -> None:
    names = [f"{name}{round_number}@example.com" for name in ("one", "other")]
    with two[0].db.write() as session:
        for user in accounts.all_users(session):
            user.role = "user"
        for email in names:
            accounts.create_user(session, email=email, name=email, password=OLD, role="admin")

    def demote(installation: Installation, email: str, by: str) -> str:
        with installation.db.write() as session:
            user, admin = accounts.by_email(session, email), accounts.by_email(session, by)
            accounts.change_user(session, user, by=admin, role="user")
        return "demoted"

    answers = at_once(lambda: demote(two[0], *names), lambda: demote(two[1], *reversed(names)))
    assert sorted(answer[:7] for answer in answers) == ["This is", "demoted"]


@pytest.mark.parametrize("round_number", range(5))
def test_a_login_with_the_old_password_does_not_outlive_the_change(two: list[Installation], round_number: int) -> None:
    email = f"login{round_number}@example.com"
    with two[0].db.write() as session:
        user_id = accounts.create_user(session, email=email, name="L", password=OLD).id

    def log_in() -> str:
        with two[0].db.write() as session:
            user = accounts.authenticate(session, email, OLD)
            return sessions.begin(session, user) if user is not None else "refused"

    def change() -> str:
        with two[1].db.write() as session:
            accounts.set_password(session, accounts.by_email(session, email), NEW, "tests")
        return "changed"

    at_once(log_in, change)
    with two[0].db.read() as session:
        assert session.scalars(select(UserSession).where(UserSession.user_id == user_id)).all() == []


def test_another_process_lets_nobody_in_who_was_deactivated(two: list[Installation]) -> None:
    with two[0].db.write() as session:
        user = accounts.create_user(session, email="off@example.com", name="Off", password=OLD)
        token = sessions.begin(session, user)
    with two[1].db.read() as session:
        assert sessions.user_of(session, token) is not None
    with two[0].db.write() as session:
        user = accounts.get(session, user.id or 0)
        accounts.change_user(session, user, by=user, active=False)
    with two[1].db.read() as session:
        assert sessions.user_of(session, token) is None
