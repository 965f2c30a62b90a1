"""The webhook as a kind of action: a delivery for each change that fires its workflow (specification section 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from webhookui.core.database import now
from webhookui.core.secrets import SecretBox
from webhookui.crm.catalog import Catalog
from webhookui.definitions.tables import WorkflowAction
from webhookui.delivery.outbox import reserved
from webhookui.delivery.webhook_cache import seal, unseal
from webhookui.webhooks.definition import Errors, Signing, Webhook, json_schema
from webhookui.webhooks.document import parse_webhook
from webhookui.webhooks.request import RequestError, build_request
from webhookui.webhooks.secret_scope import secret_scope
from webhookui.webhooks.secret_values import secrets_of, with_markers
from webhookui.webhooks.signature import new_secret
from webhookui.webhooks.stored import from_definition, stored_definition
from webhookui.workflows.actions.kind import ActionKind, Check, Firing, StoredAction
from webhookui.workflows.actions.unchanged_secrets import with_stored_secrets
from webhookui.workflows.context import related_schema_of, schema_of, to_one_fields

OVERLAP = timedelta(hours=24)
"""How long the signing secret before the newest one signs too."""

_FRESH = "fresh_signing_secrets"
"""Key of a session's `info`: webhook id → signing secret that was made in this session, to be shown once."""


@dataclass(frozen=True)
class CheckedWebhook:
    """A checked webhook, complete with its secrets."""

    webhook: Webhook
    new_signing_secret: bool
    """Signing was asked for with `{}`: a secret is to be made."""

    def signed(self) -> Webhook:
        """With the new signing secret, if one is to be made."""
        return replace(self.webhook, signing=Signing(new_secret())) if self.new_signing_secret else self.webhook


class WebhookKind(ActionKind):
    label = "Webhook"
    delivers = True

    def json_schema(self) -> dict[str, Any]:
        return json_schema()

    def check_for(self, modules: Catalog, module: str, related: Sequence[str]) -> Check:
        schema = schema_of(modules, module)
        related_schemas = {
            name: related_schema_of(modules, name, many=not to_one_fields(modules, module, name)) for name in related
        }
        capture_fields = {name: info.type for name, info in modules.module(module).fields.items()}

        def check(
            row: Mapping[str, Any], stored: StoredAction | None, at: str, errors: Errors
        ) -> CheckedWebhook | None:
            secret_errors: Errors = {}
            complete = with_stored_secrets(row, stored, at, secret_errors)
            for_webhook: Errors = {}
            webhook = parse_webhook(complete, at, for_webhook, schema, related_schemas, capture_fields)
            errors.update({**for_webhook, **secret_errors})
            if webhook is None:
                return None
            return CheckedWebhook(webhook, webhook.signing is not None and webhook.signing.secret is None)

        return check

    def save(self, session: Session, box: SecretBox, row: WorkflowAction, checked: CheckedWebhook) -> None:
        webhook = checked.signed()
        row.title = webhook.title
        stored, typed_for = unseal(box, row.definition, row.secrets)
        webhook = with_markers(webhook, row.definition.get("markers"))
        row.definition = stored_definition(webhook)
        if typed_for.url != secret_scope(row.definition).url:
            stored.pop("signing", None)  # it was for another address, and signs nothing that goes to this one
        signing = _with_newest(row, stored, webhook.signing.secret if webhook.signing else None)
        row.secrets = seal(box, row.definition, {**secrets_of(webhook), **({"signing": signing} if signing else {})})
        session.flush()
        if checked.new_signing_secret and webhook.signing and webhook.signing.secret:
            _show_once(session, row, webhook.signing.secret)

    def copy(self, session: Session, box: SecretBox, row: WorkflowAction, twin: WorkflowAction) -> None:
        """Its signing secret is one of its own."""
        secrets, _ = unseal(box, row.definition, row.secrets)
        fresh = new_secret() if secrets.pop("signing", None) else None
        twin.secrets = seal(box, twin.definition, {**secrets, **({"signing": [fresh]} if fresh else {})})
        session.flush()
        if fresh:
            _show_once(session, twin, fresh)

    def document(self, row: WorkflowAction) -> dict[str, Any]:
        return {key: value for key, value in super().document(row).items() if key != "markers"}

    def shown_once(self, session: Session, row: WorkflowAction) -> dict[str, Any]:
        fresh = fresh_signing_secrets(session).get(row.id or 0)
        return {"signing": {"secret": fresh}} if fresh else {}

    def load(self, definition: Mapping[str, Any]) -> Webhook:
        return from_definition(definition, {})

    def run(self, session: Session, action_id: int | None, loaded: Webhook, firing: Firing) -> None:
        saved = firing.contexts.saved
        with reserved(
            session,
            webhook_id=action_id,
            webhook=loaded,
            workflow_id=firing.workflow_id,
            workflow=firing.workflow,
            module=saved.module,
            record_id=saved.record_id,
            record_name=saved.name,
            change=saved.change,
            caused_by=firing.caused_by or (saved.change.by if saved.change else ""),
        ) as delivery:
            if firing.refused:
                raise RequestError("", firing.refused)
            context = firing.contexts.context(
                workflow_id=firing.workflow_id, workflow=firing.workflow, delivery_id=delivery.id
            )
            delivery.request = build_request(loaded, context)


# ---- signing secrets ----------------------------------------------------------------------------------------------------


def rotate_signing(session: Session, box: SecretBox, row: WorkflowAction) -> bool:
    """Makes a new signing secret; the one before signs too until the row's `previous_signing_until`. False: it is not signed."""
    stored, _ = unseal(box, row.definition, row.secrets)
    if not stored.get("signing"):
        return False
    fresh = new_secret()
    row.secrets = seal(box, row.definition, {**stored, "signing": _with_newest(row, stored, fresh)})
    session.flush()
    _show_once(session, row, fresh)
    return True


def overlaps(rows: Sequence[WorkflowAction]) -> dict[int, datetime]:
    """Webhook id → until when the signing secret before the newest one signs too, for those in such an overlap."""
    return {row.id or 0: until for row in rows if (until := row.previous_signing_until) and until > now()}


def fresh_signing_secrets(session: Session) -> dict[int, str]:
    """Webhook id → signing secret that was made in this session: to be shown now, and never again."""
    return dict(session.info.get(_FRESH, {}))


def _show_once(session: Session, row: WorkflowAction, secret: str) -> None:
    session.info.setdefault(_FRESH, {})[row.id] = secret


def _with_newest(row: WorkflowAction, stored: Mapping[str, Any], newest: str | None) -> list[str]:
    """The signing secrets to keep, newest first: the one before stays for the overlap."""
    before: list[str] = stored.get("signing") or []
    if newest is None:
        row.previous_signing_until = None
        return []
    if before and before[0] == newest:
        return before
    row.previous_signing_until = now() + OVERLAP if before else None
    return [newest, *before[:1]]
