"""Files in and out in the browser, step by step without JavaScript (specification section 2)."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.support import pages
from webhookui.core import background_jobs
from webhookui.core.database import Database
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.crm.tables import Record

GERMAN = "Vorname;Last name;E-mail;Birthday\nJürgen;Müller;j@example.com;01.02.1990\nJörg;Weiß;no address;1.13.1990\n"


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("files")) as app:
        yield app


@pytest.fixture
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


def database(app: Flask) -> Database:
    db: Database = app.extensions["webhookui"].db
    return db


def names(app: Flask) -> list[str]:
    with database(app).read() as session:
        return list(session.scalars(select(Record.name).where(Record.module == "contacts")))  # type: ignore[call-overload]


def upload(client: FlaskClient, data: bytes) -> str:
    """The address of the page that shows what the file is."""
    form = {"file": (io.BytesIO(data), "kunden.csv")}
    answer = client.post("/records/contacts/import", data=form, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def chosen(page: str, name: str) -> str:
    """What a select of the page shows."""
    select_ = re.search(rf'<select[^>]* name="{re.escape(name)}".*?</select>', page, re.DOTALL)
    assert select_ is not None, name
    option = re.search(r'<option value="([^"]*)" selected', select_[0])
    return html.unescape(option[1]) if option else ""


def test_a_list_comes_in_step_by_step(app: Flask, ann: FlaskClient) -> None:
    assert 'href="/records/contacts/import"' in ann.get("/records/contacts").text
    address = upload(ann, GERMAN.encode("cp1252"))
    page = ann.get(address).text
    shown = {name: chosen(page, name) for name in ("encoding", "separator", "field.0", "field.1", "field.3", "form.3")}
    assert shown == {
        "encoding": "cp1252", "separator": ";", "field.0": "", "field.1": "last_name", "field.3": "birthday", "form.3": "dmy",
    }  # fmt: skip
    assert "01.02.1990 → 1990-02-01" in text(page) and re.search(r"created 1 .*rejected 1 ", text(page))
    assert "Row 2 Birthday: “1.13.1990” is not a date like" in text(page)
    assert names(app) == []
    page = ann.post(address, data={"field.0": "first_name"}, follow_redirects=True).text
    assert chosen(page, "field.0") == "first_name" and chosen(page, "field.1") == "last_name"
    answer = ann.post(address, data={"then": "start"})
    assert answer.status_code == 303 and re.fullmatch(r"/jobs/\d+", answer.headers["Location"])
    while background_jobs.work(database(app), app.extensions["webhookui"].queue.kinds):
        pass
    page = text(ann.get(answer.headers["Location"]).text)
    assert "1 created, 1 rejected." in page and "kunden.csv" in page
    assert names(app) == ["Jürgen Müller"]
    rejected = ann.get(f"{answer.headers['Location']}/rejected.csv").text.splitlines()
    assert rejected[0] == "Vorname,Last name,E-mail,Birthday,Reason" and rejected[1].startswith(
        "Jörg,Weiß,no address,1.13.1990,"
    )
    assert ann.get(address).status_code == 404, "the file was taken in already"


def test_what_was_recognised_can_be_changed(ann: FlaskClient) -> None:
    address = upload(ann, b"Name,Last name;Amount\nCaf\xe9,Lee;5\n")
    page = ann.post(address, data={"separator": ",", "encoding": "cp1252"}, follow_redirects=True).text
    assert chosen(page, "separator") == "," and "Last name;Amount" in text(page)
    page = ann.post(address, data={"encoding": "cp1251"}, follow_redirects=True).text
    assert "Cafй" in text(page)
    address = upload(ann, b"Last name;Birthday\nLee;1/2/1990\n")
    assert "check this" in ann.get(address).text
    page = ann.post(address, data={"form.1": "dmy"}, follow_redirects=True).text
    assert "1/2/1990 → 1990-02-01" in text(page)


def test_bytes_that_are_no_text_are_shown_and_rejected(app: Flask, ann: FlaskClient) -> None:
    address = upload(ann, "Last name,Caf\x9d,Record ID\nL\x81ee,x,\nRay,y,\x81\n".encode("latin-1"))
    page = ann.post(address, data={"encoding": "cp1252", "match_on": "id"}, follow_redirects=True).text
    assert "Caf\ufffd" in page and "L\ufffdee" in page and "bytes that are no text in cp1252" in text(page)
    job = ann.post(address, data={"then": "start"}).headers["Location"]
    while background_jobs.work(database(app), app.extensions["webhookui"].queue.kinds):
        pass
    assert "2 rejected." in text(ann.get(job).text)
    assert ann.get(f"{job}/rejected.csv").text.splitlines()[1].startswith("L\ufffdee,x,,Last name: ")


def test_a_choice_that_cannot_be_is_told_at_its_place_and_starts_nothing(app: Flask, ann: FlaskClient) -> None:
    address = upload(ann, b"Last name;Note;E-mail\nLee;x;\n")
    for form, words in (
        ({"field.1": "last_name"}, "Last name is chosen for more than one column."),
        ({"field.1": "", "match_on": "phone"}, "No column of the file is imported as Phone."),
        ({"match_on": "", "field.0": "", "field.2": ""}, "Choose a field for at least one column."),
        ({"field.0": "last_name", "on_match": "explode"}, "One of: skip, update, create."),
    ):
        answer = ann.post(address, data={**form, "then": "start"})
        assert answer.status_code == 422 and words in text(answer.text)
    assert names(app) == []


@pytest.mark.parametrize(
    ("data", "words"), [(None, "Choose a file."), (b"", "The file is empty"), (b"\n;\n", "The file is empty")]
)
def test_no_file_is_refused_with_a_sentence(ann: FlaskClient, data: bytes | None, words: str) -> None:
    form = {} if data is None else {"file": (io.BytesIO(data), "x.csv")}
    answer = ann.post("/records/contacts/import", data=form, content_type="multipart/form-data")
    assert answer.status_code == 422 and words in text(answer.text)


def test_a_file_that_is_too_large_is_refused_with_the_setting(
    app: Flask, ann: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = app.extensions["webhookui"].settings
    monkeypatch.setitem(settings.__dict__, "import_limit", 2**20)
    form = {"file": (io.BytesIO(b"x" * 2**21), "x.csv")}
    answer = ann.post("/records/contacts/import", data=form, content_type="multipart/form-data")
    assert answer.status_code == 413 and "at most 1 MB" in answer.text and "WEBHOOKUI_IMPORT_LIMIT" in answer.text


def test_another_user_sees_neither_file_nor_job(app: Flask, ann: FlaskClient) -> None:
    address = upload(ann, b"Last name\nLee\n")
    job = ann.post(address, data={"then": "start"}).headers["Location"]
    other = upload(ann, b"Last name\nRay\n")
    sam = pages.user(app)
    assert sam.get(other).status_code == 404 and sam.post(other, data={"then": "start"}).status_code == 404
    assert sam.get(job).status_code == 403 and sam.get(f"{job}/rejected.csv").status_code == 403


def test_the_list_is_exported_as_it_is_shown(app: Flask, ann: FlaskClient) -> None:
    with database(app).write() as session:
        for name, city in (("Lee", "Rome"), ("Ray", "Oslo")):
            records.create(session, "contacts", {"last_name": name, "city": city}, Actor("person", "Ann"))
    page = ann.get("/records/contacts?filter[city]=Oslo&columns=city").text
    form = re.search(r'<form[^>]* id="list-export">.*?</form>', page, re.DOTALL)
    assert form is not None
    sent = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form[0]))
    answer = ann.get("/records/contacts/export.csv", query_string={**sent, "bom": "1"})
    assert answer.headers["Content-Disposition"] == "attachment; filename=contacts.csv"
    lines = answer.data.decode("utf-8-sig").splitlines()
    assert lines[0] == "Record ID,First name,Last name,City" and [line.split(",", 1)[1] for line in lines[1:]] == [
        ",Ray,Oslo"
    ]
    everything = ann.get("/records/contacts/export.csv?all=1").text.splitlines()
    assert len(everything) == 3 and "Do not call" in everything[0]
    broken = ann.get("/records/contacts/export.csv?filter[birthday]=nonsense&op[birthday]=before")
    assert "is not a date" in text(ann.get(broken.headers["Location"]).text)
