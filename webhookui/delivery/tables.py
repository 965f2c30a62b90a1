"""Tables of deliveries. The row that lists read is slim; bodies are in tables of their own."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from webhookui.core.database import JSON, UtcDateTime, now


def where(condition: str) -> dict[str, Any]:
    """Arguments of an index that holds only some rows."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def new_message_id() -> str:
    """An id that no other delivery in the world has, as Standard Webhooks wants it: receivers drop what they have seen."""
    return f"msg_{secrets.token_hex(16)}"


NOT_INDEXED = (
    "status",
    "id",
    "workflow_id",
    "webhook_id",
    "module",
    "host",
    "status_code",
    "test",
    "created_at",
    "log_bucket_id",
)


class Delivery(SQLModel, table=True):
    """One webhook call for one record, from Queued to its end: one row of the webhook log."""

    __table_args__ = (
        Index("ix_delivery_due", "status", "next_attempt_at", "id"),
        Index("ix_delivery_endpoint_key", "endpoint_key", "status", "next_attempt_at", "id"),
        Index("ix_delivery_webhook_record", "webhook_id", "record_id", "id"),
        Index("ix_delivery_record", "record_id", "id"),
        Index("ix_delivery_redelivery_of", "redelivery_of", **where("redelivery_of IS NOT NULL")),
        # The log's: what is indexed, by its bucket; what is not, with all that filters and counts look at.
        Index("ix_delivery_indexed", "log_bucket_id", "id", "created_at", **where("log_bucket_id IS NOT NULL")),
        Index("ix_delivery_not_indexed", *NOT_INDEXED, **where("log_bucket_id IS NULL")),
    )

    id: int | None = Field(default=None, primary_key=True)
    status: str
    """"queued", "dispatched", "success", "retry" or "failed"."""
    version: int = 1
    """Moves with every change of the row; the live view sends only rows whose version moved."""
    workflow_id: int | None = None
    workflow: str = ""
    """Names as they were when the delivery was made."""
    webhook_id: int | None = None
    action: str = ""
    module: str
    record_id: int | None = None
    record_name: str = ""
    method: str
    url: str = Field(sa_column=Column(Text, nullable=False))
    """As rendered; secrets are added only when it is sent, those of the URL itself are masked."""
    message_id: str = Field(default_factory=new_message_id, sa_column_kwargs={"server_default": ""})
    """What goes out as `webhook-id`: the same over all attempts, and over redeliveries of the original payload."""
    host: str = ""
    endpoint_key: str = ""
    """An EndpointKey; empty when no request could be built."""
    status_code: int | None = None
    attempt_count: int = 0
    """Attempts that were started, interrupted ones among them."""
    failure_count: int = 0
    """Attempts that were answered by a failure: what the retry schedule goes by."""
    duration_ms: float | None = None
    """Of the last attempt."""
    error: str | None = Field(default=None, sa_column=Column(Text))
    """In words for people; None unless the last attempt failed."""
    note: str | None = Field(default=None, sa_column=Column(Text))
    """What else to know: a cut of related records, an interruption, captures without a record."""
    created_at: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    next_attempt_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    claimed_by: str | None = None
    """The worker process that has it in hand."""
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    test: bool = False
    redelivery_of: int | None = None
    change_id: int | None = None
    """The save that caused it."""
    caused_by: str = ""
    """Who made that save, in words."""
    log_bucket_id: int | None = None
    """The bucket it was indexed in, a while after it was finished (`delivery_log/indexing.py`)."""


class LogBucket(SQLModel, table=True):
    """Finished deliveries that no filter of the log tells apart, except by record, time and text; and how many they are."""

    __tablename__ = "log_bucket"

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    """All of the following in one text."""
    status: str
    status_code: int | None = None
    workflow_id: int | None = None
    webhook_id: int | None = None
    module: str
    host: str
    test: bool
    number: int = 0


