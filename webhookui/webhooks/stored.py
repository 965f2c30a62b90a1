"""A webhook's document as its row keeps it, and back: null in the place of secrets, and the markers that stand for them."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from webhookui.webhooks.definition import AUTHORIZATIONS, Parameter, Webhook, WebhookAction, dump, read_stored
from webhookui.webhooks.secret_values import secret_rows

_LEFT_OUT_WHEN_EMPTY = {"list_style", "media_type", "body", "secrets", "namespaces", "all", "secret"}
"""Keys, at any depth, that were added after documents had been stored and exported: those stay as they were without them."""


def webhook_of(action: WebhookAction, values: Mapping[str, str], markers: Mapping[str, str] | None = None) -> Webhook:
    """`values`: place → secret. The rows do not hold them."""
    related = [
        replace(group, key=group.key or group.module, parameters=_without_secrets(group.parameters))
        for group in action.related
    ]
    of_the_action = {key.name: getattr(action, key.name) for key in fields(WebhookAction)} | {
        "headers": _without_secrets(action.headers),
        "parameters": _without_secrets(action.parameters),
        "related": tuple(related),
        "secrets": tuple(replace(row, value="") for row in action.secrets),
    }
    return Webhook(**of_the_action, secret_values=values, markers=markers or {})


def _without_secrets(rows: Any) -> Any:
    return tuple(replace(row, value="") if row.secret else row for row in rows)


def webhook_document(webhook: WebhookAction) -> dict[str, Any]:
    """The document of a webhook, with null in the place of its secrets. An empty password is no secret: it stays empty."""
    document = _compact(dump(webhook))
    authorization, kind = document["authorization"], AUTHORIZATIONS[webhook.authorization.type]
    secrets = webhook.authorization.secrets
    written: dict[str, Any] = {"type": webhook.authorization.type}
    written |= {key: None if key in secrets else authorization[key] for key in kind.plain}
    if kind.secret:
        written[kind.secret] = "" if secrets.get(kind.secret) == "" else None
    for _, _, row in secret_rows(document):
        row["value"] = None  # type: ignore[index]  # of this document
    return {**document, "authorization": written, "signing": {"secret": None} if webhook.signing else False}


def parameter_document(row: Parameter) -> dict[str, Any]:
    """A row as the document has it."""
    document: dict[str, Any] = _compact(dump(row))
    return document


def _compact(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if inner or key not in _LEFT_OUT_WHEN_EMPTY}
        return {key: _compact(inner) for key, inner in kept.items()}
    return [_compact(inner) for inner in value] if isinstance(value, list | tuple) else value


def stored_definition(webhook: Webhook) -> dict[str, Any]:
    """The document as a row keeps it: with the markers that stand for secrets in requests."""
    document = webhook_document(webhook)
    return {**document, "markers": dict(webhook.markers)} if webhook.markers else document


def from_definition(definition: Mapping[str, Any], secrets: Mapping[str, Any]) -> Webhook:
    """The webhook of a stored definition, which was checked when it was stored."""
    authorization = definition.get("authorization") or {}
    opened = {key: secrets[key] for key in authorization if secrets.get(key) is not None}
    document = {key: value for key, value in definition.items() if key not in ("id", "markers")}
    action = read_stored({**document, "authorization": {**authorization, **opened}})
    return webhook_of(action, secrets.get("values") or {}, definition.get("markers"))
