"""The command line (specification section 11)."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from tests.support import pages
from tests.support.older import before_the_first_release
from tests.test_main_job import document
from webhookui import __version__, cli
from webhookui.core.database import now
from webhookui.core.secrets import SecretBox
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.delivery.tables import WorkerProcess
from webhookui.installation import Installation, open_installation
from webhookui.people import accounts, password_links, sessions, tokens
from webhookui.people.password_links import LinkUnusable
from webhookui.settings import Settings
from webhookui.workflows import store

URL = "https://api.example.com"
PASSWORD = "correct horse battery"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`run("token", "create", EMAIL, typed=...)` on a data folder of its own."""

    def call(*words: str, typed: str = "", **environment: str) -> Result:
        settings = {"WEBHOOKUI_INSTANCE": str(tmp_path / "data"), **environment}
        done = CliRunner().invoke(cli.main, words, input=typed, env=settings)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    return call


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """The same data folder, opened here."""
    opened = open_installation(Settings(instance=tmp_path / "data"))  # type: ignore[call-arg]
    yield opened
    opened.close()


def good(done: Result) -> str:
    assert done.exit_code == 0, done.output
    return done.stdout


def refused(done: Result) -> str:
    assert done.exit_code == 1 and done.stdout == "", done.output
    return done.stderr


@pytest.fixture
def ann(run: Run) -> str:
    good(run("user", "create", "ann@example.com", "--admin", "--name", "Ann", typed=PASSWORD + "\n"))
    return "ann@example.com"


# ---- users and tokens -------------------------------------------------------------------------------------------------


def test_users_are_created_with_a_password_from_standard_input(run: Run, installation: Installation) -> None:
    assert good(run("user", "create", "Ann@Example.com", "--admin", typed=PASSWORD + "\n")) == (
        "Created the admin ann@example.com.\n"
    )
    assert good(run("user", "create", "sam@example.com", "--name", "Sam", typed=PASSWORD)) == (
        "Created the user sam@example.com.\n"
    )
    with installation.db.write() as session:
        user = accounts.authenticate(session, "ann@example.com", PASSWORD)
        assert user is not None and user.is_admin and user.name == "Ann"
        sam = accounts.by_email(session, "sam@example.com")
        assert not sam.is_admin and sam.name == "Sam"


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [("nobody", PASSWORD, "email: “nobody” is not an e-mail address"), ("x@example.com", "short", "password: At least 10"),
     ("x@example.com", "", "password: At least 10"), ("ann@example.com", PASSWORD, "email: There is already a user")],
)  # fmt: skip
def test_a_user_that_can_not_be_is_refused_in_words(run: Run, ann: str, email: str, password: str, words: str) -> None:
    assert words in refused(run("user", "create", email, typed=password + "\n"))


def test_a_password_is_set_from_standard_input_and_ends_the_sessions(
    run: Run, ann: str, installation: Installation
) -> None:
    with installation.db.write() as session:
        user = accounts.by_email(session, ann)
        cookie = sessions.begin(session, user)
        link = password_links.create(session, user, "forgotten", "tests")
    words = good(run("user", "password", " Ann@Example.com", typed="another horse battery\n"))
    assert words == "Set the password of ann@example.com; all sessions of this user have ended.\n"
    with installation.db.write() as session:
        assert accounts.authenticate(session, ann, PASSWORD) is None
        assert accounts.authenticate(session, ann, "another horse battery") is not None
        assert sessions.user_of(session, cookie) is None
        with pytest.raises(LinkUnusable, match="no longer valid"):
            password_links.get(session, link.token)


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [("nobody@example.com", PASSWORD, "no user with the e-mail address nobody@example.com"),
     ("ann@example.com", "short", "password: At least 10"), ("ann@example.com", "", "password: At least 10")],
)  # fmt: skip
def test_a_password_that_can_not_be_set_is_refused_in_words(
    run: Run, ann: str, installation: Installation, email: str, password: str, words: str
) -> None:
    assert words in refused(run("user", "password", email, typed=password + "\n"))
    with installation.db.write() as session:
        assert accounts.authenticate(session, ann, PASSWORD) is not None


