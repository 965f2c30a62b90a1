"""`webhookui doctor`: what is right and wrong with an installation, and how to fix it (specification section 11)."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from webhookui.core import private_files
from webhookui.core.database import Database
from webhookui.core.secrets import SecretBox, SecretUnreadable
from webhookui.definitions.tables import WorkflowWebhook
from webhookui.delivery_log import queue_health
from webhookui.migrations import revisions
from webhookui.notifications import mail_settings, outgoing_mail, smtp
from webhookui.people import accounts
from webhookui.settings import Settings, unknown_names

LEAST_FREE = 200 * 1024 * 1024


@dataclass(frozen=True)
class Check:
    """One finding; `fix` says what to do when it is not good."""

    name: str
    good: bool
    words: str
    fix: str = ""


def checks(settings: Settings) -> Iterator[Check]:
    """In the order in which things must be right."""
    unknown = list(unknown_names(os.environ))
    yield Check(
        "settings", not unknown, " ".join(unknown) or "all are known", "Correct the name, or remove the variable."
    )
    yield _folder(settings)
    yield _clock()
    try:
        db = Database(settings.database)
        reachable = db.is_reachable()
        current, head = revisions(db)
    except Exception as error:
        yield Check(
            "database", False, str(error).splitlines()[0], "Check WEBHOOKUI_DATABASE_URL and that the server runs."
        )
        return
    migrated = current == head
    yield Check(
        "database",
        reachable and migrated,
        f"reachable, at revision {current}" if migrated else f"at revision {current}; this version needs {head}",
        "Start webhookui once; it makes a backup copy and migrates the database.",
    )
    if not migrated:
        return
    yield _key(settings, db)
    with db.read() as session:
        people = accounts.any_user(session)
        running = queue_health.workers(session)
        waiting = queue_health.oldest_queued_s(session)
    yield Check(
        "users", people, "there are users" if people else "nobody can log in", "webhookui user create EMAIL --admin"
    )
    good = running > 0 and waiting < 60
    words = f"{running or 'no'} worker process{'es' if running != 1 else ''} seen recently"
    words += f", the oldest queued delivery has been waiting for {waiting:.0f} s" if waiting else ", nothing is waiting"
    yield Check("queue", good, words, "Start `webhookui run` or `webhookui worker`.")
    yield _mail(settings, db)
    db.close()


def _folder(settings: Settings) -> Check:
    folder = settings.instance
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Check(
            "data folder",
            False,
            f"{folder}: {error.strerror}",
            "Set WEBHOOKUI_INSTANCE to a folder that you may write to.",
        )
    if not os.access(folder, os.W_OK):
        return Check(
            "data folder",
            False,
            f"{folder} can't be written",
            "Give the user that runs webhookui permission to write there.",
        )
    if seen := private_files.exposed(folder):
        words = "can be read by others on this machine"
        return Check("data folder", False, f"{seen[0]} {words}", f"chmod go-rwx {' '.join(map(str, seen))}")
    free = shutil.disk_usage(folder).free
    return Check("data folder", free > LEAST_FREE, f"{folder}, {free // 1024**2} MiB free", "Free some disk space.")


def _clock() -> Check:
    time = datetime.now(UTC)
    good = time.year >= 2025
    return Check(
        "clock", good, f"{time:%Y-%m-%d %H:%M:%S} UTC", "Set the clock (NTP); retries and signatures depend on it."
    )


def _mail(settings: Settings, db: Database) -> Check:
    """Connects and logs in; sends nothing."""
    with db.read() as session:
        mails = outgoing_mail.counts(session)
        try:
            if (
                mail_settings.shown(session)["has_password"] and not settings.key_file.exists()
            ):  # a box would make a new one
                raise SecretUnreadable(f"The stored password can't be read: {settings.key_file} is missing.")
            server = (
                mail_settings.load(session, SecretBox(settings.key_file)) if mail_settings.is_set(session) else None
            )
        except (SecretUnreadable, OSError) as error:
            return Check("mail", False, str(error), "Enter the password again under Settings → Mail.")
    numbers = ", ".join(f"{mails[status]} {status}" for status in ("waiting", "kept", "failed"))
    if server is None:
        return Check("mail", True, f"no SMTP server is set ({numbers})")
    try:
        with smtp.connected(server):
            pass
    except smtp.ServerUnusable as error:
        return Check("mail", False, f"{error} ({numbers})", "Correct it under Settings → Mail, and send a test mail.")
    fix = "Look at the failed ones under Settings → Mail → Outgoing mail."
    return Check("mail", not mails["failed"], f"{server.host} can be used ({numbers})", fix)


def _key(settings: Settings, db: Database) -> Check:
    path = settings.key_file
    if not path.exists():
        return Check(
            "key file",
            False,
            f"{path} is missing",
            "Restore it from your backup; without it, a new one is created at the next start.",
        )
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Check("key file", False, f"{path} can be read by others (mode {mode:o})", f"chmod 600 {path}")
    try:
        box = SecretBox(path)
    except (SecretUnreadable, OSError) as error:
        return Check("key file", False, str(error), "Restore the key file that the secrets were stored with.")
    with db.read() as session:
        for row in session.query(WorkflowWebhook).filter(WorkflowWebhook.secrets.is_not(None)):  # type: ignore[union-attr]
            try:
                box.open(row.secrets or "")
            except SecretUnreadable as error:
                return Check("key file", False, str(error), "Restore the key file that these secrets were stored with.")
    return Check("key file", True, f"{path}, mode {mode:o}")
