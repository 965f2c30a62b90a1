"""Every command × everything that can be wrong with an installation: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tests.support import prepared
from webhookui import cli

COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("--port", "0"), "web": ("--port", "0"), "worker": (), "user create": ("kim@example.com",),
    "token create": ("ann@example.com",), "workflows import": ("-",), "workflows export": (), "demo": (), "doctor": (),
    "backup": ("copy.db",), "compact": (), "keys rotate": (), "records import": ("contacts", "-"),
    "records export": ("contacts",), "user password": ("ann@example.com",),
}  # fmt: skip
"""Command → its arguments."""


def newer(folder: Path) -> None:
    with sqlite3.connect(folder / "webhookui.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def no_database(folder: Path) -> None:
    for file in folder.glob("webhookui.db*"):
        file.unlink()
    (folder / "webhookui.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)


def broken_key(folder: Path) -> None:
    (folder / "secret.key").write_text("no key\n")


SITUATIONS: dict[str, tuple[dict[str, str], Callable[[Path], None] | None, int, str]] = {
    "a nonsense URL": ({"DATABASE_URL": "nonsense"}, None, 2, "WEBHOOKUI_DATABASE_URL is “nonsense”. It must be empty, sqlite:"),
    "another database": ({"DATABASE_URL": "mysql://a.example/b"}, None, 2, "postgresql+psycopg://"),
    "a driver that is not there": ({"DATABASE_URL": "postgresql://u:s3cret@h/n"}, None, 2, "has a value that is not shown here"),
    "a bad network": (
        {"ALLOWED_NETWORKS": "10.0.0.0/8,10.0.0.0/99"}, None, 2,
        "WEBHOOKUI_ALLOWED_NETWORKS is “10.0.0.0/8,10.0.0.0/99”. It must be networks",
    ),
    "a server that is not there": (
        {"DATABASE_URL": "postgresql+psycopg://u:s3cret@127.0.0.1:1/n?connect_timeout=2"}, None, 1, "refused",
    ),
    "a folder that is a file": ({"INSTANCE": "/dev/null"}, None, 1, "/dev/null"),
    "a folder that can't be made": ({"INSTANCE": "/proc/nowhere/data"}, None, 1, "/proc/nowhere"),
    "a newer database": ({}, newer, 1, "9999"),
    "no database": ({}, no_database, 1, "not a database"),
    "a broken key file": ({}, broken_key, 1, "is not a key file"),
    "a folder for a key": ({"SECRET_KEY_FILE": "/proc"}, None, 1, "/proc"),
}  # fmt: skip
"""What is wrong → settings, what is done to the data folder, the exit code, words of the sentence."""


def invoke(folder: Path, words: tuple[str, ...], **settings: str) -> Result:
    environment = {"WEBHOOKUI_INSTANCE": str(folder)} | {f"WEBHOOKUI_{name}": value for name, value in settings.items()}
    return CliRunner().invoke(cli.main, words, input="[]\n", env=environment)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_command_says_what_is_wrong(tmp_path: Path, situation: str) -> None:
    settings, spoil, code, words = SITUATIONS[situation]
    prepared.copy_to(tmp_path, people=True)
    if spoil is not None:
        spoil(tmp_path)
    for command, arguments in COMMANDS.items():
        done = invoke(tmp_path, (*command.split(), *arguments), **settings)
        assert done.exception is None or isinstance(done.exception, SystemExit), f"{command}: {done.exc_info}"
        assert done.exit_code == code, f"{command}: {done.output}"
        assert words in done.output and "Traceback" not in done.output and "s3cret" not in done.output, (
            f"{command}: {done.output}"
        )
        assert "pydantic" not in done.output and "validation" not in done.output, done.output


def test_every_command_is_in_the_table() -> None:
    names = set()
    for name, command in cli.main.commands.items():
        inner = command.commands if isinstance(command, click.Group) else {}
        names |= {f"{name} {subcommand}" for subcommand in inner} or {name}
    assert names - {"bench"} == set(COMMANDS)


SETTINGS = [
    ("PORT", "eighty", "“eighty”. It must be a whole number from 0 to 65535."),
    ("WORKERS", "0", "“0”. It must be a whole number, 1 or more."),
    ("RETRY_DELAYS", "1,soon", "“1,soon”. It must be whole numbers of seconds separated by commas"),
    ("RETRY_JITTER", "2", "“2”. It must be a number from 0 to 1."),
    ("DRAIN_RATE", "0", "“0”. It must be a number above 0."),
    ("SECURE_COOKIES", "perhaps", "“perhaps”. It must be true or false."),
    ("LOGIN_LIMIT", "a few", "“a few”. It must be limits such as 10 per minute; 50 per hour."),
    ("LOG_LEVEL", "LOUD", "“LOUD”. It must be one of DEBUG, INFO, WARNING, ERROR."),
    ("TIME_ZONE", "Mars/Olympus", "“Mars/Olympus”. It must be a time zone such as Europe/Prague."),
    ("BASE_URL", "crm.example.com", "“crm.example.com”. It must be an address such as"),
    ("DATABASE_URL", "sqlite://", "It must be empty, sqlite:////folder/file.db"),
]


@pytest.mark.parametrize(("name", "value", "words"), SETTINGS)
def test_a_mistake_in_a_setting_names_the_variable_its_value_and_what_is_allowed(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    done = invoke(tmp_path, ("doctor",), **{name: value})
    assert done.exit_code == 2 and done.stderr.startswith(f"WEBHOOKUI_{name} is ") and words in done.stderr
    assert len(done.stderr.splitlines()) == 1, "one sentence for a setting, whatever else is wrong in it"


def test_a_name_that_is_no_setting_is_told_with_the_closest_one_and_without_its_value(tmp_path: Path) -> None:
    prepared.copy_to(tmp_path, people=True)
    done = invoke(tmp_path, ("token", "create", "ann@example.com"), WORKRES="s3cret", SOMETHING_ELSE="x")
    assert done.exit_code == 0 and done.stdout.startswith("whui_") and len(done.stdout.splitlines()) == 1
    assert "WEBHOOKUI_WORKRES is not a setting and is ignored. Did you mean WEBHOOKUI_WORKERS?" in done.stderr
    assert "WEBHOOKUI_SOMETHING_ELSE is not a setting" in done.stderr and "s3cret" not in done.output
    done = invoke(tmp_path, ("doctor",), WORKRES="4")
    assert done.exit_code == 1 and "WRONG  settings: WEBHOOKUI_WORKRES is not a setting" in done.stdout
