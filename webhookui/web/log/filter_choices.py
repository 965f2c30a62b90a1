"""What the log's filters can be set to: workflows and actions by name, removed ones with deliveries among them."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.definitions.tables import Workflow, WorkflowAction
from webhookui.delivery.states import STATUSES
from webhookui.delivery.tables import Delivery
from webhookui.delivery_log.queries import LogFilter, hosts


@dataclass(frozen=True)
class Choices:
    """(id, name) pairs, and hosts."""

    workflows: list[tuple[int, str]]
    actions: list[tuple[int, str]]
    hosts: list[str]


def choices(session: Session, log_filter: LogFilter) -> Choices:
    """Actions are those of the chosen workflow, or all with their workflow's name."""
    named = select(col(Workflow.id), col(Workflow.name), col(Workflow.deleted_at)).order_by(col(Workflow.name))
    workflows = session.execute(named).all()
    titles = select(col(WorkflowAction.id), col(WorkflowAction.title), col(Workflow.name)).join(
        Workflow, col(Workflow.id) == col(WorkflowAction.workflow_id)
    )
    if log_filter.workflow_id is not None:
        titles = titles.where(col(WorkflowAction.workflow_id) == log_filter.workflow_id)
    else:
        titles = titles.where(
            (col(WorkflowAction.deleted_at).is_(None) & col(Workflow.deleted_at).is_(None))
            | (col(WorkflowAction.id) == (log_filter.webhook_id or 0))
        )
    actions = session.execute(titles.order_by(col(Workflow.name), col(WorkflowAction.position))).all()
    return Choices(
        workflows=[(i, name if gone is None else f"{name} (deleted)") for i, name, gone in workflows if i is not None],
        actions=[
            (i, title if log_filter.workflow_id is not None else f"{workflow} · {title}")
            for i, title, workflow in actions
            if i is not None
        ],
        hosts=hosts(session),
    )


def record_name(session: Session, record_id: int) -> str:
    """As its last delivery knew it; empty when it had none."""
    statement = select(col(Delivery.record_name)).where(col(Delivery.record_id) == record_id)
    return session.scalar(statement.order_by(col(Delivery.id).desc()).limit(1)) or ""


def in_words(session: Session, log_filter: LogFilter) -> list[tuple[str, object]]:
    """What a filter says, for people: (what, its value); times as they are."""
    parts: list[tuple[str, object]] = []
    if log_filter.status:
        parts.append(("Status", STATUSES[log_filter.status].label))
    if log_filter.workflow_id is not None:
        workflow = session.get(Workflow, log_filter.workflow_id)
        parts.append(("Workflow", workflow.name if workflow else log_filter.workflow_id))
    if log_filter.webhook_id is not None:
        webhook = session.get(WorkflowAction, log_filter.webhook_id)
        parts.append(("Action", webhook.title if webhook else log_filter.webhook_id))
    if log_filter.record_id is not None:
        parts.append(("Record", record_name(session, log_filter.record_id) or log_filter.record_id))
    for name, words in (
        ("module", "Module"), ("host", "Host"), ("status_code", "HTTP code"), ("since", "From"), ("until", "To"), ("q", "Text"),
    ):  # fmt: skip
        if (value := getattr(log_filter, name)) is not None:
            parts.append((words, value))
    if log_filter.test is not None:
        parts.append(("Tests", "only tests" if log_filter.test else "no tests"))
    return parts
