"""The exact request of a draft, as the next delivery would send it, with a mask for every secret (specification section 4.6)."""

from dataclasses import dataclass

from requests.exceptions import InvalidURL
from sqlalchemy.orm import Session

from webhookui.crm.tables import Record
from webhookui.delivery_log.queries import next_delivery_id
from webhookui.outgoing.http_client import Outgoing, headers_on_the_wire
from webhookui.outgoing.target import target_of
from webhookui.web.log.payload import Payload, payload
from webhookui.web.workflow_editor.form_tree import Draft
from webhookui.web.workflow_editor.send_test import DraftError, webhook_without_secrets
from webhookui.web.workflow_editor.workflow_draft import document_of
from webhookui.webhooks.authorization import authorize
from webhookui.webhooks.body_text import content_type_of
from webhookui.webhooks.definition import AUTHORIZATIONS, MASK
from webhookui.webhooks.request import build_request
from webhookui.webhooks.secret_scope import secret_scope
from webhookui.webhooks.secret_values import veil, veil_body, with_markers
from webhookui.workflows import store
from webhookui.workflows.context import context_of


@dataclass(frozen=True)
class ShownRequest:
    """`headers`: what the webhook says and what follows from it. `added`: what every request has besides."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    added: tuple[tuple[str, str], ...]
    body: Payload
    notes: tuple[str, ...]


def shown_request(
    session: Session, draft: Draft, position: int, record: Record, address: str, workflow_id: int | None
) -> ShownRequest:
    """Raises DraftError and RequestError."""
    webhook = with_markers(webhook_without_secrets(session, draft, position))
    number = next_delivery_id(session)
    context = context_of(
        session, record, address=address, workflow_id=workflow_id, workflow=draft["name"], delivery_id=number
    )
    request = authorize(build_request(webhook, context), webhook.authorization, token=MASK)
    signature = [("webhook-id", "a new id for each delivery")]
    if draft["actions"][position]["signing"]["on"]:
        signature += [("webhook-timestamp", "the time of sending"), ("webhook-signature", f"v1,{MASK}")]
    outgoing = Outgoing(request.method, request.url, (*request.headers, *signature), request.body, webhook.timeout_s)
    own = {name.lower() for name, _ in request.headers}
    try:
        target = target_of(request.url)
    except InvalidURL as error:
        raise DraftError({f"actions.{position}.url": str(error)}) from None
    wire = list(headers_on_the_wire(outgoing, target).items())
    return ShownRequest(
        method=request.method,
        url=veil(request.url),
        headers=tuple((name, veil(value)) for name, value in wire if name.lower() in own),
        added=tuple((name, value) for name, value in wire if name.lower() not in own),
        body=payload(veil_body(request.body), content_type_of(request.headers)),
        notes=request.notes,
    )


def secret_to_type_again(session: Session, draft: Draft, position: int, workflow_id: int | None) -> str:
    """Key of the stored secret that a save would ask for because the address has changed; else an empty text."""
    action = draft["actions"][position]
    kind = action["authorization"]["type"]
    key = AUTHORIZATIONS[kind].secret if kind in AUTHORIZATIONS else None
    if kind == "basic" and action["authorization"]["no_password"]:
        key = "username"
    if not key or workflow_id is None or action["authorization"]["stored"] != kind or action["authorization"][key]:
        return ""
    rows = store.actions_of(session, workflow_id)
    row = next((row for row in rows if str(row.id) == action["id"]), None)
    if row is None:
        return ""
    now = document_of({**draft, "actions": [action]})["actions"][0]
    return key if secret_scope(row.definition) != secret_scope(now) else ""
