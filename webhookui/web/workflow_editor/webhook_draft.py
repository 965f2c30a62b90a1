"""One webhook of the workflow form: its draft, as typed ↔ the action in the workflow document (specification sections 4 and 10).

A draft has every input of the form, whatever is switched on at the moment: parts that are switched off travel along and
stay as they were typed. The document has only what counts.
"""

import json
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields
from difflib import SequenceMatcher
from typing import Any

from webhookui.web.workflow_editor.form_tree import Draft, dict_of, number_or_text, rows_of, text, ticked
from webhookui.webhooks.definition import (
    AUTHORIZATIONS,
    RAW,
    Authorization,
    Capture,
    CaptureRow,
    Header,
    NamedSecret,
    Parameter,
    Related,
    SuccessIf,
    WebhookAction,
)
from webhookui.webhooks.secret_values import secret_rows

SECRETS = tuple(kind.secret for kind in AUTHORIZATIONS.values() if kind.secret)
"""Keys of an authorization whose values are secret."""


def _typed(part: type[Any], raw: Mapping[str, Any]) -> Draft:
    """The plain inputs of a part of the action: texts and ticked boxes. What is missing or empty gets its default."""
    draft: Draft = {}
    for option in fields(part):
        key, default = option.name.rstrip("_"), option.default
        if isinstance(default, bool):
            draft[key] = ticked(raw.get(key))
        elif default is None or isinstance(default, str | int):
            draft[key] = text(raw.get(key)) or text(default)
    return draft


def webhook_draft(raw: Mapping[str, Any]) -> Draft:
    """The complete draft of what a form posted or of another draft; missing inputs get their defaults."""
    authorization, success_if = dict_of(raw.get("authorization")), dict_of(raw.get("success_if"))
    capture, signing = dict_of(raw.get("capture")), dict_of(raw.get("signing"))
    return {
        **_typed(WebhookAction, raw),
        "id": text(raw.get("id")),
        "media_type": text(raw.get("media_type")) or "application/json",
        "body_as_stored": text(raw.get("body_as_stored")),
        "authorization": {
            **_typed(Authorization, authorization),
            "stored": text(authorization.get("stored")),
            "stored_username": ticked(authorization.get("stored_username")),
            "no_password": ticked(authorization.get("no_password")),
        },
        "headers": [_valued_row(Header, row) for row in rows_of(raw.get("headers"))],
        "secrets": [_valued_row(NamedSecret, {**row, "secret": True}) for row in rows_of(raw.get("secrets"))],
        "parameters": [_valued_row(Parameter, row) for row in rows_of(raw.get("parameters"))],
        "related_on": ticked(raw.get("related_on")),
        "related": [
            {
                **_typed(Related, row),
                "parameters": [_valued_row(Parameter, parameter) for parameter in rows_of(row.get("parameters"))],
            }
            for row in rows_of(raw.get("related"))
        ],
        "capture": {
            **_typed(Capture, capture),
            "on": ticked(capture.get("on")),
            "on_success": [_typed(CaptureRow, row) for row in rows_of(capture.get("on_success"))],
            "on_failure": [_typed(CaptureRow, row) for row in rows_of(capture.get("on_failure"))],
            "namespaces": [
                {"prefix": text(row.get("prefix")), "uri": text(row.get("uri"))}
                for row in rows_of(capture.get("namespaces"))
            ],
        },
        "signing": {
            "on": ticked(signing.get("on")),
            "stored": ticked(signing.get("stored")),
            "fresh": ticked(signing.get("fresh")),
            "secret": text(signing.get("secret")),
        },
        "success_if": {**_typed(SuccessIf, success_if), "type": text(success_if.get("type"))},
    }


def _valued_row(part: type[Any], row: Mapping[str, Any]) -> Draft:
    """A row with a value. A secret one is typed into an input of its own; `stored`: one is there to leave unchanged."""
    secret = ticked(row.get("secret"))
    typed = text(row.get("secret_value")) if secret else ""
    return {
        **_typed(part, row), "value": typed or text(row.get("value")), "secret": secret,
        "stored": secret and ticked(row.get("stored")),
    }  # fmt: skip


def draft_of_webhook(action: Mapping[str, Any]) -> Draft:
    """The draft of an action of a stored or imported document. Secrets in it are not taken over."""
    authorization, capture = dict_of(action.get("authorization")), action.get("capture")
    stored = text(authorization.get("type")) if action.get("id") else ""
    shown = {key: value for key, value in authorization.items() if key not in SECRETS}
    signing = action.get("signing")
    body = text(action.get("body"))
    raw = {
        **_without_secret_values(action),
        "body": BREAK.sub("\n", body),
        "body_as_stored": json.dumps(body) if "\r" in body else "",
        "authorization": {
            **shown,
            "stored": stored,
            "stored_username": bool(stored) and authorization.get("password") == "",
            "no_password": authorization.get("password") == "",
        },
        "related_on": bool(action.get("related")),
        "capture": _capture_inputs(capture) if isinstance(capture, dict) else {},
        "signing": {"on": signing not in (None, False), "stored": bool(action.get("id")) and bool(signing)},
        "success_if": dict_of(action.get("success_if")),
    }
    return webhook_draft(raw)