def test_the_password_of_who_is_deactivated_is_set_and_does_not_let_them_in(
    run: Run, ann: str, installation: Installation
) -> None:
    good(run("user", "create", "off@example.com", typed=PASSWORD))
    with installation.db.write() as session:
        off = accounts.by_email(session, "off@example.com")
        accounts.change_user(session, off, by=off, active=False)
    assert "is deactivated" in good(run("user", "password", "off@example.com", typed="another horse battery"))
    with installation.db.write() as session:
        assert accounts.authenticate(session, "off@example.com", "another horse battery") is None


def test_on_a_terminal_the_password_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "webhookui", "user", "create", "ann@example.com"],
        stdin=slave, stdout=slave, stderr=slave, env=os.environ | {"WEBHOOKUI_INSTANCE": str(tmp_path)},
    )  # fmt: skip
    os.close(slave)
    screen = b""
    for prompt in (b"Password: ", b"Repeat for confirmation: "):
        while prompt not in screen:
            screen += os.read(master, 1024)
        os.write(master, PASSWORD.encode() + b"\n")
    while b"Created the user ann@example.com." not in screen:
        screen += os.read(master, 1024)
    assert process.wait(30) == 0
    os.close(master)
    assert PASSWORD.encode() not in screen


def test_a_token_is_printed_alone_and_works(run: Run, ann: str, installation: Installation) -> None:
    printed = good(run("token", "create", ann, "--name", "Nightly"))
    assert printed.count("\n") == 1 and printed.startswith("whui_")
    with installation.db.read() as session:
        user_and_token = tokens.user_of(session, printed.strip())
    assert user_and_token is not None and user_and_token[0].email == ann and user_and_token[1].name == "Nightly"
    assert "no user with the e-mail address nobody@example.com" in refused(run("token", "create", "nobody@example.com"))


# ---- workflows --------------------------------------------------------------------------------------------------------


def test_workflows_are_imported_from_a_file_or_standard_input(run: Run, ann: str, tmp_path: Path) -> None:
    file = tmp_path / "workflows.json"
    file.write_text(json.dumps([document(URL), document(URL) | {"name": "Second"}]), encoding="utf-8-sig")
    assert good(run("workflows", "import", str(file))) == (
        "Imported workflow 1: Invoice closed deals\nImported workflow 2: Second\n"
    )
    assert good(run("workflows", "import", "-", typed=json.dumps(document(URL)))) == (
        "Imported workflow 3: Invoice closed deals\n"
    )


def test_an_export_without_secrets_is_imported_elsewhere_as_it_is(run: Run, ann: str, tmp_path: Path) -> None:
    sent = document(URL, authorization={"type": "none"}) | {
        "criteria": {"all": [{"field": "amount", "operator": "at_least", "value": "1000.10"}], "any": []}
    }
    good(run("workflows", "import", "-", typed=json.dumps(sent)))
    exported = good(run("workflows", "export"))
    assert '"value": 1000.10' in exported, "amounts keep their digits"
    elsewhere = str(tmp_path / "elsewhere")
    good(run("workflows", "import", "-", typed=exported, WEBHOOKUI_INSTANCE=elsewhere))
    assert good(run("workflows", "export", WEBHOOKUI_INSTANCE=elsewhere)) == exported
    assert json.loads(good(run("workflows", "export", "--id", "1")))[0]["name"] == "Invoice closed deals"
    assert "There is no workflow 99" in refused(run("workflows", "export", "--id", "99"))


def test_one_bad_document_of_a_list_imports_none_and_its_path_is_named(
    run: Run, ann: str, installation: Installation
) -> None:
    bad = document(URL, parameters=[{"name": "", "value": "{{ amout }}"}])
    refusal = refused(run("workflows", "import", "-", typed=json.dumps([document(URL), bad])))
    assert "1.actions.0.parameters.0.name: Enter a name for the parameter." in refusal.splitlines()
    assert any(line.startswith("1.actions.0.parameters.0.value: ") and "amout" in line for line in refusal.splitlines())
    assert refusal.endswith("Nothing was imported.\n")
    with installation.db.read() as session:
        assert store.list_all(session) == []


