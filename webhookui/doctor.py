"""`webhookui doctor`: what is right and wrong with an installation, and how to fix it (specification section 11)."""

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from webhookui.core import private_files
from webhookui.core.database import Database
from webhookui.core.secrets import SecretBox, SecretUnreadable
from webhookui.definitions.tables import WorkflowAction
from webhookui.delivery_log import queue_health
from webhookui.migrations import DatabaseRefused, check, revisions
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


Finding = tuple[bool, str] | tuple[bool, str, str]
"""The rest of a check, behind its name."""


def checks(settings: Settings) -> Iterator[Check]:
    """In the order in which things must be right."""
    unknown = list(unknown_names(os.environ))
    words = " ".join(unknown) or "all are known"
    yield Check("settings", not unknown, words, "Correct the name, or remove the variable.")
    yield Check("data folder", *_folder(settings))
    yield Check("clock", *_clock())
    try:
        db = Database(settings.database)
        current, head = revisions(db)
        check(db, settings.instance / "backups")
    except DatabaseRefused as error:
        yield Check("database", False, error.words, error.fix)
        return
    except Exception as error:
        words = str(error).splitlines()[0]
        yield Check("database", False, words, "Check WEBHOOKUI_DATABASE_URL and that the server runs.")
        return
    migrated = current == head
    words = f"reachable, at revision {current}" if migrated else f"at revision {current}; this version needs {head}"
    advice = "Start webhookui once; it makes a backup copy and migrates the database."
    yield Check("database", migrated, words, advice)
    if not migrated:
        return
    yield Check("key file", *_key(settings, db))
    with db.read() as session:
        people = accounts.any_user(session)
        running = queue_health.workers(session)
        waiting = queue_health.oldest_queued_s(session)
    words = "there are users" if people else "nobody can log in"
    yield Check("users", people, words, "webhookui user create EMAIL --admin")
    words = f"{running or 'no'} worker process{'es' if running != 1 else ''} seen recently"
    words += f", the oldest queued delivery has been waiting for {waiting:.0f} s" if waiting else ", nothing is waiting"
    yield Check("queue", running > 0 and waiting < 60, words, "Start `webhookui run` or `webhookui worker`.")
    yield Check("mail", *_mail(settings, db))
    db.close()


def _folder(settings: Settings) -> Finding:
    folder = settings.instance
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return False, f"{folder}: {error.strerror}", "Set WEBHOOKUI_INSTANCE to a folder that you may write to."
    if not os.access(folder, os.W_OK):
        return False, f"{folder} can't be written", "Give the user that runs webhookui permission to write there."
    if seen := private_files.exposed(folder):
        words = f"{seen[0]} can be read by others on this machine"
        return False, words, f"chmod go-rwx {' '.join(map(str, seen))}"
    free = shutil.disk_usage(folder).free
    return free > LEAST_FREE, f"{folder}, {free // 1024**2} MiB free", "Free some disk space."


def _clock() -> Finding:
    time = datetime.now(UTC)
    advice = "Set the clock (NTP); retries and signatures depend on it."
    return time.year >= 2025, f"{time:%Y-%m-%d %H:%M:%S} UTC", advice


def _mail(settings: Settings, db: Database) -> Finding:
    """Connects and logs in; sends nothing."""
    with db.read() as session:
        mails = outgoing_mail.counts(session)
        try:
            # A box would make a new key file.
            if mail_settings.shown(session)["has_password"] and not settings.key_file.exists():
                raise SecretUnreadable(f"The stored password can't be read: {settings.key_file} is missing.")
            is_set = mail_settings.is_set(session)
            server = mail_settings.load(session, SecretBox(settings.key_file)) if is_set else None
        except (SecretUnreadable, OSError) as error:
            return False, str(error), "Enter the password again under Settings → Mail."
    numbers = ", ".join(f"{mails[status]} {status}" for status in ("waiting", "kept", "failed"))
    if server is None:
        return True, f"no SMTP server is set ({numbers})"
    try:
        with smtp.connected(server):
            pass
    except smtp.ServerUnusable as error:
        return False, f"{error} ({numbers})", "Correct it under Settings → Mail, and send a test mail."
    advice = "Look at the failed ones under Settings → Mail → Outgoing mail."
    return not mails["failed"], f"{server.host} can be used ({numbers})", advice


def _key(settings: Settings, db: Database) -> Finding:
    path = settings.key_file
    if not path.exists():
        advice = "Restore it from your backup; without it, a new one is created at the next start."
        return False, f"{path} is missing", advice
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return False, f"{path} can be read by others (mode {mode:o})", f"chmod 600 {path}"
    try:
        box = SecretBox(path)
    except (SecretUnreadable, OSError) as error:
        return False, str(error), "Restore the key file that the secrets were stored with."
    with db.read() as session:
        for row in session.query(WorkflowAction).filter(WorkflowAction.secrets.is_not(None)):  # type: ignore[union-attr]
            try:
                box.open(row.secrets or "")
            except SecretUnreadable as error:
                return False, str(error), "Restore the key file that these secrets were stored with."
    return True, f"{path}, mode {mode:o}"
