"""The schema of an action: how documents and stored rows are read by it."""

from __future__ import annotations

from webhookui.webhooks.definition import Errors, read_action
from webhookui.webhooks.stored import from_definition, webhook_document


def test_every_mistake_is_said_at_once_and_the_rest_is_read() -> None:
    errors: Errors = {}
    action = read_action({
        "title": " ", "url": "https://a.example/", "method": "HEAD", "timeout_s": "10", "colour": "red", "capture": 3,
        "headers": [{"name": "X-A", "value": 5}, "X-B: 1", {"name": "X-C", "value": "c", "secret": "yes"}],
        "related": [{"parameters": [{"name": "b", "colour": 1}]}], "authorization": {"type": "digest"},
    }, errors)  # fmt: skip
    assert errors == {
        "title": "Enter a title for the action.",
        "method": "“HEAD” is not one of: GET, POST, PUT, PATCH, DELETE.",
        "timeout_s": "This must be a number from 1 to 60.",
        "colour": "There is no key “colour” here.",
        "capture": "This must be an object with a type.",
        "headers.0.value": "“value” must be text.",
        "headers.1": "This must be an object.",
        "headers.2.secret": "“secret” must be true or false.",
        "related.0.module": "Choose a related module.",
        "related.0.parameters.0.colour": "There is no key “colour” here.",
        "authorization.type": "“digest” is not one of: none, basic, bearer, api_key, oauth2.",
    }
    assert action.url == "https://a.example/" and action.timeout_s == 10
    assert [header.name for header in action.headers] == ["X-A", "", "X-C"] and action.headers[2].value == "c"


def test_what_was_stored_stays_whatever_the_rules_are_now() -> None:
    stored = webhook_document(from_definition({"title": "A", "url": "https://a.example/"}, {}))
    older = {**stored, "method": "PURGE", "timeout_s": 300, "title": "", "an_option_that_is_gone": True}
    webhook = from_definition(older, {})
    assert (webhook.method, webhook.timeout_s, webhook.title) == ("PURGE", 300, "")
    assert webhook_document(webhook) == {**stored, "method": "PURGE", "timeout_s": 300, "title": ""}
