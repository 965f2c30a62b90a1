"""Bad input, one table: whichever door it comes through, the same sentence stands at the same path and nothing typed is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from tests.support import pages
from tests.web.workflow_editor.test_workflows import errors, value_of
from webhookui import cli
from webhookui.people import accounts, tokens
from webhookui.workflows import store

URL = "https://api.example.com/invoices"
PARAMETER = {"name": "amount", "value": "{{ amount }}", "type": "auto"}


def action(**changes: Any) -> dict[str, Any]:
    return {"type": "webhook", "title": "Create invoice", "url": URL, "method": "POST", "content_type": "JSON",
            "authorization": {"type": "none"}, "headers": [{"name": "X-Source", "value": "crm"}],
            "parameters": [PARAMETER], **changes}  # fmt: skip


def workflow(**changes: Any) -> dict[str, Any]:
    """A document that can be saved, but for the changes. What is given here is what a person types into the form."""
    return {
        "name": "Invoice closed deals", "description": "Typed with care", "module": "deals", "active": True,
        "related_modules": ["contacts"], "trigger": {"on": "create_or_update", "recurrence": "every_time"},
        "criteria": {"all": [{"field": "stage", "operator": "is", "value": "Closed Won"}], "any": []},
        "actions": [action()], **changes,
    }  # fmt: skip


def condition(**changes: Any) -> dict[str, Any]:
    return {"all": [{"field": "close_date", "operator": "before", "value": "2026-12-31", **changes}], "any": []}


SIX = ["organizations", "leads", "deals", "cases", "invoices", "tasks"]
RELATED = [{"module": name, "parameters": [{"name": "n", "value": "{{ record.id }}"}]} for name in SIX]

WORKFLOWS: dict[str, tuple[dict[str, Any], str, str]] = {
    "no URL": (workflow(actions=[action(url="")]), "actions.0.url", "Enter the URL"),
    "a URL that is not http(s)": (workflow(actions=[action(url="ftp://files.example.com/")]), "actions.0.url", "http"),
    "a URL without a host": (workflow(actions=[action(url="https:///invoices")]), "actions.0.url", "host"),
    "a placeholder that does not exist": (
        workflow(actions=[action(parameters=[{**PARAMETER, "value": "{{ amout }}"}])]), "actions.0.parameters.0.value", "amout",
    ),
    "a placeholder that does not exist in the URL": (
        workflow(actions=[action(url=URL + "/{{ contact.emial }}")]), "actions.0.url", "emial",
    ),
    "a placeholder that does not exist in a header": (
        workflow(actions=[action(headers=[{"name": "X-Who", "value": "{{ owner.nmae }}"}])]), "actions.0.headers.0.value",
        "nmae",
    ),
    "a placeholder that is not closed": (
        workflow(actions=[action(parameters=[{**PARAMETER, "value": "{{ amount"}])]), "actions.0.parameters.0.value", "",
    ),
    "a parameter without a name": (
        workflow(actions=[action(parameters=[PARAMETER, {"name": "", "value": "1"}])]), "actions.0.parameters.1.name", "name",
    ),
    "a duplicate name": (
        workflow(actions=[action(parameters=[PARAMETER, {"name": "amount", "value": "2"}])]), "actions.0.parameters.1.name",
        "amount",
    ),
    "a duplicate header": (
        workflow(actions=[action(headers=[{"name": "X-A", "value": "1"}, {"name": "x-a", "value": "2"}])]),
        "actions.0.headers.1.name", "twice",
    ),
    "a fourth webhook": (workflow(actions=[action(title=f"Number {n}") for n in range(4)]), "actions", "at most 3"),
    "a sixth related module": (
        workflow(module="contacts", related_modules=SIX, criteria={"all": [], "any": []},
                 actions=[action(parameters=[{"name": "email", "value": "{{ email }}"}], related=RELATED)]),
        "actions.0.related", "At most 5",
    ),
    "a condition without a value": (workflow(criteria=condition(value="")), "criteria.all.0.value", "needs a value"),
    "a condition whose date is none": (workflow(criteria=condition(value="2026-02-30")), "criteria.all.0.value", "not a date"),
    "a condition without a field": (
        workflow(criteria=condition(field="", value="2026-01-01")), "criteria.all.0.field", "Choose a field",
    ),
    "an operator that does not fit": (workflow(criteria=condition(operator="starts_with")), "criteria.all.0.operator", "fit"),
    "a schedule, which does not run": (
        workflow(trigger={"on": "schedule", "schedule": {"every": "day", "at": "02:30", "time_zone": "Europe/Prague"}}),
        "trigger.on", "do not run yet",
    ),
    "text that is no number": (
        workflow(actions=[action(parameters=[{**PARAMETER, "value": "abc", "type": "number"}])]),
        "actions.0.parameters.0.value", "“abc” is not a number",
    ),
    "text that is no JSON": (
        workflow(actions=[action(parameters=[PARAMETER, {"name": "b", "value": "{not json", "type": "json"}])]),
        "actions.0.parameters.1.value", "not JSON",
    ),
    "a filter that does not take the type": (
        workflow(actions=[action(parameters=[{**PARAMETER, "value": "{{ name|round(1) }}"}])]),
        "actions.0.parameters.0.value", "the filter “round”",
    ),
    "a method that templates do not have": (
        workflow(actions=[action(headers=[{"name": "X-A", "value": '{{ "{:,.2f}".format(amount) }}'}])]),
        "actions.0.headers.0.value", "can't be filled in",
    ),
    "a required parameter that is always empty": (
        workflow(actions=[action(parameters=[{"name": "b", "value": "", "required": True}])]),
        "actions.0.parameters.0.value", "is empty",
    ),
    "XML of a name that is none": (
        workflow(actions=[action(content_type="XML", parameters=[{"name": "b", "value": '{"c d": 1}', "type": "json"}])]),
        "actions.0.parameters.0.value", "not a legal XML name",
    ),
    "a RAW body that is no JSON": (
        workflow(actions=[action(content_type="RAW", media_type="application/json", body='{"a": {{ amount }}', parameters=[])]),
        "actions.0.body", "JSON",
    ),
    "no name": (workflow(name="  "), "name", "Enter a name for the workflow"),
}  # fmt: skip


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with pages.app_in(tmp_path_factory.mktemp("bad")) as app:
        yield app


@pytest.fixture(scope="module")
def ann(app: Flask) -> FlaskClient:
    return pages.admin(app)


@pytest.fixture(scope="module")
def token(app: Flask, ann: FlaskClient) -> str:
    with app.extensions["webhookui"].db.write() as session:
        return tokens.create(session, accounts.by_email(session, pages.ADMIN[0]), "tests")


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """A document as the inputs of the form: named by their path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], str):
        for item in value:
            yield f"{path}[]", item
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from flat(inner, f"{path}.{position}")
    else:
        yield path, "1" if value is True else str(value)


