"""Checks a webhook action before it is saved: whether it can be sent (specification sections 4 and 10).

`webhooks.definition` has refused what no single field may be; here are the rules that need more than one of them, the
placeholders or the fields of the module.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from webhookui.core.urls import host_is_fixed, url_problem
from webhookui.webhooks import capture
from webhookui.webhooks.definition import (
    MAX_RELATED,
    Capture,
    CaptureRow,
    Errors,
    Header,
    Parameter,
    Related,
    Webhook,
    WebhookAction,
    read_action,
)
from webhookui.webhooks.document_authorization import check_authorization, check_collisions
from webhookui.webhooks.document_names import check_names
from webhookui.webhooks.document_raw import check_raw
from webhookui.webhooks.document_secrets import (
    check_secret_in_url,
    check_secret_names,
    check_type_of_secret,
    secret_values,
    with_secret_names,
)
from webhookui.webhooks.header_names import header_name_problem
from webhookui.webhooks.problems import PLACEHOLDER, Problems, sentence
from webhookui.webhooks.request import CONTROL, CONTROL_IN_HEADER
from webhookui.webhooks.signature import secret_problem
from webhookui.webhooks.stored import webhook_of
from webhookui.webhooks.templating.template import Schema
from webhookui.webhooks.validation import check_buildable
from webhookui.webhooks.xml_body import namespace_problem


def parse_webhook(
    document: Mapping[str, Any],
    at: str,
    errors: Errors,
    schema: Schema,
    related_schemas: Mapping[str, Schema],
    capture_fields: Mapping[str, str],
) -> Webhook | None:
    """The webhook that a document's action describes; None when `errors` has grown. `at`: the action's path.

    `related_schemas`: the modules that step 1 of the workflow chose.
    """
    before = len(errors)
    problems = Problems(at, errors)
    problems.refuse_unstorable(document)
    misshapen: Errors = {}
    action = read_action({key: value for key, value in document.items() if key != "id"}, misshapen)
    for path, words in misshapen.items():
        problems.say(path, words)
    names = check_secret_names(problems, action)
    schema = with_secret_names(schema, names)
    related_schemas = {module: with_secret_names(related, names) for module, related in related_schemas.items()}
    values = secret_values(problems, document)
    _check_url(problems, action, schema, has_secrets=bool(values))
    check_authorization(problems, action.authorization, document.get("authorization"))
    _check_headers(problems, action.headers, schema)
    _check_parameters(problems, action.parameters, "parameters", schema)
    _check_related(problems, action.related, related_schemas)
    webhook = webhook_of(action, values)
    _check_list_style(problems, action)
    check_raw(problems, webhook, schema, related_schemas)
    check_names(problems, webhook)
    check_collisions(problems, webhook)
    _check_captures(problems, action, capture_fields)
    if action.signing and action.signing.secret is not None:
        problems.say_if("signing.secret", secret_problem(action.signing.secret))
    if len(errors) == before:
        check_buildable(problems, webhook, schema, related_schemas)
    return webhook if len(errors) == before else None


def _check_list_style(problems: Problems, action: WebhookAction) -> None:
    if action.list_style and action.method != "GET" and action.content_type != "FORM":
        problems.say("list_style", f"Only FORM and query strings have this; in {action.content_type} a list is a list.")


def _check_url(problems: Problems, action: WebhookAction, schema: Schema, *, has_secrets: bool) -> None:
    url = action.url
    if not url:
        return
    problems.template(url, "url", schema)
    check_secret_in_url(problems, url)
    if CONTROL.search(PLACEHOLDER.sub("", url)):
        problems.say("url", "An address can't contain a line break or control character.")
    if not url.startswith("{{"):  # the whole address is a placeholder: it is judged when it is known
        problems.say_if("url", sentence(url_problem(PLACEHOLDER.sub("x1", url))))
    authorized = action.authorization.type != "none"
    if (authorized or action.signing or has_secrets) and not host_is_fixed(url):
        what = "an authorization" if authorized else "a signature" if action.signing else "a secret"
        problems.say(
            "url", f"With {what}, the host must be written out, so that no record's value decides who gets the secret."
        )


def _check_headers(problems: Problems, headers: Sequence[Header], schema: Schema) -> None:
    for position, header in enumerate(headers):
        path, name, text = f"headers.{position}.", header.name, header.value
        problems.say_if(path + "name", header_name_problem(name) if name else "")
        if name and any(name.lower() == other.name.lower() for other in headers[:position]):
            problems.say(path + "name", f"The header “{name}” is listed twice.")
        if header.secret:
            continue
        if name.lower() == "content-type" and not text.strip():
            problems.say(path + "value", "Enter the media type, or remove the row: it is then determined by the body.")
        if CONTROL_IN_HEADER.search(text.strip()):
            problems.say(path + "value", "A line break or control character can't be sent in a header.")
        problems.template(text, path + "value", schema)


def _check_parameters(problems: Problems, rows: Sequence[Parameter], at: str, schema: Schema) -> None:
    for position, row in enumerate(rows):
        path = f"{at}.{position}."
        if not row.secret:
            problems.template(row.value, path + "value", schema)
        check_type_of_secret(problems, row, path, named=bool(schema.alone))


def _check_related(problems: Problems, related: Sequence[Related], schemas: Mapping[str, Schema]) -> None:
    if len(related) > MAX_RELATED:
        problems.say("related", f"At most {MAX_RELATED} related modules; there are {len(related)}.")
    for position, group in enumerate(related[:MAX_RELATED]):
        path, module = f"related.{position}.", group.module
        if module and module not in schemas:
            problems.say(path + "module", f"“{module}” is not among the related modules of the workflow (step 1).")
        elif module and any(module == other.module for other in related[:position]):
            problems.say(path + "module", f"“{module}” is listed twice.")
        _check_parameters(problems, group.parameters, f"{path}parameters", schemas.get(module) or Schema({}))


def _check_captures(problems: Problems, action: WebhookAction, fields: Mapping[str, str]) -> None:
    taken = action.capture or Capture()
    for prefix, uri in taken.namespaces.items():
        problems.say_if("capture.namespaces", namespace_problem(prefix, uri))
    for name, rows in (("on_success", taken.on_success), ("on_failure", taken.on_failure)):
        for position, row in enumerate(rows):
            _check_capture_row(problems, taken, row, rows[:position], f"capture.{name}.{position}.", fields)
    if action.success_if:
        _check_path(problems, action.success_if.type, action.success_if.path, taken.namespaces, "success_if.path")


def _check_capture_row(
    problems: Problems,
    taken: Capture,
    row: CaptureRow,
    before: Sequence[CaptureRow],
    path: str,
    fields: Mapping[str, str],
) -> None:
    _check_path(problems, taken.type, row.path, taken.namespaces, path + "path")
    if row.field and row.field not in fields:
        problems.say(path + "field", f"There is no field “{row.field}”.")
    elif row.field in [other.field for other in before]:
        problems.say(path + "field", f"“{row.field}” is already filled by another row.")


def _check_path(problems: Problems, kind: str, path: str, namespaces: Mapping[str, str], at: str) -> None:
    if not path:
        return
    try:
        capture.check_path(kind, path, namespaces)
    except capture.PathError as error:
        where = f" (column {error.column})" if error.column else ""
        problems.say(at, f"The path can't be read{where}: {error}")