def test_a_file_that_can_not_be_read_is_named(run: Run, tmp_path: Path) -> None:
    assert "No such file" in refused(run("workflows", "import", str(tmp_path / "nothing.json")))
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    assert f"Can't read {binary}" in refused(run("workflows", "import", str(binary)))


def test_a_signing_secret_that_the_import_makes_is_printed_once(run: Run, ann: str) -> None:
    printed = good(run("workflows", "import", "-", typed=json.dumps(document(URL, signing={}))))
    assert "shown only this once: whsec_" in printed
    assert "whsec_" not in good(run("workflows", "export"))


# ---- sample data, backup, keys ----------------------------------------------------------------------------------------


def test_sample_data_is_added_once(run: Run, installation: Installation) -> None:
    assert good(run("demo")) == "Added sample data.\n"
    before = number_of_records(installation)
    assert before > 50
    assert good(run("demo")) == "The sample data is already there; nothing was added.\n"
    assert number_of_records(installation) == before


def number_of_records(installation: Installation) -> int:
    with sqlite3.connect(installation.settings.instance / "webhookui.db") as connection:
        number: int = connection.execute("SELECT count(*) FROM record").fetchone()[0]
    return number


def test_a_backup_is_a_whole_installation_but_for_its_key(run: Run, ann: str, tmp_path: Path) -> None:
    good(run("demo"))
    copy = tmp_path / "copy" / "webhookui.db"
    assert refused(run("backup", str(copy))) == f"Can't write {copy}: No such file or directory\n"
    copy.parent.mkdir()
    assert "secret.key" in good(run("backup", str(copy)))
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "already exists" in refused(run("backup", str(copy)))
    with pages.app_in(copy.parent) as app:
        client = app.test_client()
        client.post("/login", data={"email": ann, "password": PASSWORD})
        assert "Patient portal" in client.get("/records/deals").text


def test_a_backup_is_consistent_while_others_write(run: Run, installation: Installation, tmp_path: Path) -> None:
    with installation.db.write() as session:
        records.create(session, "tasks", {"subject": "Committed"}, Actor("system", "Test"))
    with installation.db.write() as session:
        records.create(session, "tasks", {"subject": "Under way"}, Actor("system", "Test"))
        session.flush()
        done = subprocess.run(
            [sys.executable, "-c",
             "import sys; from pathlib import Path; from webhookui.core.database import Database; "
             "Database(sys.argv[1]).backup(Path(sys.argv[2]))", installation.db.url, str(tmp_path / "copy.db")],
        )  # fmt: skip
    assert done.returncode == 0
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert [row[0] for row in copy.execute("SELECT name FROM record")] == ["Committed"]
        assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_new_key_seals_every_stored_secret_and_running_processes_find_it(
    run: Run, ann: str, installation: Installation
) -> None:
    good(run("workflows", "import", "-", typed=json.dumps(document(URL))))
    key_file = installation.settings.key_file
    old = key_file.read_text()
    session_key = installation.box.session_key()
    assert good(run("keys", "rotate")) == "A new key is in use; 1 stored secrets were encrypted with it.\n"
    assert key_file.read_text().endswith(old) and key_file.read_text() != old
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    with installation.db.read() as session:
        assert store.stored_actions(session, installation.box, 1)[0].secrets["password"] == "p"
    assert installation.box.session_key() == session_key, "nobody is logged out"
    key_file.write_text(key_file.read_text().splitlines()[0] + "\n")
    with installation.db.read() as session:
        box = SecretBox(key_file)
        assert store.stored_actions(session, box, 1)[0].secrets["password"] == "p", "the old key can go"


def test_a_rotation_that_can_not_read_a_secret_says_so(run: Run, ann: str, installation: Installation) -> None:
    from cryptography.fernet import Fernet

    good(run("workflows", "import", "-", typed=json.dumps(document(URL))))
    installation.settings.key_file.write_bytes(Fernet.generate_key() + b"\n")
    assert "can't be read with the keys in" in refused(run("keys", "rotate"))


# ---- doctor -----------------------------------------------------------------------------------------------------------