class DeliveryRequest(SQLModel, table=True):
    """What a delivery sends, built at the save: the same bytes for every attempt."""

    __tablename__ = "delivery_request"

    delivery_id: int = Field(foreign_key="delivery.id", primary_key=True)
    headers: list[list[str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    query: str | None = Field(default=None, sa_column=Column(Text))
    """The part of a GET's query that its parameters made: its payload, as the body is that of other methods."""
    url: str | None = Field(default=None, sa_column=Column(Text))
    """The delivery's URL with markers for secrets, when it has any; the delivery itself says the mask in their place."""
    definition: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    """A test of an unsaved draft carries its own definition …"""
    secrets: str | None = Field(default=None, sa_column=Column(Text))
    """… and its own sealed secrets; both are None for a saved webhook."""


class Attempt(SQLModel, table=True):
    """One HTTP request of a delivery."""

    __table_args__ = (Index("ix_attempt_delivery", "delivery_id", "number", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    delivery_id: int = Field(foreign_key="delivery.id")
    number: int
    at: datetime = Field(sa_type=UtcDateTime)
    outcome: str
    """"success", "failed" or "interrupted"."""
    request_url: str = Field(default="", sa_column=Column(Text, nullable=False))
    request_headers: list[list[str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """As sent, secrets masked."""
    status_code: int | None = None
    response_headers: list[list[str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    response_body: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    response_size: int | None = None
    """Bytes read; more than `response_body` holds when it was cut."""
    timing_ms: dict[str, float] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """connect (with DNS), tls, first_byte, total."""
    hops: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]")
    )
    """Answers before the last one, each with the request that followed it (`transport.Hop`)."""
    incomplete: str | None = Field(default=None, sa_column=Column(Text))
    """Why the body of the answer is not whole, in words."""
    error_code: str | None = None
    error: str | None = Field(default=None, sa_column=Column(Text))
    advice: str | None = Field(default=None, sa_column=Column(Text))


class CapturedValue(SQLModel, table=True):
    """What one capture row took out of a response, and what became of it."""

    __tablename__ = "captured_value"

    id: int | None = Field(default=None, primary_key=True)
    delivery_id: int = Field(foreign_key="delivery.id", index=True)
    attempt_number: int
    path: str
    field: str
    outcome: str
    """"written", "no_match", "does_not_fit", "no_record" or "unreadable"."""
    value: Any = Field(default=None, sa_column=Column(JSON))
    message: str = ""


class WorkerProcess(SQLModel, table=True):
    """A process that sends deliveries, when it was last seen alive, and when its queue last answered a wake-up."""

    __tablename__ = "worker_process"

    id: str = Field(primary_key=True)
    """host:pid:nonce"""
    host: str
    pid: int
    started_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    answered_at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class AttemptMetrics(SQLModel, table=True):
    """How many attempts came to an outcome and took so long, counted by the processes of one shard."""

    __tablename__ = "attempt_metrics"

    shard: int = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    duration_class: int = Field(primary_key=True)
    """Index of `attempt_metrics.BOUNDS_S`."""
    number: int = 0
    seconds: float = 0.0


class RateLimit(SQLModel, table=True):
    """When the next request to an endpoint key that is sent to at a limited rate may go, for all worker processes together."""

    __tablename__ = "rate_limit"

    endpoint_key: str = Field(primary_key=True)
    next_at: datetime = Field(sa_type=UtcDateTime)


class Endpoint(SQLModel, table=True):
    """The health of a webhook at an endpoint, or of an endpoint with all its webhooks, for the circuit."""

    endpoint_key: str = Field(primary_key=True)
    failures_in_a_row: int = 0
    state: str = "closed"
    """"closed" (sends), "open" (paused) or "draining" (recovered, backlog at a limited rate)."""
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    next_probe_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    probed_by: str | None = None
    """Of an endpoint: the key of the webhook whose delivery was its last probe."""
    last_success_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_error: str | None = Field(default=None, sa_column=Column(Text))


class DeliverySlot(SQLModel, table=True):
    """Deliveries that were made in one slot of ten minutes, counted: what the dashboard is drawn from."""

    __tablename__ = "delivery_slot"

    at: datetime = Field(sa_type=UtcDateTime, primary_key=True)
    """Its beginning."""
    counted: bool = False
    """False while only the queue's age was noted."""
    finished: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Status → deliveries, of those that can't change any more."""
    unfinished: int = 0
    """Deliveries that were not finished when it was counted: once there are fewer, it is counted again."""
    durations: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Class of duration (`delivery/histogram.py`) → finished deliveries whose last attempt took so long."""
    oldest_queued_s: float | None = None
    """Seconds that the oldest queued delivery had waited, at its worst."""
