"""The webhooks that deliveries belong to, with their secrets opened, kept in memory until a workflow changes."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.database import Database, dumps, loads, now
from webhookui.core.secrets import SecretBox
from webhookui.definitions.switches import State, state_of
from webhookui.definitions.tables import WorkflowAction
from webhookui.delivery.tables import Delivery, DeliveryRequest
from webhookui.outgoing.secret_guard import goes_to
from webhookui.webhooks.authorization import secrets_in
from webhookui.webhooks.definition import Webhook
from webhookui.webhooks.redaction import Redaction, redaction
from webhookui.webhooks.request import MAX_BODY, Request, RequestError
from webhookui.webhooks.secret_scope import SecretScope, secret_scope
from webhookui.webhooks.secret_values import SecretGone, by_marker, may_be_marked, reveal, reveal_body, reveal_url, veil
from webhookui.webhooks.stored import from_definition


@dataclass(frozen=True)
class ResolvedWebhook:
    """A webhook ready to be sent. `typed_for`: where its secrets may go; `signing`: its signature secrets, newest first."""

    webhook: Webhook
    typed_for: SecretScope
    signing: tuple[str, ...] = ()
    previous_signing_until: datetime | None = None

    @property
    def has_secrets(self) -> bool:
        return any(self.webhook.authorization.secrets.values()) or bool(self.signing or self.webhook.secret_values)

    def may_go_to(self, url: str) -> bool:
        """Whether it has no secret, or one that was typed for the place that a URL leads to. Raises InvalidURL."""
        return not self.has_secrets or goes_to(self.typed_for.url, url)

    def signing_secrets(self) -> tuple[str, ...]:
        """The secrets to sign with now: during a rotation's overlap, both."""
        until = self.previous_signing_until
        return self.signing if until is not None and until > now() else self.signing[:1]

    def redaction(self, token: str | None = None) -> Redaction:
        """What masks everything that is secret about it. `token`: the access token it is sent with."""
        signing = (*self.signing, *(secret.partition("_")[2] for secret in self.signing))
        return redaction(
            (*secrets_in(self.webhook.authorization, token), *signing, *self.webhook.secret_values.values())
        )

    def revealed(self, request: Request) -> Request:
        """The request with the secrets that its markers stand for. Raises RequestError."""
        if not may_be_marked(request.url, request.headers, request.body):
            return request
        secrets = by_marker(self.webhook)
        try:
            body = reveal_body(request.body, secrets)
            headers = tuple((name, reveal(value, secrets)) for name, value in request.headers)
            revealed = replace(request, url=reveal_url(request.url, secrets), headers=headers, body=body)
        except (SecretGone, ValueError) as error:
            raise RequestError("", str(error)) from None
        if body is not None and len(body) > MAX_BODY:
            raise RequestError("parameters", f"The body is larger than {MAX_BODY // 2**20} MiB; nothing was sent.")
        return revealed


def veiled(request: Request) -> Request:
    """The request as the log keeps it."""
    if not may_be_marked(request.url, request.headers, request.body):
        return request
    return replace(
        request, url=veil(request.url), headers=tuple((name, veil(value)) for name, value in request.headers)
    )


_TYPED_FOR = "typed_for"


def seal(box: SecretBox, definition: Mapping[str, Any], secrets: Mapping[str, Any]) -> str | None:
    """A webhook's secrets as they are stored: one sealed JSON object, together with the addresses that they were typed for.

    For the row of a webhook that has just been saved with this definition; None when there is nothing to keep.
    """
    return box.seal(dumps({**secrets, _TYPED_FOR: list(secret_scope(definition))})) if secrets else None


def unseal(box: SecretBox, definition: Mapping[str, Any], sealed: str | None) -> tuple[dict[str, Any], SecretScope]:
    """The secrets and what they were typed for. Raises SecretUnreadable.

    Rows that were stored before the addresses were kept take those of their definition, which could not move without them.
    """
    secrets: dict[str, Any] = loads(box.open(sealed)) if sealed else {}
    typed_for = secrets.pop(_TYPED_FOR, None)
    return secrets, SecretScope(*typed_for) if typed_for is not None else secret_scope(definition)