def findings(done: Result) -> dict[str, str]:
    """Name of a check → "ok" or "WRONG"."""
    lines = [line.split(None, 1) for line in done.stdout.splitlines() if not line.startswith(" ")]
    return {rest.partition(":")[0]: word for word, rest in lines}


def a_worker_lives(installation: Installation) -> None:
    with installation.db.write() as session:
        session.add(WorkerProcess(id="here:1:1", host="here", pid=1))


def test_the_doctor_says_that_no_worker_lives(run: Run, ann: str, installation: Installation) -> None:
    done = run("doctor")
    assert done.exit_code == 1 and findings(done)["queue"] == "WRONG"
    assert "no worker processes seen recently" in done.stdout and "webhookui worker" in done.stdout
    a_worker_lives(installation)
    assert run("doctor").exit_code == 0
    with installation.db.write() as session:
        session.execute(update(WorkerProcess).values(seen_at=now() - timedelta(minutes=5)))
    assert findings(run("doctor"))["queue"] == "WRONG"


def test_the_doctor_finds_nothing_wrong_with_an_installation_that_runs(
    run: Run, ann: str, installation: Installation
) -> None:
    a_worker_lives(installation)
    done = run("doctor")
    assert done.exit_code == 0, done.output
    assert set(findings(done)) >= {"data folder", "clock", "database", "key file", "users", "queue"}
    assert set(findings(done).values()) == {"ok"}


def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(run: Run, ann: str, installation: Installation) -> None:
    from cryptography.fernet import Fernet

    key_file = installation.settings.key_file
    a_worker_lives(installation)
    good(run("workflows", "import", "-", typed=json.dumps(document(URL))))
    key = key_file.read_bytes()

    def wrong(name: str, *words: str) -> None:
        done = run("doctor")
        assert done.exit_code == 1 and findings(done)[name] == "WRONG", done.output
        assert "→" in done.stdout
        for word in words:
            assert word in done.stdout, word

    key_file.chmod(0o644)
    wrong("key file", "can be read by others", f"chmod 600 {key_file}")
    key_file.write_bytes(Fernet.generate_key() + b"\n")
    key_file.chmod(0o600)
    wrong("key file", "can't be read with the keys", "Restore the key file")
    key_file.unlink()
    wrong("key file", "is missing", "Restore it")
    assert not key_file.exists(), "the doctor makes no new one"
    key_file.write_bytes(key)
    key_file.chmod(0o600)
    assert run("doctor").exit_code == 0


def test_the_doctor_tells_of_a_database_that_is_older_or_none(run: Run, tmp_path: Path) -> None:
    done = run("doctor")
    assert done.exit_code == 1 and findings(done)["database"] == "WRONG"
    (tmp_path / "data").mkdir(exist_ok=True)
    for file in (tmp_path / "data").glob("webhookui.db*"):
        file.unlink()
    before_the_first_release(tmp_path / "data")
    done = run("doctor")
    assert findings(done)["database"] == "WRONG" and "webhookui workflows export" in done.stdout
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "webhookui.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    done = run("doctor", WEBHOOKUI_INSTANCE=str(broken))
    assert findings(done)["database"] == "WRONG" and "not a database" in done.stdout
    done = run("demo", WEBHOOKUI_INSTANCE=str(broken))
    assert "can't be used" in refused(done) and "doctor" in done.stderr


def test_the_doctor_asks_for_a_server_that_does_not_answer(run: Run) -> None:
    done = run("doctor", WEBHOOKUI_DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:1/none?connect_timeout=2")
    assert findings(done)["database"] == "WRONG" and "WEBHOOKUI_DATABASE_URL" in done.stdout
    assert "nobody" not in done.stdout or "password" not in done.stdout


# ---- starting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value"),
    [("PORT", "eighty"), ("RETRY_DELAYS", "1,soon"), ("ALLOWED_NETWORKS", "10.0.0.0/99"), ("WORKERS", "0"),
     ("RETENTION_DAYS", "0"), ("RETRY_DELAYS", "-5"), ("LOG_LEVEL", "LOUD"), ("TIME_ZONE", "Mars/Olympus"),
     ("LOGIN_LIMIT", "a few"), ("BASE_URL", "crm.example.com")],
)  # fmt: skip
def test_a_mistake_in_a_setting_is_a_sentence_that_names_it(run: Run, setting: str, value: str) -> None:
    done = run("run", **{f"WEBHOOKUI_{setting}": value})
    assert done.exit_code == 2 and f"WEBHOOKUI_{setting}" in done.stderr