def form_of(document: dict[str, Any]) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    for name, text in flat(document):
        form.setdefault(name, []).append(text)
    for position, action in enumerate(document["actions"]):
        if action.get("related"):
            form[f"actions.{position}.related_on"] = ["1"]
    return form


def test_the_document_without_a_mistake_is_saved_through_every_door(app: Flask, ann: FlaskClient, token: str) -> None:
    assert ann.post("/settings/workflows", data=form_of(workflow())).status_code == 303
    assert ann.post("/settings/workflows/import", data={"document": json.dumps(workflow())}).status_code == 303
    headers = {"Authorization": f"Bearer {token}"}
    assert app.test_client().post("/api/v1/workflows", json=workflow(), headers=headers).status_code == 201
    assert imported(app, json.dumps(workflow())).exit_code == 0


def imported(app: Flask, text: str) -> Any:
    """What `webhookui workflows import -` answers."""
    environment = {"WEBHOOKUI_INSTANCE": str(app.extensions["webhookui"].settings.instance)}
    return CliRunner().invoke(cli.main, ["workflows", "import", "-"], input=text, env=environment)


@pytest.mark.parametrize("case", WORKFLOWS)
def test_every_door_says_the_same_at_the_same_path(app: Flask, ann: FlaskClient, token: str, case: str) -> None:
    document, path, words = WORKFLOWS[case]
    with app.extensions["webhookui"].db.read() as session:
        before = len(store.list_all(session))
    answer = app.test_client().post("/api/v1/workflows", json=document, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 422
    fields = answer.json["error"]["fields"]
    assert list(fields) == [path] and words in fields[path]

    text = json.dumps(document, indent=1)
    page = ann.post("/settings/workflows/import", data={"document": text})
    assert page.status_code == 422 and value_of(page.text, "document") == text
    assert path in page.text and fields[path] in unescape(page.text)

    line = imported(app, text)
    assert line.exit_code == 1 and line.stderr.splitlines() == [f"{path}: {fields[path]}", "Nothing was imported."]

    form = form_of(document)
    page = ann.post("/settings/workflows", data=form)
    assert page.status_code == 422
    assert errors(page.text) == {path: fields[path]}
    for name, texts in form.items():
        if not name.endswith(("[]", ".on", "_on", ".type", "recurrence", "active")):
            assert value_of(page.text, name) == texts[-1], name
    with app.extensions["webhookui"].db.read() as session:
        assert len(store.list_all(session)) == before, "nothing is half-saved"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{nonsense", "is not JSON"),
        ('{"name": "x",\n "module": }', "line 2, column 12"),
        ("", "is not JSON"),
        ('"a text"', "A workflow must be a JSON object."),
        ("[1, 2]", "0: A workflow must be a JSON object."),
        ("{}", "name: Enter a name for the workflow."),
        ('{"name": "W", "module": "deals", "trigger": {"on": "create"}, "colour": 1}', "colour: Unknown key"),
    ],
)
def test_a_file_that_is_no_workflow_is_refused_by_the_command_line(app: Flask, text: str, words: str) -> None:
    line = imported(app, text)
    assert line.exit_code == 1 and line.stdout == ""
    assert words in line.stderr and "Traceback" not in line.stderr


