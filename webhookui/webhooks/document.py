"""The action of a workflow document: checked into a Webhook, and back (specification section 10).
Errors are keyed by their path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webhookui.core.urls import host_is_fixed, url_problem
from webhookui.webhooks import capture
from webhookui.webhooks.authorization import AUTHORIZATIONS
from webhookui.webhooks.content_types import CONTENT_TYPES
from webhookui.webhooks.definition import (
    DEFAULT_TIMEOUT_S,
    LONGEST_TIMEOUT_S,
    MAX_RELATED,
    METHODS,
    PARAMETER_TYPES,
    Capture,
    CaptureRow,
    Header,
    Parameter,
    Related,
    SuccessIf,
    Webhook,
)
from webhookui.webhooks.document_authorization import check_collisions, parse_authorization
from webhookui.webhooks.document_names import check_names
from webhookui.webhooks.document_raw import parse_raw
from webhookui.webhooks.document_reader import PLACEHOLDER, DocumentReader, Errors
from webhookui.webhooks.document_secrets import (
    check_secret_in_url,
    check_type_of_secret,
    secret_names,
    secret_values,
    with_secret_names,
)
from webhookui.webhooks.form_body import LIST_STYLES
from webhookui.webhooks.header_names import header_name_problem
from webhookui.webhooks.raw_body import RAW
from webhookui.webhooks.request import CONTROL, CONTROL_IN_HEADER
from webhookui.webhooks.secret_values import Places
from webhookui.webhooks.signature import secret_problem
from webhookui.webhooks.templating.template import Schema
from webhookui.webhooks.validation import check_buildable
from webhookui.webhooks.values import as_text
from webhookui.webhooks.xml_body import namespace_problem

KEYS = {
    "id", "type", "title", "description", "url", "method", "content_type", "authorization", "headers", "parameters",
    "related", "capture", "timeout_s", "xml_root", "signing", "drop_stale_retries", "success_if", "rate_limit_per_s",
    "follow_redirects", "list_style", "media_type", "body", "secrets",
}  # fmt: skip


def parse_webhook(
    document: Mapping[str, Any],
    at: str,
    errors: Errors,
    schema: Schema,
    related_schemas: Mapping[str, Schema],
    capture_fields: Mapping[str, str],
    stored_secrets: Mapping[str, str] | None = None,
) -> Webhook | None:
    """The webhook that a document's action describes; None when `errors` has grown. `at`: the action's path.

    `related_schemas`: the modules that step 1 of the workflow chose. `stored_secrets`: what null stands for.
    """
    before = len(errors)
    reader = DocumentReader(at, errors)
    reader.refuse_unknown(document, KEYS)
    reader.choice(document, "type", ("webhook",), "webhook")
    reader.refuse_unstorable(document)
    title = reader.text(document, "title", required="Enter a title for the action.")
    description = reader.text(document, "description")
    url = reader.text(document, "url", required="Enter the URL to notify.")
    names = secret_names(reader, document.get("secrets"))
    schema = with_secret_names(schema, names)
    related_schemas = {
        module: with_secret_names(related_schema, names) for module, related_schema in related_schemas.items()
    }
    _check_url(reader, url, schema)
    method = reader.choice(document, "method", METHODS, "POST")
    content_type = reader.choice(document, "content_type", (*CONTENT_TYPES, RAW), "JSON")
    authorization = parse_authorization(reader, document.get("authorization"), stored_secrets or {})
    places = Places()
    headers = _headers(reader, document.get("headers"), schema, places)
    parameters = _parameters(reader, document.get("parameters"), "parameters", schema, places)
    related = _related(reader, document.get("related"), related_schemas, places)
    values = secret_values(reader, document)
    list_style = _list_style(reader, document.get("list_style"), method, content_type)
    media_type, body = parse_raw(reader, document, (method, content_type), parameters, related, schema, related_schemas)
    xml_root = reader.text(document, "xml_root") or "root"
    check_names(reader, parameters, related, method, content_type, xml_root)
    in_query = (
        [*(row.name for row in parameters), *(related_row.key for related_row in related)] if method == "GET" else []
    )
    check_collisions(reader, authorization, headers, url, in_query)
    capture = _capture(reader, document.get("capture"), capture_fields)
    success_if = _success_if(reader, document.get("success_if"), capture.namespaces if capture else {})
    signing, secret = _signing(reader, document.get("signing"))
    authorized = bool(AUTHORIZATIONS[authorization.type].secret)
    if url and (authorized or signing or values) and not host_is_fixed(url):
        what = "an authorization" if authorized else "a signature" if signing else "a secret"
        reader.say(
            "url", f"With {what}, the host must be written out, so that no record's value decides who gets the secret."
        )
    timeout_s = reader.number(document, "timeout_s", DEFAULT_TIMEOUT_S, 1, LONGEST_TIMEOUT_S)
    rate = document.get("rate_limit_per_s")
    rate_limit = reader.number(document, "rate_limit_per_s", 0, 0.01, 1000) if rate is not None else None
    drop_stale = reader.truth(document, "drop_stale_retries")
    follow = reader.truth(document, "follow_redirects")
    if len(errors) > before:
        return None
    webhook = Webhook(
        title, url, description, method, content_type, authorization, headers, parameters, related, capture, timeout_s,
        xml_root, signing, secret, drop_stale, success_if, rate_limit, follow, list_style, media_type, body,
        secret_names=names, secret_values=values,
    )  # fmt: skip
    check_buildable(reader, webhook, schema, related_schemas)
    return webhook if len(errors) == before else None


def _list_style(reader: DocumentReader, value: Any, method: str, content_type: str) -> str | None:
    """How lists are written; None leaves it at what it was before there was a choice."""
    if value is None:
        return None
    if not isinstance(value, str) or value not in LIST_STYLES:
        reader.say("list_style", f"“{value}” is not one of: {', '.join(LIST_STYLES)}.")
    elif method != "GET" and content_type != "FORM":
        reader.say("list_style", f"Only FORM and query strings have this; in {content_type} a list is a list.")
    return str(value)


def _check_url(reader: DocumentReader, url: str, schema: Schema) -> None:
    if not url:
        return
    reader.template(url, "url", schema)
    check_secret_in_url(reader, url)
    if CONTROL.search(PLACEHOLDER.sub("", url)):
        reader.say("url", "An address can't contain a line break or control character.")
    if url.startswith("{{"):
        return  # the whole address is a placeholder; it is judged when it is known
    example = PLACEHOLDER.sub("x1", url)
    problem = url_problem(example)
    if problem:
        reader.say("url", problem[0].upper() + problem[1:])


def _headers(reader: DocumentReader, value: Any, schema: Schema, places: Places) -> tuple[Header, ...]:
    headers: list[Header] = []
    for position, row in reader.objects(value, "headers"):
        path = f"headers.{position}."
        reader.refuse_unknown(row, {"name", "value", "secret"}, path)
        name = reader.text(row, "name", path, required="Enter a name for the header.")
        text = reader.text(row, "value", path)
        reader.say_if(path + "name", header_name_problem(name) if name else "")
        if name and any(name.lower() == other.name.lower() for other in headers):
            reader.say(path + "name", f"The header “{name}” is listed twice.")
        if reader.truth(row, "secret", path):
            headers.append(Header(name, "", places.next("headers", name)))
            continue
        if name.lower() == "content-type" and not text.strip():
            reader.say(path + "value", "Enter the media type, or remove the row: it is then determined by the body.")
        if CONTROL_IN_HEADER.search(text.strip()):
            reader.say(path + "value", "A line break or control character can't be sent in a header.")
        reader.template(text, path + "value", schema)
        headers.append(Header(name, text))
    return tuple(headers)


def _parameters(
    reader: DocumentReader, value: Any, at: str, schema: Schema, places: Places, kind_of_place: str = "parameters"
) -> tuple[Parameter, ...]:
    parameters = []
    for position, row in reader.objects(value, at):
        path = f"{at}.{position}."
        reader.refuse_unknown(row, {"name", "value", "type", "required", "omit_empty", "secret"}, path)
        name = reader.text(row, "name", path, required="Enter a name for the parameter.")
        secret = reader.truth(row, "secret", path)
        text = "" if secret else reader.text(row, "value", path)
        reader.template(text, path + "value", schema)
        kind = reader.choice(row, "type", tuple(PARAMETER_TYPES), "auto", path)
        check_type_of_secret(reader, kind, text, path, secret=secret, named=bool(schema.alone))
        required, omit = (reader.truth(row, key, path) for key in ("required", "omit_empty"))
        place = places.next(kind_of_place, name) if secret else ""
        parameters.append(Parameter(name, text, kind, required, omit, place))
    return tuple(parameters)


def _related(reader: DocumentReader, value: Any, schemas: Mapping[str, Schema], places: Places) -> tuple[Related, ...]:
    related: list[Related] = []
    for position, row in reader.objects(value, "related"):
        path = f"related.{position}."
        if position >= MAX_RELATED:
            reader.say("related", f"At most {MAX_RELATED} related modules; there are {len(value)}.")
            break
        reader.refuse_unknown(row, {"module", "key", "parameters"}, path)
        module = reader.text(row, "module", path, required="Choose a related module.")
        if module and module not in schemas:
            reader.say(path + "module", f"“{module}” is not among the related modules of the workflow (step 1).")
        elif any(module == other.module for other in related):
            reader.say(path + "module", f"“{module}” is listed twice.")
        key = reader.text(row, "key", path) or module
        schema = schemas.get(module) or Schema({})
        parameters = _parameters(reader, row.get("parameters"), f"{path}parameters", schema, places, f"related.{key}")
        related.append(Related(module, key, parameters))
    return tuple(related)


def _capture(reader: DocumentReader, value: Any, fields: Mapping[str, str]) -> Capture | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        reader.say("capture", "This must be an object with a type.")
        return None
    reader.refuse_unknown(value, {"type", "on_success", "on_failure", "namespaces"}, "capture.")
    kind = reader.choice(value, "type", capture.CAPTURE_TYPES, "JSONPATH", "capture.")
    spaces = value.get("namespaces") or {}
    if not isinstance(spaces, Mapping) or not all(isinstance(text, str) for text in (*spaces, *spaces.values())):
        reader.say("capture.namespaces", "Namespaces must be an object: prefix → URI.")
        spaces = {}
    for prefix, uri in spaces.items():
        reader.say_if("capture.namespaces", namespace_problem(prefix, uri))
    lists = {}
    for name in ("on_success", "on_failure"):
        rows: list[CaptureRow] = []
        for position, row in reader.objects(value.get(name), f"capture.{name}"):
            path = f"capture.{name}.{position}."
            reader.refuse_unknown(row, {"path", "field", "all"}, path)
            where = reader.text(row, "path", path, required="Enter the path of the value.")
            _check_path(reader, kind, where, spaces, path + "path")
            target = reader.text(row, "field", path, required="Choose the field for the value.")
            if target and target not in fields:
                reader.say(path + "field", f"There is no field “{target}”.")
            elif target and target in [capture_row.field for capture_row in rows]:
                reader.say(path + "field", f"“{target}” is already filled by another row.")
            rows.append(CaptureRow(where, target, reader.truth(row, "all", path)))
        lists[name] = tuple(rows)
    return Capture(kind, lists["on_success"], lists["on_failure"], dict(spaces))


def _check_path(reader: DocumentReader, kind: str, path: str, namespaces: Mapping[str, str], at: str) -> None:
    if not path:
        return
    try:
        capture.check_path(kind, path, namespaces)
    except capture.PathError as error:
        where = f" (column {error.column})" if error.column else ""
        reader.say(at, f"The path can't be read{where}: {error}")


def _success_if(reader: DocumentReader, value: Any, namespaces: Mapping[str, str]) -> SuccessIf | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        reader.say("success_if", "This must be an object with type and path.")
        return None
    reader.refuse_unknown(value, {"type", "path", "equals"}, "success_if.")
    kind = reader.choice(value, "type", capture.CAPTURE_TYPES, "JSONPATH", "success_if.")
    path = reader.text(value, "path", "success_if.", required="Enter the path.")
    _check_path(reader, kind, path, namespaces, "success_if.path")
    equals = value.get("equals")
    if equals is not None and not isinstance(equals, str):
        equals = as_text(equals)
    return SuccessIf(kind, path, equals)


def _signing(reader: DocumentReader, value: Any) -> tuple[bool, str | None]:
    if value is None or value is False:
        return False, None
    if value is True:
        return True, None
    if not isinstance(value, Mapping):
        reader.say("signing", "This must be false, {} or an object with a secret.")
        return False, None
    reader.refuse_unknown(value, {"secret"}, "signing.")
    secret = value.get("secret")
    if secret is None:
        return True, None
    problem = secret_problem(secret) if isinstance(secret, str) else "This must be text."
    if problem:
        reader.say("signing.secret", problem)
    return True, str(secret)


def webhook_document(webhook: Webhook) -> dict[str, Any]:
    """The document of a webhook, with null in the place of its secrets; an empty password is none, and stands as it is."""
    authorization = webhook.authorization
    kind = AUTHORIZATIONS[authorization.type]
    written: dict[str, Any] = {"type": kind.name}
    for key in kind.plain:
        written[key] = None if key in authorization.secrets else getattr(authorization, "in_" if key == "in" else key)
    if kind.secret:
        written[kind.secret] = "" if authorization.secrets.get(kind.secret) == "" else None
    return {
        "type": "webhook",
        "title": webhook.title,
        "description": webhook.description,
        "url": webhook.url,
        "method": webhook.method,
        "content_type": webhook.content_type,
        "authorization": written,
        "headers": [_row_document(header) for header in webhook.headers],
        "parameters": [parameter_document(parameter) for parameter in webhook.parameters],
        "related": [
            {
                "module": related.module,
                "key": related.key,
                "parameters": [parameter_document(row) for row in related.parameters],
            }
            for related in webhook.related
        ],
        "capture": _capture_document(webhook.capture),
        "timeout_s": webhook.timeout_s,
        "xml_root": webhook.xml_root,
        "signing": {"secret": None} if webhook.signing else False,
        "drop_stale_retries": webhook.drop_stale_retries,
        "success_if": None
        if webhook.success_if is None
        else {"type": webhook.success_if.type, "path": webhook.success_if.path, "equals": webhook.success_if.equals},
        "rate_limit_per_s": webhook.rate_limit_per_s,
        "follow_redirects": webhook.follow_redirects,
        **({"list_style": webhook.list_style} if webhook.list_style else {}),
        **({"media_type": webhook.media_type, "body": webhook.body} if webhook.content_type == RAW else {}),
        **(
            {"secrets": [{"name": name, "value": None} for name in webhook.secret_names]}
            if webhook.secret_names
            else {}
        ),
    }


def _row_document(row: Parameter | Header) -> dict[str, Any]:
    secret = {"value": None, "secret": True} if row.secret else {"value": row.value}
    return {"name": row.name, **secret}


def parameter_document(row: Parameter) -> dict[str, Any]:
    """A row as the document has it."""
    more = {"type": row.type, "required": row.required, "omit_empty": row.omit_empty}
    return {**_row_document(row), **more}


def _capture_document(capture: Capture | None) -> dict[str, Any] | None:
    if capture is None:
        return None
    rows = {
        name: [
            {"path": row.path, "field": row.field, **({"all": True} if row.all else {})}
            for row in getattr(capture, name)
        ]
        for name in ("on_success", "on_failure")
    }
    return {"type": capture.type, **rows, **({"namespaces": dict(capture.namespaces)} if capture.namespaces else {})}
