"""The OpenAPI document is valid, speaks of the routes that there are, and every answer is what it says."""

from __future__ import annotations

import re

import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from tests.api.conftest import Call
from webhookui.api.openapi import OPERATIONS

THERE = {"module": "deals", "id": 1, "name": "found"}
"""What stands in a path. The first record, workflow and delivery are made by `described`."""


@pytest.fixture(scope="module")
def described(app: Flask, call: Call) -> schemathesis.BaseSchema:
    """The application as its document describes it, with a record, a workflow and a delivery to find."""
    call("POST", "/records/deals", {"values": {"name": "Found"}})
    call("POST", "/workflows", {
        "name": "Found", "module": "deals", "trigger": {"on": "create"},
        "actions": [{"type": "webhook", "title": "t", "url": "https://api.example.com/"}],
    })  # fmt: skip
    call("POST", "/records/deals", {"values": {"name": "Found too"}})
    call("POST", "/modules/deals/fields", {"label": "Found", "type": "picklist", "options": ["A", "B"]})
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("place", [f"{operation.method.upper()} {operation.path}" for operation in OPERATIONS])
def test_whatever_is_sent_the_answer_is_one_that_the_document_describes(
    described: schemathesis.BaseSchema, call: Call, place: str, mode: GenerationMode
) -> None:
    method, path = place.split()
    operation = described[f"/api/v1{path}"][method]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        return  # there is nothing to say wrongly
    headers = {"Authorization": call.authorization}  # type: ignore[attr-defined]

    # A schema can't say which modules and fields there are: what fits it may be refused all the same. And in a query an
    # empty value counts as none, whatever its schema.
    unchecked = [positive_data_acceptance] if operation.body else [positive_data_acceptance, negative_data_rejection]

    @settings(
        max_examples=15, deadline=None, derandomize=True, phases=[Phase.generate], database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = {name: THERE[name] for name in case.path_parameters}
        case.call_and_validate(headers=headers, excluded_checks=unchecked)

    check()


def test_every_route_is_described_and_nothing_else(app: Flask) -> None:
    routes = {
        (method.lower(), re.sub(r"<(?:int:)?(\w+)>", lambda match: "{" + match[1].split("_")[-1] + "}", rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and rule.endpoint != "api.openapi_document"
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    document = app.test_client().get("/api/v1/openapi.json").json
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert described == routes | {("get", path) for path in ("/healthz", "/readyz", "/metrics")}
    ids = [method["operationId"] for methods in document["paths"].values() for method in methods.values()]
    assert len(ids) == len(set(ids)) and {"listModules", "createWorkflow", "readyz"} <= set(ids)


def test_examples_fit_their_schemas_and_filters_are_described(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi.json").json
    shown = 0
    for name, schema in document["components"]["schemas"].items():
        check = jsonschema_rs.validator_for(
            {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        )
        for example in schema.get("examples", []):
            shown += 1
            assert [str(error) for error in check.iter_errors(example)] == [], name
    assert shown >= 4
    listed = document["paths"]["/api/v1/records/{module}"]["get"]["parameters"]
    filters = next(parameter for parameter in listed if parameter["name"] == "filter")
    assert filters["style"] == "deepObject" and filters["schema"]["type"] == "object"
    assert (
        "schedule"
        not in document["components"]["schemas"]["Workflow"]["properties"]["trigger"]["properties"]["on"]["enum"]
    )


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_pages_for_whoever_watches_answer_as_described(
    described: schemathesis.BaseSchema, call: Call, path: str
) -> None:
    for headers in ({}, {"Authorization": call.authorization}):  # type: ignore[attr-defined]
        described[path]["GET"].Case().call_and_validate(headers=headers, excluded_checks=[ignored_auth])


def test_the_document_needs_no_token_and_its_schemas_are_valid(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json")
    assert answer.status_code == 200 and answer.json["openapi"] == "3.1.0"
    for part in answer.json["components"]["schemas"].values():
        assert jsonschema_rs.meta.is_valid(part)
