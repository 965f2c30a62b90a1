"""From "red" to "what to do": the places of the application where the cause of a failure is fixed (specification section 7)."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.definitions.tables import Workflow, WorkflowAction
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.tables import Delivery, Endpoint

_URL, _AUTHORIZATION = ("Edit URL to Notify", "url"), ("Edit the authorization", "authorization.type")
_PARAMETERS = ("Edit the parameters", "parameters")
_INPUTS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("name_not_found", "invalid_url", "refused", "connect_timed_out", "unreachable", "certificate", "tls", "not_http",
         "not_found", "gone", "redirect"),
        _URL,
    ),
    **dict.fromkeys(("unauthorized", "forbidden", "token"), _AUTHORIZATION),
    **dict.fromkeys(("bad_request", "unprocessable", "conflict", "too_large"), _PARAMETERS),
    "timed_out": ("Edit the timeout", "timeout_s"),
    "method": ("Edit the method", "method"),
    "media_type": ("Edit the content type", "content_type"),
    "too_many": ("Edit the rate limit", "rate_limit_per_s"),
    "condition": ("Edit “Success is”", "success_if.type"),
}  # fmt: skip
"""Code of an error → (words, the input of the webhook's form that it speaks of)."""
_OF_THE_RECORD = {"bad_request", "unprocessable", "conflict", "configuration"}
"""Errors that may be fixed in the record as well."""


@dataclass(frozen=True)
class DeliveryContext:
    """`webhook_index`: counted from 0, None when the webhook or its workflow is gone. `draining`: it has recovered, and
    what waited is being sent."""

    workflow_exists: bool = False
    webhook_index: int | None = None
    draining: bool = False


@dataclass(frozen=True)
class Step:
    """A link to where something can be done. `icon` is Bootstrap's name of it."""

    words: str
    href: str
    icon: str = "pencil"
    admin: bool = True
    """Only an admin can go there."""


def next_steps(delivery: Delivery, error_code: str | None, around: DeliveryContext) -> tuple[Step, ...]:
    """For a delivery whose last attempt failed; the most likely one first."""
    steps: list[Step] = []
    if error_code == "address_blocked":
        steps.append(Step("Allow the address", "/settings/network", "shield-check"))
    if around.workflow_exists:
        form = f"/settings/workflows/{delivery.workflow_id}"
        if around.webhook_index is not None:
            webhook = f"{form}#actions.{around.webhook_index}"
            words, part = _INPUTS.get(error_code or "", ("Edit the webhook", ""))
            steps.append(Step(words, f"{webhook}.{part}" if part else webhook))
        else:
            steps.append(Step("Edit the workflow", form))
    if error_code in _OF_THE_RECORD and delivery.record_id:
        steps.append(
            Step("Edit the record", f"/records/{delivery.module}/{delivery.record_id}", "card-text", admin=False)
        )
    return tuple(steps)


def delivery_context(session: Session, delivery: Delivery) -> DeliveryContext:
    circuits = [
        session.get(Endpoint, name)
        for name in {EndpointKey(delivery.endpoint_key).endpoint, delivery.endpoint_key}
        if name
    ]
    workflow = session.get(Workflow, delivery.workflow_id) if delivery.workflow_id else None
    exists = workflow is not None and workflow.deleted_at is None
    there = (col(WorkflowAction.workflow_id) == delivery.workflow_id) & col(WorkflowAction.deleted_at).is_(None)
    in_order = select(col(WorkflowAction.id)).where(there).order_by(col(WorkflowAction.position))
    ids = session.scalars(in_order).all() if exists else []
    return DeliveryContext(
        workflow_exists=exists,
        webhook_index=ids.index(delivery.webhook_id) if delivery.webhook_id in ids else None,
        draining=any(row is not None and row.state == "draining" for row in circuits),
    )