def assemble(
    box: SecretBox, definition: dict[str, object], sealed: str | None, until: datetime | None = None
) -> ResolvedWebhook:
    """From what is stored. Raises SecretUnreadable."""
    secrets, typed_for = unseal(box, definition, sealed)
    signing = secrets.pop("signing", None) or []
    webhook = from_definition(definition, secrets)
    return ResolvedWebhook(webhook, typed_for, tuple([signing] if isinstance(signing, str) else signing), until)


def in_the_air(session: Session, box: SecretBox, message_id: str) -> ResolvedWebhook | None:
    """The webhook that a delivery is sent with that is in flight just now. Raises SecretUnreadable."""
    sent = select(Delivery).where(col(Delivery.status) == "dispatched", col(Delivery.message_id) == message_id)
    delivery = session.scalars(sent.order_by(col(Delivery.id).desc()).limit(1)).first()
    request = session.get(DeliveryRequest, delivery.id) if delivery is not None else None
    if request is not None and request.definition is not None:
        return assemble(box, request.definition, request.secrets)
    row = session.get(WorkflowAction, delivery.webhook_id) if delivery and delivery.webhook_id else None
    return assemble(box, row.definition, row.secrets, row.previous_signing_until) if row else None


@dataclass(frozen=True)
class _Snapshot:
    """What was read under one revision of the workflows. A change makes a new one, so that nothing old gets into it."""

    revision: int
    webhooks: dict[int, ResolvedWebhook] = field(default_factory=dict)
    states: dict[int, State] = field(default_factory=dict)


class WebhookCache:
    """Looks a webhook up by its id. One for a process; threads share it."""

    CHECK_EVERY_S = 0.25
    """How long a change of a webhook may go unnoticed by a sender. A switch goes unnoticed by none."""

    def __init__(self, db: Database, box: SecretBox) -> None:
        self._db = db
        self._box = box
        self._snapshot = _Snapshot(-1)
        self._looked_at = 0.0
        """When the last look began (perf_counter)."""
        self._looking = threading.Lock()

    def get(self, webhook_id: int, *, at_once: bool = False) -> ResolvedWebhook | None:
        """None when there is no such webhook. `at_once`: a change of just now is known, too. Raises SecretUnreadable."""
        if at_once or time.perf_counter() - self._looked_at > self.CHECK_EVERY_S:
            self._look()
        webhooks = self._snapshot.webhooks
        webhook = webhooks.get(webhook_id)
        if webhook is None:
            with self._db.read() as session:
                row = session.get(WorkflowAction, webhook_id)
            if row is None:
                return None
            webhook = assemble(self._box, row.definition, row.secrets, row.previous_signing_until)
            webhooks[webhook_id] = webhook
        return webhook

    def state(self, webhook_id: int | None) -> State:
        """Whether the webhook may be sent to: a switch that has been committed is obeyed by every process at once. What belongs
        to no webhook (a test) may always go."""
        if webhook_id is None:
            return "on"
        states = self._look().states
        if webhook_id not in states:
            with self._db.read() as session:
                states[webhook_id] = state_of(session, webhook_id)
        return states[webhook_id]

    def _look(self) -> _Snapshot:
        """What is known under the revision that is committed at this moment. A look that began after this call serves it, too:
        senders that come together ask once."""
        called_at = time.perf_counter()
        with self._looking:
            if self._looked_at <= called_at:
                began_at = time.perf_counter()
                revision = self._db.committed_revision("workflows", self._snapshot.revision)
                if self._snapshot.revision != revision:
                    self._snapshot = _Snapshot(revision)
                self._looked_at = began_at
            return self._snapshot
