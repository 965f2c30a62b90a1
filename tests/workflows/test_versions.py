"""A past save is explained by the version of the workflow that was in force then, and agrees with the log
(specification section 3)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from tests.support import pages
from webhookui.core.database import Database, bump_revision, revision
from webhookui.crm import records
from webhookui.crm.records import Actor
from webhookui.crm.tables import Change
from webhookui.definitions.tables import Workflow, WorkflowVersion
from webhookui.delivery.tables import Delivery
from webhookui.installation import Installation, open_installation
from webhookui.settings import Settings
from webhookui.workflows import listener, store
from webhookui.workflows.explain import Explanation, explain_change

ANN = Actor("person", "Ann")
CAPTURE = Actor("capture", "Delivery 1")
IMPORT = Actor("import", "deals.csv")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    opened = open_installation(Settings(instance=tmp_path_factory.mktemp("versions")))  # type: ignore[call-arg]
    yield opened
    opened.close()


def document(stage: str = "", **changes: Any) -> dict[str, Any]:
    rows = [{"field": "stage", "operator": "is", "value": stage}] if stage else []
    action = {
        "type": "webhook",
        "title": "Tell",
        "url": "http://127.0.0.1:1/",
        "method": "POST",
        "content_type": "JSON",
    }
    return {
        "name": "W", "module": "deals", "active": True, "related_modules": [], "actions": [action],
        "trigger": {"on": "create_or_update", "recurrence": "every_time"}, "criteria": {"all": rows, "any": []},
    } | changes  # fmt: skip


class Room:
    """What a case does, and what is said about the one save that it looks at."""

    def __init__(self, installation: Installation) -> None:
        self.installation, self.db = installation, installation.db
        self.workflow = 0
        with self.db.write() as session:
            self.deal = records.create(session, "deals", {"name": "Big deal", "stage": "New"}, ANN).id or 0

    def create(self, **parts: Any) -> None:
        with self.db.write() as session:
            self.workflow = store.create(session, self.installation.box, document(**parts), None).id or 0

    def replace(self, **parts: Any) -> None:
        with self.db.write() as session:
            store.replace(session, self.installation.box, self.workflow, document(**parts), None)

    def switch(self, on: bool) -> None:
        with self.db.write() as session:
            store.set_active(session, self.workflow, on, None)

    def delete(self) -> None:
        with self.db.write() as session:
            store.delete(session, self.workflow, None)

    def save(self, actor: Actor = ANN, run_workflows: bool = True, **values: Any) -> int:
        with self.db.write() as session:
            records.update(session, "deals", self.deal, values, actor, run_workflows=run_workflows)
        return last_change(self.db)

    def why(self, change: int) -> Explanation:
        with self.db.read() as session:
            workflow, saved = session.get(Workflow, self.workflow), session.get(Change, change)
            assert workflow is not None and saved is not None
            return explain_change(session, workflow, saved)


@pytest.fixture
def room(installation: Installation) -> Room:
    pages.empty(installation.db, *pages.WORK)
    with installation.db.write() as session:
        bump_revision(session, "workflows")
    return Room(installation)


def last_change(db: Database) -> int:
    with db.read() as session:
        return session.scalars(select(Change.id).order_by(Change.id.desc())).first() or 0  # type: ignore[call-overload, union-attr]


Case = Callable[[Room], int]


def before_it_was_made(room: Room) -> int:
    change = room.save(stage="Closed Won")
    room.create()
    return change


def while_off(room: Room) -> int:
    room.create(active=False)
    change = room.save(stage="Closed Won")
    room.switch(True)
    return change


def switched_off_since(room: Room) -> int:
    room.create()
    change = room.save(stage="Closed Won")
    room.switch(False)
    return change


def criteria_met_once(room: Room) -> int:
    room.create(stage="Closed Won")
    change = room.save(stage="Closed Won")
    room.replace(stage="Proposal")
    return change


def criteria_met_only_now(room: Room) -> int:
    room.create(stage="Proposal")
    change = room.save(stage="Closed Won")
    room.replace(stage="Closed Won")
    return change


def trigger_changed(room: Room) -> int:
    room.create(trigger={"on": "create"})
    change = room.save(stage="Closed Won")
    room.replace(trigger={"on": "update"})
    return change


def module_changed(room: Room) -> int:
    room.create()
    change = room.save(stage="Closed Won")
    room.replace(module="contacts")
    return change


def module_changed_to_this(room: Room) -> int:
    room.create(module="contacts")
    change = room.save(stage="Closed Won")
    room.replace()
    return change


def first_time_since(room: Room) -> int:
    """It fired twice, and fires for the first time only since then."""
    room.create()
    room.save(stage="Proposal")
    change = room.save(stage="Closed Won")
    room.replace(trigger={"on": "update", "recurrence": "first_time"})
    room.save(stage="New")
    return change


def not_the_first_time(room: Room) -> int:
    room.create(trigger={"on": "update", "recurrence": "first_time"})
    room.save(stage="Proposal")
    change = room.save(stage="Closed Won")
    room.replace()
    return change


def deleted_since(room: Room) -> int:
    room.create()
    change = room.save(stage="Closed Won")
    room.delete()
    return change


def after_it_was_deleted(room: Room) -> int:
    room.create()
    room.delete()
    return room.save(stage="Closed Won")


def by_a_capture(room: Room) -> int:
    room.create()
    return room.save(CAPTURE, stage="Closed Won")


def by_an_import_without_workflows(room: Room) -> int:
    room.create()
    return room.save(IMPORT, run_workflows=False, stage="Closed Won")


def reference_changed(room: Room) -> int:
    """What the condition looks at has been changed, and then deleted, since."""
    room.create(criteria={"all": [{"field": "contact.last_name", "operator": "is", "value": "Roe"}], "any": []})
    with room.db.write() as session:
        contact = records.create(session, "contacts", {"last_name": "Roe"}, ANN).id or 0
    change = room.save(contact=contact)
    with room.db.write() as session:
        records.update(session, "contacts", contact, {"last_name": "Doe"}, ANN)
        records.delete(session, "contacts", contact, ANN)
    return change


CASES: list[tuple[Case, str | None]] = [
    (before_it_was_made, "The workflow was created after this save."),
    (while_off, "The workflow is switched off."),
    (switched_off_since, None),
    (criteria_met_once, None),
    (criteria_met_only_now, "0 of 1 conditions held; all must."),
    (trigger_changed, "On creation. The record was updated."),
    (module_changed, None),
    (module_changed_to_this, "The workflow looks at contacts; this is a record of deals."),
    (first_time_since, None),
    (not_the_first_time, "They were first met at"),
    (deleted_since, None),
    (after_it_was_deleted, "The workflow had been deleted."),
    (by_a_capture, "The save was made by a capture."),
    (by_an_import_without_workflows, "The import was told not to run workflows."),
    (reference_changed, None),
]
"""What happened around a save → the words of what stopped the workflow; None when it fired."""


@pytest.mark.parametrize(("case", "stopped"), CASES, ids=[case.__name__ for case, _ in CASES])
def test_a_past_save_is_explained_by_the_version_of_then(room: Room, case: Case, stopped: str | None) -> None:
    explanation = room.why(case(room))
    failed = [check.words for check in explanation.checks if not check.held]
    assert explanation.fires is (stopped is None), explanation
    assert bool(explanation.delivery_ids) is explanation.fires, "the log says the same"
    assert stopped in failed[0] if stopped else not failed


def test_it_says_which_version_it_goes_by_and_what_became_of_the_workflow(room: Room) -> None:
    room.create()
    change = room.save(stage="Closed Won")
    assert (room.why(change).version, room.why(change).latest) == (1, True)
    room.switch(False)
    explanation = room.why(change)
    assert (explanation.version, explanation.latest) == (1, False)
    assert explanation.notes == ("The workflow has been switched off since.",)
    room.delete()
    assert room.why(change).notes == ("The workflow has been deleted since.",)


def test_a_condition_on_a_field_that_is_gone_says_so_and_the_log_has_the_last_word(room: Room) -> None:
    room.create()
    change = room.save(stage="Closed Won")
    with room.db.write() as session:
        version = session.scalars(select(WorkflowVersion)).one()
        row = {"field": "loyalty", "operator": "is", "value": "gold"}
        version.document = version.document | {"criteria": {"all": [row], "any": []}}
    explanation = room.why(change)
    assert explanation.fires and explanation.summary == "It fired: the log has deliveries of this save."
    assert "There is no field “loyalty” in Deals." in explanation.conditions[0].note


def test_each_save_of_a_workflow_is_a_version_and_nothing_else_is(room: Room) -> None:
    signing = document()["actions"][0] | {"signing": True, "authorization": {"type": "bearer", "token": "hush-hush"}}
    room.create(actions=[signing])
    room.replace(stage="New", actions=[signing])
    room.switch(False)
    room.switch(False)
    with room.db.write() as session:
        row = store.actions_of(session, room.workflow)[0]
        store.rotate_signing(session, room.installation.box, room.workflow, row.id or 0, None)
        copy = store.duplicate(session, room.installation.box, room.workflow, None).id
    room.delete()
    with room.db.read() as session:
        kept = list(session.scalars(select(WorkflowVersion).order_by(WorkflowVersion.id)))  # type: ignore[arg-type]
    of = [(version.number, version.action, version.by) for version in kept if version.workflow_id == room.workflow]
    assert of == [
        (1, "created", "command line"), (2, "changed", "command line"), (3, "deactivated", "command line"),
        (4, "deleted", "command line"),
    ]  # fmt: skip
    assert [(version.number, version.action) for version in kept if version.workflow_id == copy] == [(1, "created")]
    assert "hush-hush" not in repr(kept) and "whsec_" not in repr(kept)
    assert [version.revision for version in kept] == sorted({version.revision for version in kept})


def test_a_save_that_a_workflow_overtakes_notes_the_version_that_it_looked_at(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on PostgreSQL, where another transaction commits between a save's looks at the revision and at the workflows."""
    room.create(stage="Closed Won")
    load = listener.load
    overtaken: list[bool] = []

    def overtake(session: Any, modules: Any, module: str) -> Any:
        if not overtaken:
            overtaken.append(True)
            bump_revision(session, "workflows")
        return load(session, modules, module)

    monkeypatch.setattr(listener, "load", overtake)
    with room.db.read() as session:
        asked = revision(session, "workflows")
    change = room.save(stage="Closed Won")
    with room.db.read() as session:
        saved = session.get(Change, change)
        assert saved is not None and saved.workflows_revision == asked + 1
        assert len(list(session.scalars(select(Delivery)))) == 1


