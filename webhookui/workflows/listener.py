"""Workflows at a save: which fire, and their actions, inside the save's transaction (specification section 3)."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import bindparam, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webhookui.core.database import revision as current_revision
from webhookui.core.secrets import SecretBox
from webhookui.crm.catalog import Catalog, catalog
from webhookui.crm.history import RecordChange
from webhookui.crm.tables import Change
from webhookui.definitions.tables import FirstMet, Workflow
from webhookui.webhooks.templating.budget import shared
from webhookui.webhooks.templating.reasons import reason
from webhookui.workflows import loop_guard
from webhookui.workflows.actions.kind import Firing
from webhookui.workflows.compiled import CompiledWorkflow, load
from webhookui.workflows.context import ChangeContexts
from webhookui.workflows.criteria.evaluation import Subject
from webhookui.workflows.record_loader import RecordLoader

log = structlog.get_logger("webhookui.workflows")

UNSAVED = "workflows_unsaved"
"""Key of a session's `info`: it has changed workflows and may still roll back, so nothing of it may be cached."""


@dataclass
class _Cache:
    """The compiled workflows of one database: good as long as neither the revision nor the catalog moves."""

    revision: int
    modules: Catalog
    by_module: dict[str, tuple[CompiledWorkflow, ...]]


class WorkflowListener:
    """Is called with every change of a record that may run workflows. Does not care what actions do."""

    def __init__(self, address: str, box: SecretBox, loop_limit: int) -> None:
        self.address = address
        self.box = box
        self.loop_limit = loop_limit
        self._caches: WeakKeyDictionary[Any, _Cache] = WeakKeyDictionary()

    def __call__(self, session: Session, saved: RecordChange) -> None:
        assert saved.change is not None
        modules = catalog(session)
        compiled = self._workflows(session, modules, saved.module, saved.change)
        workflows = [workflow for workflow in compiled if saved.kind in workflow.kinds]
        if not workflows:
            return
        loader = RecordLoader(session)
        subject = Subject(saved.values, saved.before, saved.at, loader)
        contexts = ChangeContexts(modules, saved, loader, self.address)
        with shared():
            fired = _fire_all(session, workflows, subject, contexts)
        if fired:
            session.connection().execute(_RAN, {"ids": fired, "at": saved.at})
            if saved.source == "api":
                loop_guard.look(session, fired, saved.change, saved.last_saved, self.loop_limit)

    def _workflows(
        self, session: Session, modules: Catalog, module: str, change: Change
    ) -> tuple[CompiledWorkflow, ...]:
        """Those of the revision that the change names: it will be explained by them."""
        if session.info.get(UNSAVED):
            return load(session, modules, module)
        key = session.get_bind().engine.pool
        while True:
            revision = change.workflows_revision or 0
            cache = self._caches.get(key)
            if cache is None or cache.revision != revision or cache.modules is not modules:
                cache = self._caches[key] = _Cache(revision, modules, {})
            if module not in cache.by_module:
                loaded = load(session, modules, module)
                moved = current_revision(session, "workflows")
                if moved != revision:  # PostgreSQL: a workflow was saved between the two looks
                    change.workflows_revision = moved
                    continue
                cache.by_module[module] = loaded
            return cache.by_module[module]


def _fire_all(
    session: Session, workflows: list[CompiledWorkflow], subject: Subject, contexts: ChangeContexts
) -> list[int]:
    """Runs the actions of those whose criteria hold, or can't be checked. Returns the workflows' ids."""
    saved, fired = contexts.saved, []
    for workflow in workflows:
        refused = ""
        try:
            if not workflow.criteria.hold(subject, workflow.clock(saved.at, contexts.loader)):
                continue
        except SQLAlchemyError:
            raise
        except Exception as error:
            log.exception("criteria_not_checked", workflow=workflow.id, record=saved.record_id)
            refused = f"The entry criteria can't be checked: {reason(error)}"
        if not refused and workflow.first_time and not _first_time(session, workflow.id, saved):
            continue
        firing = Firing(workflow.id, workflow.name, contexts, refused=refused)
        for action in workflow.actions:
            action.run(session, firing)
        fired.append(workflow.id)
    return fired


def _first_time(session: Session, workflow_id: int, saved: RecordChange) -> bool:
    """Whether the record meets the workflow's criteria for the first time; notes it."""
    if session.get(FirstMet, (workflow_id, saved.record_id)) is not None:
        return False
    session.add(FirstMet(workflow_id=workflow_id, record_id=saved.record_id, at=saved.at))
    return True


_RAN = (
    update(Workflow.__table__)  # type: ignore[attr-defined]
    .where(Workflow.__table__.c.id.in_(bindparam("ids", expanding=True)))  # type: ignore[attr-defined]
    .values(last_run_at=bindparam("at"))
)
