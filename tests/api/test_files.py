"""Records in and out as CSV files, through the API (specification section 10)."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.conftest import Call
from webhookui.core import background_jobs


def send(call: Call, text: str, module: str = "contacts", **parts: str) -> TestResponse:
    data: dict[str, Any] = {"file": (io.BytesIO(text.encode()), "list.csv"), **parts}
    return call("POST", f"/records/{module}/import", data=data, content_type="multipart/form-data")


def work(app: Flask) -> None:
    installation = app.extensions["webhookui"]
    while background_jobs.work(installation.db, installation.queue.kinds):
        pass


def test_a_file_comes_in_as_a_job_and_what_was_rejected_can_be_fetched(app: Flask, call: Call) -> None:
    text = "Surname;Geboren;Mail\nLee;1.2.1990;lee@example.com\nRay;31.2.1990;\n"
    mapping = {"Surname": "last_name", "Geboren": "birthday", "Mail": None}
    answer = send(call, text, mapping=json.dumps(mapping), run_workflows="true")
    assert answer.status_code == 202 and answer.json is not None
    assert answer.headers["Location"] == f"/api/v1/jobs/{answer.json['id']}"
    assert (answer.json["kind"], answer.json["state"], answer.json["total"]) == ("import", "waiting", 2)
    work(app)
    job = call("GET", f"/jobs/{answer.json['id']}").json
    assert (job["state"], job["created"], job["rejected"]) == ("finished", 1, 1)
    rejected = call("GET", f"/jobs/{answer.json['id']}/rejected.csv")
    assert rejected.text.splitlines()[0] == "Surname,Geboren,Mail,Reason"
    assert rejected.text.splitlines()[1].startswith("Ray,31.2.1990,,")
    found = call("GET", "/records/contacts?q=Lee").json["items"][0]["values"]
    assert (found["birthday"], found["email"]) == ("1990-02-01", None)


def test_duplicates_are_updated_by_a_field(app: Flask, call: Call) -> None:
    send(call, "Last name,E-mail\nOld,dup@example.com\n")
    work(app)
    answer = send(call, "Last name,E-mail\nNew,DUP@example.com\n", match_on="email", on_match="update")
    work(app)
    job = call("GET", f"/jobs/{answer.json['id']}").json  # type: ignore[index]
    assert (job["created"], job["updated"]) == (0, 1)


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"mapping": "nonsense"}, "mapping"),
        ({"mapping": '["email"]'}, "mapping"),
        ({"mapping": '{"Nothing": "email"}'}, "mapping"),
        ({"mapping": '{"Last name": 5}'}, "mapping"),
        ({"match_on": "nothing"}, "match_on"),
        ({"on_match": "explode"}, "on_match"),
        ({"encoding": "klingon"}, "encoding"),
        ({"separator": "x"}, "separator"),
        ({"date_order": "ydm"}, "date_order"),
        ({"decimal_sign": "x"}, "decimal_sign"),
        ({"run_workflows": "perhaps"}, "run_workflows"),
        ({"dry": "true"}, "dry"),
    ],
)
def test_what_cannot_be_is_refused_by_its_part(call: Call, parts: dict[str, str], field: str) -> None:
    answer = send(call, "Last name,E-mail\nLee,a@example.com\n", **parts)
    assert answer.status_code == 422 and list(answer.json["error"]["fields"]) == [field]  # type: ignore[index]


def test_a_file_that_is_none_is_refused(app: Flask, call: Call) -> None:
    for answer, status in (
        (send(call, ""), 422),
        (send(call, "Last name\nLee\n", module="nothing"), 404),
        (call("POST", "/records/contacts/import", {"file": "x"}), 415),
        (call("POST", "/records/contacts/import", data={"on_match": "skip"}, content_type="multipart/form-data"), 422),
    ):
        assert answer.status_code == status, answer.text
    settings = app.extensions["webhookui"].settings
    answer = send(call, "x" * (settings.import_limit // 100))
    assert answer.status_code == 422  # no module's field, but not too large
    with app.extensions["webhookui"].db.read() as session:
        from webhookui.crm.imports.tables import ImportFile

        assert [file for file in session.query(ImportFile) if file.job_id is None] == []


def test_a_file_that_is_too_large_is_refused(app: Flask, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = app.extensions["webhookui"].settings
    monkeypatch.setitem(settings.__dict__, "import_limit", 1000)  # the setting's least value takes long to send
    answer = send(call, "x" * 100_000)
    assert answer.status_code == 413 and answer.json["error"]["code"] == "too_large"  # type: ignore[index]


def test_a_list_is_exported_with_its_filters_and_columns(app: Flask, call: Call) -> None:
    for name, stage in (("=Alpha", "New"), ("Beta", "Proposal")):
        call("POST", "/records/deals", {"values": {"name": name, "stage": stage, "amount": "-5"}})
    answer = call("GET", "/records/deals/export.csv?filter[stage]=New&columns=stage,amount")
    assert answer.mimetype == "text/csv"
    head, line = answer.text.splitlines()
    assert head == "Record ID,Name,Stage,Amount" and line.partition(",")[2] == "'=Alpha,New,-5.00"
    everything = call("GET", "/records/deals/export.csv?bom=true&sort=-name")
    assert everything.data.startswith(b"\xef\xbb\xbfRecord ID,Name,") and everything.text.count("\n") == 3
    for query, field in (
        ("filter[nothing]=x", "filter[nothing]"), ("sort=nothing", "sort"), ("columns=nothing", "columns"), ("bom=x", "bom"),
        ("limit=5", "limit"),
    ):  # fmt: skip
        refused = call("GET", f"/records/deals/export.csv?{query}")
        assert refused.status_code == 422 and list(refused.json["error"]["fields"]) == [field]  # type: ignore[index]
