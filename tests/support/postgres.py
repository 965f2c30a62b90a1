"""A real PostgreSQL server for the tests, on a socket in a folder of its own, and a fresh database for whoever asks.

PostgreSQL refuses to run as root; then it runs as the user `postgres` or `nobody`, who must get at the folder: it is not
among pytest's, which are closed to others.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.support import prepared

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300", "listen_addresses=")

MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30
"""Bytes."""


def programs() -> Path | None:
    """The folder of the newest server programs of this machine."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    folders = [
        candidate
        for place in PLACES
        for candidate in Path("/").glob(place.lstrip("/"))
        if (candidate / "initdb").exists()
    ]
    return max(folders, key=_version, default=None)


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]


class Server:
    """A running server. `database()` makes a new database, migrated and seeded unless it is to be empty, and gives its URL."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self._prepared = ""

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self._folder), user="postgres", dbname="postgres", autocommit=True)

    def database(self, *, empty: bool = False) -> str:
        if empty:
            return self._url(self._create())
        if not self._prepared:
            self._prepared = self._create()
            with tempfile.TemporaryDirectory() as folder:
                prepared.prepare(Path(folder), self._url(self._prepared), people=False)
        return self._url(self._create(self._prepared))

    def _create(self, template: str = "template1") -> str:
        self._number += 1
        name = f"test_{self._number}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[arg-type]
        return name

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"


def _in_memory() -> Path | None:
    """Where there is room for its files in memory: a new database takes a tenth of the time that it takes on a slow disk."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        return MEMORY
    return None


@contextmanager
def server(bin_folder: Path) -> Iterator[Server]:
    """Starts a server and stops it, whatever happens in between."""
    folder = Path(tempfile.mkdtemp(prefix="webhookui-pg-", dir=_in_memory()))
    other: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = _unprivileged()
        os.chown(folder, user.pw_uid, user.pw_gid)
        other = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    try:
        how = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        _run([bin_folder / "initdb", "-D", folder / "data", *how], folder, other)
        settings = [word for setting in (*FAST, f"unix_socket_directories={folder}") for word in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [bin_folder / "postgres", "-D", folder / "data", *settings], stdout=log, stderr=log, cwd=folder, **other
            )
        try:
            _wait(process, folder)
            yield Server(folder)
        finally:
            process.send_signal(2)  # ends sessions, then the server
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("There is no user postgres or nobody to run PostgreSQL as.")


def _run(command: list[Any], folder: Path, other: dict[str, Any]) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **other)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr}")


def _wait(process: subprocess.Popen[bytes], folder: Path) -> None:
    from tests.support.running import until

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            Server(folder).connect().close()
        except psycopg.OperationalError:
            return False
        return True

    until(answers, 30, lambda: (folder / "log").read_text())
