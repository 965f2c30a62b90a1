"""What stands around a delivery when somebody looks into it: its webhook's place in the workflow, and its endpoint's health."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.definitions.tables import Workflow, WorkflowWebhook
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.tables import Delivery, Endpoint


@dataclass(frozen=True)
class DeliveryContext:
    """`webhook_index`: counted from 0, None when the webhook or its workflow is gone. `draining`: it has recovered, and
    what waited is being sent."""

    workflow_exists: bool = False
    webhook_index: int | None = None
    draining: bool = False


def delivery_context(session: Session, delivery: Delivery) -> DeliveryContext:
    circuits = [
        session.get(Endpoint, name)
        for name in {EndpointKey(delivery.endpoint_key).endpoint, delivery.endpoint_key}
        if name
    ]
    workflow = session.get(Workflow, delivery.workflow_id) if delivery.workflow_id else None
    if workflow is None or workflow.deleted_at is not None:
        workflow = None
    ids: list[int | None] = []
    if workflow is not None:
        there = (col(WorkflowWebhook.workflow_id) == workflow.id) & col(WorkflowWebhook.deleted_at).is_(None)
        ids = list(
            session.scalars(select(col(WorkflowWebhook.id)).where(there).order_by(col(WorkflowWebhook.position)))
        )
    return DeliveryContext(
        workflow_exists=workflow is not None,
        webhook_index=ids.index(delivery.webhook_id) if delivery.webhook_id in ids else None,
        draining=any(row is not None and row.state == "draining" for row in circuits),
    )
