"""The command line (specification section 11)."""

import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click
import simplejson
from pydantic import ValidationError
from simplejson import JSONDecodeError
from sqlalchemy.exc import DBAPIError

from webhookui import __version__
from webhookui.core import exact_json, logs
from webhookui.core.database import NotOnPostgreSQL
from webhookui.core.errors import NotFound
from webhookui.core.secrets import SecretUnreadable
from webhookui.crm import demo as samples
from webhookui.crm.imports.csv_files import InvalidFile
from webhookui.crm.imports.plan import InvalidImport
from webhookui.crm.sorting import InvalidListing
from webhookui.installation import Installation, open_installation
from webhookui.migrations import DatabaseRefused
from webhookui.people import accounts, tokens
from webhookui.people.accounts import InvalidUser
from webhookui.record_commands import records
from webhookui.settings import Settings, mistakes, unknown_names
from webhookui.workflows import store
from webhookui.workflows.actions.webhook import fresh_signing_secrets
from webhookui.workflows.document import InvalidDocument

try:
    import benchmarks
except ImportError:
    benchmarks = None  # type: ignore[assignment]


class Stop(click.ClickException):
    """Ends a command with exit code 1; its message goes out as it is."""

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


class Commands(click.Group):
    """What stops every command alike is said in words, with no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (DatabaseRefused, NotFound, NotOnPostgreSQL, InvalidFile, InvalidListing) as error:
            raise Stop(str(error)) from None
        except (InvalidUser, InvalidImport) as error:
            raise Stop("\n".join(f"{field}: {sentence}" for field, sentence in error.errors.items())) from None
        except SecretUnreadable as error:
            raise Stop(f"{error} Restore the key file that it was stored with.") from None
        except (DBAPIError, sqlite3.Error) as error:
            words = f"The database can't be used: {str(getattr(error, 'orig', error)).strip()}"
            raise Stop(f"{words}\nRun webhookui doctor for details.") from None
        except OSError as error:
            if not error.filename:
                raise
            words = f"{error.filename} can't be used: {error.strerror or error}."
            advice = "The data folder is set by WEBHOOKUI_INSTANCE; Run webhookui doctor for details."
            raise Stop(f"{words}\n{advice}") from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.pass_context
def main(context: click.Context) -> None:
    """webhookui: a CRM whose workflows call other systems. Settings are environment variables, WEBHOOKUI_…"""
    context.obj = opened


main.add_command(records)


def read_settings(**over: Any) -> Settings:
    """The settings; a mistake in them is a sentence, no traceback. What looks like a setting and is none is told."""
    for sentence in unknown_names(os.environ):
        click.echo(sentence, err=True)
    try:
        return Settings(**{name: value for name, value in over.items() if value is not None})
    except ValidationError as error:
        for sentence in mistakes(error):
            click.echo(sentence, err=True)
        sys.exit(2)


@contextmanager
def opened() -> Iterator[Installation]:
    settings = read_settings()
    logs.configure("WARNING")
    installation = open_installation(settings)
    try:
        yield installation
    finally:
        installation.close()


@main.command()
@click.option("--host", help="Address to listen on (WEBHOOKUI_HOST).")
@click.option("--port", type=int, help="Port to listen on (WEBHOOKUI_PORT).")
def run(host: str | None, port: int | None) -> None:
    """Web server and queue in one process."""
    serve(read_settings(host=host, port=port), consumer=True)


@main.command()
@click.option("--host", help="Address to listen on (WEBHOOKUI_HOST).")
@click.option("--port", type=int, help="Port to listen on (WEBHOOKUI_PORT).")
def web(host: str | None, port: int | None) -> None:
    """The web server alone; a `worker` works on the queue."""
    serve(read_settings(host=host, port=port), consumer=False)


def serve(settings: Settings, *, consumer: bool) -> None:
    """Serves until SIGTERM or SIGINT, then stops gracefully."""
    from waitress.server import create_server

    from webhookui.app import create_app, installation_of

    logs.configure(settings.log_level)
    app = create_app(settings)
    installation = installation_of(app)
    place = f"{settings.host}:{settings.port}"
    try:
        server = create_server(
            app, host=settings.host, port=settings.port, threads=settings.web_threads, ident="webhookui", channel_timeout=30
        )  # fmt: skip
    except OSError as error:
        installation.close()
        raise Stop(
            f"Can't listen on {place}: {error.strerror or error}.\n"
            "Is webhookui already running? To use another port: webhookui run --port 8001"
        ) from None
    if consumer:
        installation.queue.start()
    click.echo(f"webhookui is running at http://{place} (data in {settings.instance}). Press Ctrl+C to stop it.")

    def ended(_number: int, _frame: FrameType | None) -> None:
        server.close()
        raise SystemExit(0)

    _on_signals(ended)
    try:
        server.run()
    except (KeyboardInterrupt, SystemExit, OSError):
        pass
    finally:
        installation.close()


def _on_signals(ended: Callable[[int, FrameType | None], object]) -> None:
    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGINT, ended)


@main.command()
def worker() -> None:
    """The queue alone: sends deliveries; a `web` serves the pages."""
    settings = read_settings()
    logs.configure(settings.log_level)
    installation = open_installation(settings)
    stopped = threading.Event()
    _on_signals(lambda *_: stopped.set())
    installation.queue.start()
    click.echo(f"webhookui is working on the queue (data in {settings.instance}). Press Ctrl+C to stop it.")
    stopped.wait()
    installation.close()


@main.group()
def user() -> None:
    """Users."""


@user.command("create")
@click.argument("email")
@click.option("--admin", is_flag=True, help="An admin: workflows and settings as well as records.")
@click.option("--name", help="The person's name; by default the part before the @.")
def create_user(email: str, admin: bool, name: str | None) -> None:
    """Create a user. The password is asked for, or read from standard input."""
    password = _password()
    with opened() as installation, installation.db.write() as session:
        user = accounts.create_user(
            session,
            email=email,
            name=name or email.partition("@")[0],
            password=password,
            role="admin" if admin else "user",
            time_zone=installation.settings.time_zone,
            by="command line",
        )
    click.echo(f"Created {'the admin' if admin else 'the user'} {user.email}.")


@user.command("password")
@click.argument("email")
def set_password(email: str) -> None:
    """Set a user's password, which is asked for, or read from standard input. Ends the user's sessions."""
    with opened() as installation:
        with installation.db.read() as session:
            accounts.by_email(session, email)  # nobody types a password for an address that is not there
        password = _password()
        with installation.db.write() as session:
            user = accounts.by_email(session, email)
            accounts.set_password(session, user, password, "command line")
    words = "" if user.active else " The user is deactivated and can't log in until an admin activates the account."
    click.echo(f"Set the password of {user.email}; all sessions of this user have ended.{words}")


def _password() -> str:
    """From a prompt, or from standard input where that is no terminal."""
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    return sys.stdin.readline().rstrip("\r\n")


@main.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.argument("email")
@click.option("--name", default="command line", help="What the token is for.")
def create_token(email: str, name: str) -> None:
    """Create a token for a user and print it, alone. It is shown only this once."""
    with opened() as installation, installation.db.write() as session:
        token = tokens.create(session, accounts.by_email(session, email), name, "command line")
    click.echo(token)


@main.group()
def workflows() -> None:
    """Workflow documents."""


@workflows.command("import")
@click.argument("file")
def import_workflows(file: str) -> None:
    """Import a workflow document, or a list of them, from FILE or standard input (-). All of it, or nothing."""
    documents = _documents(file)
    with opened() as installation:
        workflows: list[Any] = []
        with installation.db.write() as session:
            try:
                for document in documents:
                    workflows.append(store.create(session, installation.box, document, _first_admin(session)))
            except InvalidDocument as error:
                prefix = f"{len(workflows)}." if len(documents) > 1 else ""
                for path, sentence in error.errors.items():
                    click.echo(f"{(prefix + path).rstrip('.') or 'document'}: {sentence}", err=True)
                raise Stop("Nothing was imported.") from None
            secrets = fresh_signing_secrets(session)
    for workflow in workflows:
        click.echo(f"Imported workflow {workflow.id}: {workflow.name}")
    for webhook_id, secret in secrets.items():
        click.echo(f"Signing secret of webhook {webhook_id}, shown only this once: {secret}")


def _documents(file: str) -> list[Any]:
    name = "standard input" if file == "-" else file
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"Can't read {name}: {getattr(error, 'strerror', None) or error}") from None
    try:
        content = exact_json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno}, column {error.colno})" if isinstance(error, JSONDecodeError) else ""
        raise Stop(f"{name} is not JSON: {getattr(error, 'msg', error)}{place}") from None
    return content if isinstance(content, list) else [content]


def _first_admin(session: Any) -> Any:
    """Imported workflows count days in the zone of the first admin, if there is one."""
    return next((user for user in sorted(accounts.all_users(session), key=lambda u: u.id or 0) if user.is_admin), None)


@workflows.command("export")
@click.option("--id", "workflow_id", type=int, help="Only this workflow.")
def export_workflows(workflow_id: int | None) -> None:
    """Print all workflows as a JSON list, without secrets."""
    with opened() as installation, installation.db.read() as session:
        workflows = store.list_all(session) if workflow_id is None else [store.get(session, workflow_id)]
        documents = [store.to_document(session, workflow, with_ids=False) for workflow in workflows]
    click.echo(simplejson.dumps(documents, use_decimal=True, indent=2, ensure_ascii=False))


@main.command()
def demo() -> None:
    """Add sample data, unless it is there."""
    with opened() as installation, installation.db.write() as session:
        there = samples.is_there(session)
        if not there:
            owner = _first_admin(session)
            samples.demo(session, owner.id if owner else None)
    click.echo("The sample data is already there; nothing was added." if there else "Added sample data.")


MEASUREMENTS: dict[str, str] = benchmarks.BENCHMARKS if benchmarks is not None else {}
"""Name → what it measures; none where the package was installed from a wheel, which leaves them out."""


@main.command(help="Measure, and print the figures as JSON. " + " ".join(f"{n}: {w}" for n, w in MEASUREMENTS.items()))
@click.argument("name", type=click.Choice(list(MEASUREMENTS)) if benchmarks is not None else str)
def bench(name: str) -> None:
    if benchmarks is None:
        raise Stop("The measurements come with a checkout of the source, and not with the package.")
    logs.configure("ERROR")
    benchmarks.run(name, click.echo)


@main.command()
def doctor() -> None:
    """Check configuration, database, queue, mail, key file and clock; say what is wrong and how to fix it."""
    from webhookui.doctor import checks

    settings = read_settings()
    logs.configure("ERROR")
    results = list(checks(settings))
    for check in results:
        click.echo(f"{'ok     ' if check.good else 'WRONG  '}{check.name}: {check.words}")
        if not check.good and check.fix:
            click.echo(f"       → {check.fix}")
    sys.exit(0 if all(check.good for check in results) else 1)


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write a consistent copy of the database while everything runs."""
    with opened() as installation:
        if file.exists():
            raise Stop(f"{file} already exists; choose another file.")
        try:
            installation.db.backup(file)
        except OSError as error:
            raise Stop(f"Can't write {file}: {error.strerror or error}") from None
    click.echo(
        f"Wrote {file}. Stored secrets in it need the key file {installation.settings.key_file}, which is not in it."
    )


@main.command()
def compact() -> None:
    """Rewrite the SQLite database file without the space that purged deliveries have left. Saves wait meanwhile."""
    with opened() as installation:
        before = installation.db.size() or 0
        installation.db.compact()
        after = installation.db.size() or 0
    click.echo(f"The database file is now {after / 1e6:,.1f} MB; it was {before / 1e6:,.1f} MB.")


@main.group()
def keys() -> None:
    """The keys that stored secrets are encrypted with."""


@keys.command("rotate")
def rotate_keys() -> None:
    """Make a new key and encrypt every stored secret with it."""
    from webhookui.notifications import mail_settings, outgoing_mail
    from webhookui.workflows.reencrypt import reencrypt_all

    with opened() as installation:
        box = installation.box.add_key()
        with installation.db.write() as session:
            stores = (reencrypt_all, mail_settings.reencrypt, outgoing_mail.reencrypt)
            number = sum(reencrypt(session, box) for reencrypt in stores)
    click.echo(f"A new key is in use; {number} stored secrets were encrypted with it.")


if __name__ == "__main__":
    main()
