"""A webhook's secrets as they are stored: one sealed JSON object, together with the addresses that they were typed for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webhookui.core.database import dumps, loads
from webhookui.core.secrets import SecretBox
from webhookui.webhooks.secret_scope import SecretScope, secret_scope

_TYPED_FOR = "typed_for"


def seal(box: SecretBox, definition: Mapping[str, Any], secrets: Mapping[str, Any]) -> str | None:
    """For the row of a webhook that has just been saved with this definition; None when there is nothing to keep."""
    return box.seal(dumps({**secrets, _TYPED_FOR: list(secret_scope(definition))})) if secrets else None


def unseal(box: SecretBox, definition: Mapping[str, Any], sealed: str | None) -> tuple[dict[str, Any], SecretScope]:
    """The secrets and what they were typed for. Raises SecretUnreadable.

    Rows that were stored before the addresses were kept take those of their definition, which could not move without them.
    """
    secrets: dict[str, Any] = loads(box.open(sealed)) if sealed else {}
    typed_for = secrets.pop(_TYPED_FOR, None)
    return secrets, SecretScope(*typed_for) if typed_for is not None else secret_scope(definition)