def test_a_port_that_is_taken_is_said_with_a_way_out(run: Run) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        refusal = refused(run("run", "--port", port))
    assert f"Can't listen on 127.0.0.1:{port}" in refusal and "--port" in refusal


def test_every_command_of_the_readme_is_there_and_tells_what_it_does() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    for words in (["run"], ["web"], ["worker"], ["user", "create"], ["user", "password"],
                  ["token", "create"], ["workflows", "import"], ["workflows", "export"],
                  ["records", "import"], ["records", "export"],
                  ["demo"], ["doctor"], ["backup"], ["keys", "rotate"], ["bench"]):  # fmt: skip
        assert f"webhookui {' '.join(words)}" in readme
        shown = CliRunner().invoke(cli.main, [*words, "--help"])
        assert shown.exit_code == 0 and len(shown.output.splitlines()) > 3, words
    assert __version__ in CliRunner().invoke(cli.main, ["--version"]).output


def test_the_docs_say_what_the_code_says() -> None:
    script = Path(__file__).parent.parent / "scripts" / "make_docs.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- records ----------------------------------------------------------------------------------------------------------


def test_records_come_in_from_a_file_and_what_was_rejected_lies_beside_it(run: Run, ann: str, tmp_path: Path) -> None:
    file = tmp_path / "organizations.csv"
    file.write_bytes("Name;Website\nÄpfel & Co;apples.example\n;nobody.example\n".encode("cp1252"))
    done = run("records", "import", "organizations", str(file))
    assert good(done) == "1 created, 0 updated, 0 skipped, 1 rejected.\n"
    assert f"{file}.rejected.csv" in done.stderr
    rejected = (tmp_path / "organizations.csv.rejected.csv").read_text()
    assert rejected.splitlines() == ["Name,Website,Reason", ",nobody.example,Name is required."]
    text = "Firma,Seite\nÄPFEL & CO,https://new.example\n"
    mapping = '{"Firma": "name", "Seite": "website"}'
    again = run("records", "import", "organizations", "-", "--mapping", mapping, "--match-on", "name", "--on-match", "update",
                "--run-workflows", typed=text)  # fmt: skip
    assert good(again) == "0 created, 1 updated, 0 skipped, 0 rejected.\n"


def test_records_go_out_to_a_file_or_standard_output(run: Run, ann: str, tmp_path: Path) -> None:
    good(run("records", "import", "organizations", "-", typed="Name\n'=Acme\nBeta\n"))
    assert good(run("records", "export", "organizations", "--columns", "city")).splitlines() == [
        "Record ID,Name,City", "1,'=Acme,", "2,Beta,",
    ]  # fmt: skip
    file = tmp_path / "out.csv"
    good(run("records", "export", "organizations", str(file), "--search", "beta", "--bom"))
    assert file.read_bytes().startswith(b"\xef\xbb\xbfRecord ID,Name,") and file.read_text().count("\n") == 2


def test_what_cannot_be_imported_or_exported_is_said_in_words(run: Run, ann: str, tmp_path: Path) -> None:
    assert "no module “nothing”" in refused(run("records", "import", "nothing", "-", typed="Name\nx\n"))
    assert "file is empty" in refused(run("records", "import", "organizations", "-", typed=""))
    assert "mapping: " in refused(run("records", "import", "organizations", "-", "--mapping", "x", typed="Name\nx\n"))
    assert "match_on: " in refused(
        run("records", "import", "organizations", "-", "--match-on", "city", typed="Name\nx\n")
    )
    assert "no field" in refused(run("records", "export", "organizations", "--sort", "nothing"))
    assert "no user" in refused(
        run("records", "import", "organizations", "-", "--user", "x@example.com", typed="Name\nx\n")
    )
