"""Run now: a workflow for chosen records, whatever its trigger and recurrence (specification section 3)."""

from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from webhookui.core.background_jobs import Job, JobKind
from webhookui.core.errors import Invalid
from webhookui.crm import record_jobs, records
from webhookui.crm.catalog import catalog
from webhookui.crm.history import RecordChange
from webhookui.crm.record_jobs import Chosen, Handle, Rejected
from webhookui.crm.records import Actor
from webhookui.webhooks.templating.budget import shared
from webhookui.webhooks.templating.reasons import reason
from webhookui.workflows import store
from webhookui.workflows.actions.kind import Firing
from webhookui.workflows.compiled import CompiledWorkflow, load
from webhookui.workflows.context import ChangeContexts
from webhookui.workflows.criteria.evaluation import Subject
from webhookui.workflows.record_loader import RecordLoader

RUN = "run"
IS_OFF = "This workflow is switched off. Switch it on first."
NOT_MET = "The entry criteria are not met."


class NotRunnable(Invalid):
    """The workflow can't be run now."""


def start(
    session: Session, workflow_id: int, chosen: Chosen, actor: Actor, *, anyway: bool = False, **more: Any
) -> Job:
    """A job that runs the workflow for each record. `anyway`: its entry criteria are not checked.

    Raises WorkflowNotFound, NotRunnable, and what `record_jobs.start` raises.
    """
    workflow = store.get(session, workflow_id)
    if not workflow.active:
        raise NotRunnable({"workflow": IS_OFF})
    return record_jobs.start(
        session, RUN, workflow.module, chosen, actor, workflow=workflow_id, anyway=anyway, done="run", **more
    )


def kind(address: str) -> JobKind:
    """`address`: of the installation."""
    return record_jobs.over_records("Workflow run", partial(_run, address))


def _run(address: str, session: Session, job: Job) -> Handle:
    modules, module = catalog(session), job.arguments["module"]
    workflow = next(iter(load(session, modules, module, job.arguments["workflow"])), None)

    def run(record_id: int) -> bool:
        record = records.get(session, module, record_id)
        if workflow is None:
            raise Rejected(IS_OFF)
        loader = RecordLoader(session)
        standing = RecordChange.standing(session, record)
        if not job.arguments["anyway"]:
            _check(workflow, standing, loader)
        firing = Firing(
            workflow.id, workflow.name, ChangeContexts(modules, standing, loader, address), caused_by=job.by
        )
        with shared():
            for action in workflow.actions:
                action.run(session, firing)
        return True

    return run


def _check(workflow: CompiledWorkflow, standing: RecordChange, loader: RecordLoader) -> None:
    """A condition on a change does not hold: nothing is changed. Raises Rejected."""
    try:
        subject = Subject(standing.values, standing.values, standing.at, loader)
        is_met = workflow.criteria.hold(subject, workflow.clock(standing.at, loader))
    except Exception as error:
        raise Rejected(f"The entry criteria can't be checked: {reason(error)}") from error
    if not is_met:
        raise Rejected(NOT_MET)
