"""Encrypting what is stored with a new key (specification section 4.4)."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from webhookui.core.database import bump_revision
from webhookui.core.secrets import SecretBox
from webhookui.definitions.tables import WorkflowAction
from webhookui.delivery.tables import DeliveryRequest


def reencrypt_all(session: Session, box: SecretBox) -> int:
    """Every stored secret under the newest key of `box`. Returns how many rows were rewritten."""
    number = 0
    tables: tuple[type[WorkflowAction] | type[DeliveryRequest], ...] = (WorkflowAction, DeliveryRequest)
    for table in tables:
        rows: Any = session.scalars(select(table).where(table.secrets.is_not(None)))  # type: ignore[union-attr]
        for row in rows:
            row.secrets = box.reencrypt(row.secrets)
            number += 1
    bump_revision(session, "workflows")
    return number
