"""Nothing in the data folder can be opened by others on the machine, whatever the umask and however old it is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.older import with_one_more_migration
from tests.support.running import running
from webhookui.core import private_files
from webhookui.installation import open_installation
from webhookui.settings import Settings


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def readable(folder: Path) -> dict[str, str]:
    """What somebody else can open, but for what is not ours: file → mode."""
    paths = [folder, *folder.rglob("*")]
    ours = [path for path in paths if path.name != "run.log"]  # what the test itself writes
    return {str(path): oct(path.stat().st_mode & 0o777) for path in ours if path.stat().st_mode & 0o077}


def test_a_running_installation_leaves_nothing_open(tmp_path: Path, open_umask: None) -> None:
    folder = tmp_path / "new" / "data"
    with running(folder) as installation:
        installation.call("POST", "/records/deals", {"values": {"name": "Private"}})
        names = {path.name for path in folder.iterdir()}
        assert {
            "webhookui.db",
            "webhookui.db-wal",
            "queue.db",
            "queue.db-wal",
            "webhookui.db.lock",
            "secret.key",
        } <= names
        assert readable(folder) == {}


def test_what_an_earlier_version_left_open_is_closed_at_the_start(
    tmp_path: Path, open_umask: None, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    open_installation(Settings(instance=tmp_path)).close()  # type: ignore[call-arg]
    with_one_more_migration(monkeypatch, tmp_path_factory.mktemp("versions"))
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "1.eml").write_text("Dear Ann")
    (tmp_path / "queue.db").touch()
    (tmp_path / "notes.txt").write_text("somebody else's")
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    open_installation(Settings(instance=tmp_path)).close()  # type: ignore[call-arg]
    assert list(readable(tmp_path)) == [str(tmp_path / "notes.txt")]
    assert (tmp_path / "backups").is_dir()


def test_a_database_and_a_key_that_lie_elsewhere_are_closed_too(tmp_path: Path, open_umask: None) -> None:
    settings = Settings(  # type: ignore[call-arg]
        instance=tmp_path / "a",
        database_url=f"sqlite:///{tmp_path / 'b' / 'crm.db'}",
        secret_key_file=tmp_path / "c" / "key",
    )
    open_installation(settings).close()
    (tmp_path / "b" / "crm.db").chmod(0o644)
    (tmp_path / "c" / "key").chmod(0o644)
    open_installation(settings).close()
    tmp_path.chmod(0o700)
    assert readable(tmp_path) == {}


def test_doctor_names_what_others_can_open(tmp_path: Path) -> None:
    environment = os.environ | {"WEBHOOKUI_INSTANCE": str(tmp_path)}
    open_installation(Settings(instance=tmp_path)).close()  # type: ignore[call-arg]
    (tmp_path / "queue.db").chmod(0o644)
    assert private_files.exposed(tmp_path) == [tmp_path / "queue.db"]
    done = subprocess.run(
        [sys.executable, "-m", "webhookui", "doctor"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"{tmp_path / 'queue.db'} can be read by others" in done.stdout and "chmod go-rwx" in done.stdout
