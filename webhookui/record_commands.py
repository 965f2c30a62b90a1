"""`webhookui records`: records in and out as CSV files (specification section 11)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

import click

from webhookui.core import background_jobs, exact_json
from webhookui.core.background_jobs import Job
from webhookui.crm.exports import exported
from webhookui.crm.imports import jobs, uploads
from webhookui.crm.imports.plan import ON_MATCH, InvalidImport
from webhookui.crm.imports.requested import Request, plan_of
from webhookui.crm.listing import ListQuery
from webhookui.crm.rejected_rows import rejected_csv
from webhookui.installation import Installation
from webhookui.people import accounts
from webhookui.people.tables import User

STDIN = "<stdin>"
Opened = Callable[[], AbstractContextManager[Installation]]


@click.group()
def records() -> None:
    """Records in and out as CSV files."""


@records.command("import")
@click.argument("module")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--mapping", help='JSON: title of a column → field, such as {"E-mail": "email"}. By default, as labels say.'
)
@click.option("--match-on", default="", help="Field (or id) that duplicates are found by.")
@click.option("--on-match", type=click.Choice(list(ON_MATCH)), default="skip", help="What becomes of a duplicate.")
@click.option("--run-workflows/--no-run-workflows", default=False, help="Whether workflows run (by default not).")
@click.option("--encoding", default="", help="Such as utf-8 or cp1252. By default, as the file says.")
@click.option("--separator", default="", help="By default, as the file says.")
@click.option("--user", "email", help="Whose import it is; by default the first admin.")
@click.option("--rejected", help="Where rejected rows go; by default FILE with .rejected.csv.")
@click.pass_obj
def import_records(
    opened: Opened, module: str, file: IO[bytes], email: str | None, rejected: str | None, **choices: Any
) -> None:
    """Import the rows of FILE, or of standard input (-)."""
    mapping = _mapping(choices.pop("mapping"))
    with opened() as installation:
        db = installation.db
        with db.read() as session:
            user = accounts.by_email(session, email) if email else _first_admin(accounts.all_users(session))
        name = getattr(file, "name", STDIN)
        file_id = uploads.store(db, module, user, Path(name).name, file)
        try:
            with db.read() as session:
                stored = uploads.get(session, file_id, user)
                plan = plan_of(session, stored, Request(mapping=mapping, **choices))
            job = jobs.start(db, stored, plan, user)
            job = _finished(installation, job.id or 0)
        finally:
            uploads.remove(db, file_id)
        counts = ", ".join(f"{number} {name}" for name, number in jobs.result(job).items())
        click.echo(f"{counts}." + (f" {job.error}" if job.error else ""))
        if job.rejected:
            target = Path(rejected or ("rejected.csv" if name == STDIN else f"{name}.rejected.csv"))
            target.write_bytes(b"".join(rejected_csv(db, installation.queue.kinds, job.id or 0)))
            click.echo(f"Rejected rows, each with its reason: {target}", err=True)


def _mapping(text: str | None) -> dict[str, Any] | None:
    try:
        mapping = exact_json.loads(text) if text else None
    except (ValueError, RecursionError):
        mapping = ""
    if mapping is not None and not isinstance(mapping, dict):
        raise InvalidImport({"mapping": 'JSON such as {"E-mail": "email"}.'})
    return mapping


def _first_admin(users: list[User]) -> User:
    admin = next((user for user in sorted(users, key=lambda user: user.id or 0) if user.is_admin and user.active), None)
    if admin is None:
        raise accounts.UserNotFound(
            "There is no admin yet: name a user by --user, or create one (webhookui user create)."
        )
    return admin


def _finished(installation: Installation, job_id: int) -> Job:
    """The job, once it has ended; this process works on it, beside others that may."""
    while True:
        background_jobs.step(installation.db, installation.queue.kinds, job_id, jobs.IMPORT)
        with installation.db.read() as session:
            job = background_jobs.get(session, job_id)
        if job.finished_at is not None:
            return job


@records.command("export")
@click.argument("module")
@click.argument("file", type=click.File("wb"), default="-")
@click.option("--search", default="", help="Only records with these words.")
@click.option("--sort", default="id", help="A field; - before it: descending.")
@click.option("--columns", default="", help="Names of fields, separated by commas; by default all.")
@click.option("--bom", is_flag=True, help="Begin with a byte order mark, for Excel.")
@click.pass_obj
def export_records(
    opened: Opened, module: str, file: IO[bytes], search: str, sort: str, columns: str, bom: bool
) -> None:
    """Write records to FILE, or to standard output, as a CSV file that an import takes in again."""
    with opened() as installation:
        query = ListQuery(module, search, sort)
        _, parts = exported(installation.db, query, [name for name in columns.split(",") if name], with_bom=bom)
        file.writelines(parts)