# ---- whatever happened ------------------------------------------------------------------------------------------------

STAGES = ("New", "Proposal", "Closed Won")
TRIGGERS = ("create", "update", "update", "create_or_update", "create_or_update", "delete")


def _anything(room: Room, dice: random.Random, deals: list[int]) -> None:
    """One step: a workflow is made, changed, switched or deleted, or a record is made, saved or deleted."""
    parts: dict[str, Any] = {
        "stage": dice.choice(("", *STAGES)),
        "active": dice.random() < 0.9,
        "trigger": {"on": dice.choice(TRIGGERS), "recurrence": dice.choice(("every_time", "first_time"))},
    }
    with room.db.write() as session:
        there = [workflow.id or 0 for workflow in store.list_all(session)]
        match dice.choice(("make", "change", "change", "switch", "remove", "new", *["save"] * 6, "drop", "both")):
            case "make" if len(there) < 3:
                store.create(session, room.installation.box, document(**parts), None)
            case "change" if there:
                store.replace(session, room.installation.box, dice.choice(there), document(**parts), None)
            case "switch" if there:
                store.set_active(session, dice.choice(there), dice.random() < 0.5, None)
            case "remove" if there and dice.random() < 0.3:
                store.delete(session, dice.choice(there), None)
            case "new":
                deals.append(records.create(session, "deals", {"name": "D", "stage": dice.choice(STAGES)}, ANN).id or 0)
            case "save" if deals:
                actor = dice.choice((ANN, ANN, ANN, CAPTURE, IMPORT))
                asks = actor is not IMPORT or dice.random() < 0.5
                values = {"stage": dice.choice(STAGES)}
                records.update(session, "deals", dice.choice(deals), values, actor, run_workflows=asks)
            case "drop" if len(deals) > 1 and dice.random() < 0.5:
                records.delete(session, "deals", deals.pop(), ANN)
            case "both" if there and deals:  # before, between and after, in one transaction
                records.update(session, "deals", deals[0], {"stage": dice.choice(STAGES)}, ANN)
                store.replace(session, room.installation.box, dice.choice(there), document(**parts), None)
                records.update(session, "deals", deals[0], {"stage": dice.choice(STAGES)}, ANN)


@pytest.mark.parametrize("seed", range(6))
def test_for_every_save_and_workflow_the_explanation_agrees_with_the_log(room: Room, seed: int) -> None:
    dice, deals = random.Random(seed), [room.deal]
    room.create()
    for _ in range(70):
        _anything(room, dice, deals)
    with room.db.read() as session:
        changes = list(session.scalars(select(Change)))
        logged = {(delivery.workflow_id, delivery.change_id) for delivery in session.scalars(select(Delivery))}
        assert len(logged) > 3 and len(changes) > 20, "something happened"
        for workflow in session.scalars(select(Workflow)):
            for change in changes:
                explanation = explain_change(session, workflow, change)
                held = all(check.held for check in explanation.checks)
                assert held is explanation.fires is ((workflow.id, change.id) in logged), (seed, change, explanation)