# ---- records ----------------------------------------------------------------------------------------------------------

RECORDS: dict[str, tuple[str, dict[str, str], str, str]] = {
    "an e-mail that is none": ("contacts", {"last_name": "Roe", "email": "jo at example"}, "email", "not an e-mail address"),
    "a date that is none": ("deals", {"name": "Big deal", "close_date": "2026-02-30"}, "close_date", "not a date"),
    "a time that is none": ("cases", {"title": "Late", "due_at": "tomorrow"}, "due_at", "not a time"),
    "an amount that is none": ("deals", {"name": "Big deal", "amount": "12,5o"}, "amount", "not a number"),
    "a web address that is none": (
        "organizations", {"name": "Acme", "website": "javascript:alert(1)"}, "website", "not a web address",
    ),
    "a phone number that is none": ("contacts", {"last_name": "Roe", "phone": "call me"}, "phone", "not a phone number"),
    "no name": ("deals", {"name": "", "next_step": "Typed"}, "name", "Name is required."),
}  # fmt: skip


@pytest.mark.parametrize("case", RECORDS)
def test_a_record_says_the_same_in_the_form_in_place_and_through_the_api(
    app: Flask, ann: FlaskClient, token: str, case: str
) -> None:
    module, values, field, words = RECORDS[case]
    headers = {"Authorization": f"Bearer {token}"}
    answer = app.test_client().post(f"/api/v1/records/{module}", json={"values": values}, headers=headers)
    assert answer.status_code == 422
    fields = answer.json["error"]["fields"]
    assert list(fields) == [f"values.{field}"] and words in fields[f"values.{field}"]
    page = ann.post(f"/records/{module}", data={"on_form": list(values), **values})
    assert page.status_code == 422
    example = ("Write it like 1250.00.", "Write it like 1,250.50.")  # in the format of the user's account
    assert {name: said for name, said in errors(page.text).items() if said} == {
        field: fields[f"values.{field}"].replace(*example)
    }
    for name, typed in values.items():
        assert value_of(page.text, name) == typed, name

    good = {name: value for name, value in values.items() if name != field or name in ("name", "title")}
    good = {name: value or "There" for name, value in good.items()}
    record = app.test_client().post(f"/api/v1/records/{module}", json={"values": good}, headers=headers).json
    place = f"/records/{module}/{record['id']}/fields/{field}"
    in_place = ann.post(
        place, data={"on_form": [field], field: values[field], "version": "1"}, headers={"HX-Request": "true"}
    )
    assert in_place.status_code == 422 and fields[f"values.{field}"].replace(*example) in unescape(in_place.text)
    assert value_of(in_place.text, field) == values[field]
