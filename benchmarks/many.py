"""A webhook log of any size, such as months of work leave behind: for the benchmarks that look at one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import JSON, case, insert, literal, select, union_all

from webhookui.core.database import Database, now
from webhookui.definitions.tables import Workflow, WorkflowAction
from webhookui.delivery.tables import Attempt, Delivery, DeliveryRequest
from webhookui.delivery_log.indexing import index_some

_D = Delivery.__table__.c  # type: ignore[attr-defined]

DAYS = 90
CHUNK = 5000
BODY = b'{"invoice":{"customer":"Kettle and Sons","lines":[{"amount":1250.00,"name":"' + b"x" * 320 + b'"}]}}'
HEADERS = [["Content-Type", "application/json"], ["User-Agent", "webhookui"], ["Authorization", "Basic ••••••"]]
ANSWER_HEADERS = [["Content-Type", "application/json"], ["Server", "nginx"], ["Date", "Tue, 24 Nov 2026 15:06:42 GMT"]]
ANSWER = b'{"id":"0b6f2d0e-3f8e-4b9c-9a53-6d6a1b1f0f5e","status":"accepted","links":{"self":"/v1/things/1"}}'
TIMING = {"connect": 12.5, "tls": 20.1, "first_byte": 80.4, "total": 82.0}


@dataclass(frozen=True)
class Action:
    """One webhook of the made-up workflows; `weight` is how often it is called, `path` may hold the delivery's number."""

    webhook_id: int
    workflow_id: int
    workflow: str
    title: str
    module: str
    method: str
    host: str
    path: str
    weight: float


SERVICES = (
    ("api.billing.example", "POST", "/v1/accounts/42/invoices"), ("hooks.chat.example", "POST", "/services/T0/B0/x"),
    ("crm.partner.example", "PUT", "/records/{number}"), ("erp.example", "PUT", "/api/orders/{number}?source=crm"),
    ("mail.campaigns.example", "POST", "/3.0/lists/7/members"), ("stock.example", "GET", "/lookup?order={number}"),
)  # fmt: skip
MODULES = ("deals", "contacts", "cases", "invoices")
ENDINGS = (
    ("success", 200, 60.0), ("success", 201, 30.0), ("success", 204, 3.0), ("failed", 422, 2.5), ("failed", 401, 0.5),
    ("failed", 503, 1.5), ("failed", 500, 1.0), ("failed", None, 1.0), ("failed", 410, 0.1), ("retry", 503, 0.4),
)  # fmt: skip
ERRORS = {
    422: "{host} answered 422: it understood the request, but not its content.",
    401: "{host} answered 401: it did not accept the credentials.",
    503: "{host} answered 503: it is not available at the moment.",
    500: "{host} answered 500: something went wrong over there.",
    410: "{host} answered 410: what was there is gone for good.",
    None: "{host} did not answer within 10 seconds.",
}


def fill(db: Database, deliveries: int, seed: int = 1, *, waiting: bool = True) -> list[Action]:
    """Writes so many deliveries of the last 90 days with their requests and attempts, and files them. Returns their actions.

    `waiting`: some of the newest are Queued or Retry.
    """
    chance = random.Random(seed)  # noqa: S311 - a made-up log
    actions = _actions(db)
    for first in range(1, deliveries + 1, CHUNK):
        rows = list(_deliveries(chance, actions, first, min(first + CHUNK, deliveries + 1), deliveries))
        for row in rows:
            if not waiting and row["status"] in ("queued", "retry"):
                row |= {"status": "success", "status_code": 200, "error": None, "next_attempt_at": None}
        with db.write() as session:
            connection = session.connection()
            connection.execute(insert(Delivery.__table__), rows)  # type: ignore[attr-defined]
            connection.execute(_requests(first))
            connection.execute(_attempts(first))
        while index_some(db, CHUNK) == CHUNK:
            pass
    while index_some(db, CHUNK):
        pass
    return actions


