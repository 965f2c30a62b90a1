"""A webhook's document as its row keeps it, and back: null in the place of secrets, and the markers that stand for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webhookui.webhooks.authorization import AUTHORIZATIONS, secrets_of_basic
from webhookui.webhooks.definition import (
    DEFAULT_TIMEOUT_S,
    Authorization,
    Capture,
    CaptureRow,
    Header,
    Parameter,
    Related,
    SuccessIf,
    Webhook,
)
from webhookui.webhooks.document import webhook_document
from webhookui.webhooks.secret_values import Places


def stored_definition(webhook: Webhook) -> dict[str, Any]:
    """The document as a row keeps it: with the markers that stand for secrets in requests."""
    document = webhook_document(webhook)
    return {**document, "markers": dict(webhook.markers)} if webhook.markers else document


def from_definition(definition: Mapping[str, Any], secrets: Mapping[str, Any]) -> Webhook:
    """The webhook of a stored definition, which was checked when it was stored. Placeholders are not checked again."""
    auth = definition.get("authorization") or {"type": "none"}
    kind = AUTHORIZATIONS[auth.get("type", "none")]
    username = auth.get("username") or secrets.get("username") or ""
    auth_secrets: dict[str, str | None] = {kind.secret: secrets.get(kind.secret)} if kind.secret else {}
    if kind.name == "basic":
        auth_secrets = secrets_of_basic(username, secrets.get("password"))
    capture = definition.get("capture")
    condition = definition.get("success_if")
    places = Places()
    return Webhook(
        title=definition.get("title", ""),
        url=definition.get("url", ""),
        description=definition.get("description", ""),
        method=definition.get("method", "POST"),
        content_type=definition.get("content_type", "JSON"),
        authorization=Authorization(
            kind.name, username, auth.get("in", "header"), auth.get("name", ""), auth.get("token_url", ""),
            auth.get("client_id", ""), auth.get("scope", ""), auth_secrets, auth.get("audience", ""),
            auth.get("client_authentication", "basic"),
        ),
        headers=tuple(
            Header(row["name"], row.get("value") or "", places.next("headers", row["name"]) if row.get("secret") else "")
            for row in definition.get("headers") or ()
        ),
        parameters=_stored_parameters(definition.get("parameters"), places, "parameters"),
        related=tuple(_stored_related(row, places) for row in definition.get("related") or ()),
        capture=None if not capture else Capture(
            capture.get("type", "JSONPATH"), _stored_rows(capture.get("on_success")), _stored_rows(capture.get("on_failure")),
            capture.get("namespaces") or {},
        ),
        timeout_s=float(definition.get("timeout_s", DEFAULT_TIMEOUT_S)),
        xml_root=definition.get("xml_root", "root"),
        signing=bool(definition.get("signing") or isinstance(definition.get("signing"), Mapping)),
        signing_secret=None,
        drop_stale_retries=bool(definition.get("drop_stale_retries")),
        success_if=None if not condition else SuccessIf(
            condition.get("type", "JSONPATH"), condition["path"], condition.get("equals")
        ),
        rate_limit_per_s=definition.get("rate_limit_per_s"),
        follow_redirects=bool(definition.get("follow_redirects")),
        list_style=definition.get("list_style"),
        media_type=definition.get("media_type") or "",
        body=definition.get("body") or "",
        secret_names=tuple(row["name"] for row in definition.get("secrets") or ()),
        secret_values=secrets.get("values") or {},
        markers=definition.get("markers") or {},
    )  # fmt: skip


def _stored_related(row: Mapping[str, Any], places: Places) -> Related:
    key = row.get("key") or row["module"]
    return Related(row["module"], key, _stored_parameters(row.get("parameters"), places, f"related.{key}"))


def _stored_parameters(rows: Any, places: Places, kind: str) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(
            row["name"],
            row.get("value") or "",
            row.get("type", "auto"),
            bool(row.get("required")),
            bool(row.get("omit_empty")),
            places.next(kind, row["name"]) if row.get("secret") else "",
        )
        for row in rows or ()
    )


def _stored_rows(rows: Any) -> tuple[CaptureRow, ...]:
    return tuple(CaptureRow(row["path"], row["field"], bool(row.get("all"))) for row in rows or ())
