"""What lies in the data folder is for the user that runs webhookui alone, whatever the umask (specification section 9)."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FILE, FOLDER = 0o600, 0o700
PATTERNS = ("*.db", "*.db-wal", "*.db-shm", "*.db-journal", "*.db.lock", "mail/*", "backups/*")
"""Our files in the data folder. Others that somebody has put there are left as they are."""


def make_file(path: str | Path) -> None:
    """Makes the file unless it is there: SQLite and Huey would make theirs by the umask. Side files of SQLite follow it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, FILE))


def write(path: Path, content: bytes) -> None:
    """Writes the file so that it is there whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def make_folder(folder: Path) -> None:
    folder.mkdir(mode=FOLDER, parents=True, exist_ok=True)


def close_folder(instance: Path, *others: Path) -> None:
    """Takes everybody else's rights on the data folder and our files away: earlier versions left some. `others`: files of ours
    that may lie elsewhere. What belongs to somebody else is left to `exposed`."""
    for path, mode in _ours(instance, others):
        if path.stat().st_mode & 0o777 & ~mode:
            with suppress(PermissionError):
                path.chmod(path.stat().st_mode & mode)


def exposed(instance: Path, *others: Path) -> list[Path]:
    """Those that others on the machine can still open."""
    return [path for path, mode in _ours(instance, others) if path.stat().st_mode & 0o777 & ~mode]


def _ours(instance: Path, others: tuple[Path, ...]) -> Iterator[tuple[Path, int]]:
    for folder in (instance, instance / "mail", instance / "backups"):
        if folder.is_dir():
            yield folder, FOLDER
    files = {path for pattern in PATTERNS for path in instance.glob(pattern)} | set(others)
    yield from ((path, FILE) for path in sorted(files) if path.is_file())