def _without_secret_values(action: Mapping[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = deepcopy({key: action.get(key) for key in ("headers", "parameters", "related", "secrets")})
    for _, _, row in secret_rows(copied):
        row.update(value=None, stored=bool(action.get("id")))  # type: ignore[attr-defined]  # a row of the copy
    return {**action, **copied}


def _capture_inputs(capture: Mapping[str, Any]) -> Draft:
    namespaces = dict_of(capture.get("namespaces"))
    return {**capture, "on": True, "namespaces": [{"prefix": key, "uri": uri} for key, uri in namespaces.items()]}


def document_of_webhook(draft: Draft) -> dict[str, Any]:
    """The action of the workflow document. An untouched secret is null: "leave unchanged"."""
    success_if, capture = draft["success_if"], draft["capture"]
    action: dict[str, Any] = {
        **{key: draft[key] for key in _typed(WebhookAction, {}) if key not in ("list_style", "media_type", "body")},
        "id": number_or_text(draft["id"]) or 0,  # 0: a new one, which takes over nothing that is stored
        "authorization": _authorization(draft["authorization"]),
        "headers": [_row(row) for row in draft["headers"]],
        "parameters": [_row(row) for row in draft["parameters"]],
        "related": _related(draft),
        "capture": _capture(capture) if capture["on"] else None,
        "timeout_s": number_or_text(draft["timeout_s"]),
        "rate_limit_per_s": number_or_text(draft["rate_limit_per_s"]),
        "signing": _signing(draft["signing"]),
        "success_if": {**success_if, "equals": success_if["equals"] or None} if success_if["type"] else None,
    }
    if draft["list_style"] and (draft["method"] == "GET" or draft["content_type"] == "FORM"):
        action["list_style"] = draft["list_style"]
    if draft["content_type"] == RAW:
        action |= {"media_type": draft["media_type"], "body": _body(draft), "parameters": []}
        action["related"] = [{**row, "parameters": []} for row in action["related"]]
    if draft["secrets"]:
        action["secrets"] = [{"name": row["name"], "value": row["value"] or None} for row in draft["secrets"]]
    return action


BREAK = re.compile("\r\n|\r|\n")


def _body(draft: Draft) -> str:
    """What was typed, with the line breaks of what is stored, since a form knows one kind alone. New lines end as the first."""
    typed: str = draft["body"]
    try:
        stored = text(json.loads(draft["body_as_stored"] or '""'))
    except ValueError:
        stored = ""
    breaks = BREAK.findall(stored)
    if not breaks:
        return typed
    lines, old = typed.split("\n"), BREAK.split(stored)
    ends = [breaks[0]] * len(lines)
    if len(set(breaks)) > 1:
        for at_old, at, size in SequenceMatcher(None, old, lines, autojunk=False).get_matching_blocks():
            ends[at : at + size] = [*breaks, breaks[0]][at_old : at_old + size]
    return "".join(line + end for line, end in zip(lines, [*ends[:-1], ""], strict=True))


def _authorization(draft: Draft) -> dict[str, Any]:
    kind = AUTHORIZATIONS.get(draft["type"])
    if kind is None:
        return {"type": draft["type"]}
    document: dict[str, Any] = {"type": draft["type"], **{key: draft[key] for key in kind.plain}}
    if kind.secret:
        document[kind.secret] = draft[kind.secret] or None
    if draft["type"] == "basic" and draft["no_password"]:
        # Without a password the user name is the secret: it is never part of a page either.
        document |= {"username": draft["username"] or (None if draft["stored_username"] else ""), "password": ""}
    return document


def _row(draft: Draft) -> dict[str, Any]:
    document = {key: value for key, value in draft.items() if key not in ("secret", "stored")}
    return {**document, "value": draft["value"] or None, "secret": True} if draft["secret"] else document


def _related(draft: Draft) -> list[dict[str, Any]]:
    if not draft["related_on"]:
        return []
    return [
        {
            "module": row["module"],
            "key": row["key"] or row["module"],
            "parameters": [_row(parameter) for parameter in row["parameters"]],
        }
        for row in draft["related"]
    ]


def _capture(draft: Draft) -> dict[str, Any]:
    document: dict[str, Any] = {key: draft[key] for key in ("type", "on_success", "on_failure")}
    if draft["type"] == "XPATH" and draft["namespaces"]:
        document["namespaces"] = {row["prefix"]: row["uri"] for row in draft["namespaces"]}
    return document


def _signing(draft: Draft) -> Any:
    if not draft["on"]:
        return False
    if draft["secret"]:
        return {"secret": draft["secret"]}
    return {"secret": None} if draft["stored"] and not draft["fresh"] else {}