def _actions(db: Database) -> list[Action]:
    """Twelve workflows with two webhooks each; a few are called much more often than the others."""
    actions = []
    with db.write() as session:
        for number in range(1, 13):
            module = MODULES[number % len(MODULES)]
            workflow = Workflow(
                name=f"Workflow {number}", module=module, active=False, trigger={"on": "create"}, criteria={}
            )
            session.add(workflow)
            session.flush()
            for position in (0, 1):
                host, method, path = SERVICES[(number + position) % len(SERVICES)]
                title = f"Call {host}"
                definition = {"type": "webhook", "title": title, "url": f"https://{host}/", "method": method}
                row = WorkflowAction(
                    workflow_id=workflow.id or 0, position=position, title=title, definition=definition
                )
                session.add(row)
                session.flush()
                weight = 1 / (number * (position + 1))
                ids = (row.id or 0, workflow.id or 0)
                actions.append(Action(*ids, workflow.name, title, module, method, host, path, weight))
    return actions


def _deliveries(
    chance: random.Random, actions: list[Action], first: int, end: int, total: int
) -> Iterator[dict[str, Any]]:
    weights, endings = [candidate.weight for candidate in actions], [ending[2] for ending in ENDINGS]
    newest = now()
    for number in range(first, end):
        action = chance.choices(actions, weights)[0]
        status, code, _ = chance.choices(ENDINGS, endings)[0]
        created = newest - timedelta(days=DAYS) * (1 - number / total)
        if status == "retry" and (newest - created) > timedelta(hours=7):
            status, code = "success", 200
        if number > total - total // 1000:
            status, code = "queued", None
        yield _row(chance, action, number, status, code, created)


def _row(
    chance: random.Random, action: Action, number: int, status: str, code: int | None, created: datetime
) -> dict[str, Any]:
    attempts = {"success": 1, "queued": 0, "retry": 1}.get(status, 1 if code in (422, 401, 410) else 4)
    return {
        "id": number, "status": status, "version": 1 + 2 * attempts, "workflow_id": action.workflow_id,
        "workflow": action.workflow, "webhook_id": action.webhook_id, "action": action.title, "module": action.module,
        "record_id": chance.randrange(1, 200_001), "record_name": f"Record {number % 977}", "method": action.method,
        "url": f"https://{action.host}{action.path.format(number=number)}", "host": action.host,
        "endpoint_key": f"https://{action.host}:443", "status_code": code, "attempt_count": attempts,
        "failure_count": attempts if status in ("failed", "retry") else 0,
        "duration_ms": round(chance.lognormvariate(4.5, 0.6), 2) if attempts else None,
        "error": ERRORS[code].format(host=action.host) if status in ("failed", "retry") else None, "note": None,
        "created_at": created, "next_attempt_at": now() + timedelta(hours=3) if status == "retry" else None,
        "finished_at": created if status in ("success", "failed") else None, "claimed_by": None, "claimed_at": None,
        "test": chance.random() < 0.005, "redelivery_of": None, "change_id": None, "caused_by": "Ann Admin",
        "message_id": f"msg_{chance.getrandbits(128):032x}",
    }  # fmt: skip


def _requests(first: int) -> Any:
    table = DeliveryRequest.__table__  # type: ignore[attr-defined]
    values = (literal(HEADERS, table.c.headers.type), literal(BODY, table.c.body.type))
    columns = ["delivery_id", "headers", "body"]
    return insert(table).from_select(columns, select(_D.id, *values).where(_D.id >= first))


def _attempts(first: int) -> Any:
    """As many for each delivery as it counts."""
    table = Attempt.__table__  # type: ignore[attr-defined]
    number = (
        union_all(*(select(literal(attempt_number).label("number")) for attempt_number in range(1, 5)))
        .subquery()
        .c.number
    )
    values = {
        "delivery_id": _D.id, "number": number, "at": _D.created_at, "request_url": _D.url, "status_code": _D.status_code,
        "outcome": case((_D.status == "success", "success"), else_="failed"), "error": _D.error,
        "request_headers": literal(HEADERS, JSON), "response_headers": literal(ANSWER_HEADERS, JSON),
        "response_body": literal(ANSWER, table.c.response_body.type), "response_size": literal(len(ANSWER)),
        "timing_ms": literal(TIMING, JSON),
    }  # fmt: skip
    which = select(*values.values()).where(_D.id >= first, number <= _D.attempt_count)
    return insert(table).from_select(list(values), which)
