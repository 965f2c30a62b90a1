"""Data folders and databases that are there at once: migrated, seeded, with an admin when wanted, copied from one made before.

The first start on an empty folder or database has tests of its own (tests/test_migrations.py, tests/test_command_line.py,
tests/browser/test_first_five_minutes.py).
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy.orm import Session

from webhookui.installation import open_installation
from webhookui.people import accounts, tokens
from webhookui.people.tables import User
from webhookui.settings import Settings

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"


@dataclass(frozen=True)
class Prepared:
    folder: Path
    token: str
    """Of the admin; empty when there is nobody."""


_folders: list[Path] = []


@atexit.register
def remove() -> None:
    """What copies are made from. The tests' processes do not come to their exit functions and call it themselves."""
    while _folders:
        shutil.rmtree(_folders.pop(), ignore_errors=True)


@cache
def _prepared(*, people: bool) -> Prepared:
    folder = Path(tempfile.mkdtemp(prefix="webhookui-prepared-"))
    _folders.append(folder)
    return Prepared(folder, prepare(folder, people=people))


def prepare(folder: Path, database_url: str = "", *, people: bool) -> str:
    """Migrates the database, seeds it and makes an admin if wanted; gives a token of hers."""
    installation = open_installation(Settings(instance=folder, database_url=database_url))  # type: ignore[call-arg]
    token = ""
    if people:
        with installation.db.write() as session:
            token = tokens.create(session, ann(session), "tests")
    installation.close()
    return token


def ann(session: Session) -> User:
    """The admin, made unless she is there."""
    try:
        return accounts.by_email(session, EMAIL)
    except accounts.UserNotFound:
        return accounts.create_user(session, email=EMAIL, name="Ann Admin", password=PASSWORD, role="admin")


def copy_to(folder: Path, *, people: bool) -> str:
    """Makes the folder, which is empty, a data folder over SQLite; gives the admin's token."""
    prepared = _prepared(people=people)
    shutil.copytree(prepared.folder, folder, dirs_exist_ok=True)
    return prepared.token
