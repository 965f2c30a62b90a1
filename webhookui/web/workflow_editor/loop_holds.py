"""What an admin does with a workflow that is held because it fires in a loop: Release and Give up all
(specification section 6)."""

from collections.abc import Callable

from flask import Blueprint, flash, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.current_installation import row_id, write
from webhookui.people.tables import User
from webhookui.web.access import admin_only, me
from webhookui.workflows import loop_guard


def add_routes(bp: Blueprint) -> None:
    bp.post("/<int:workflow_id>/holds/release", endpoint="release")(release)
    bp.post("/<int:workflow_id>/holds/give-up", endpoint="give_up_held")(give_up)


@admin_only
def release(workflow_id: int) -> ResponseReturnValue:
    """`?record_id=`: for that record; without it, for all for which the workflow is held."""
    return _act(workflow_id, loop_guard.release, ("goes out now", "go out now"))


@admin_only
def give_up(workflow_id: int) -> ResponseReturnValue:
    """The same for ending what waits as Failed; the hold stands."""
    return _act(workflow_id, loop_guard.give_up, ("ended as Failed", "ended as Failed"))


def _act(
    workflow_id: int, act: Callable[[Session, int, int | None, User], int], words: tuple[str, str]
) -> ResponseReturnValue:
    record_id = request.args.get("record_id", type=row_id)
    try:
        with write() as session:
            number = act(session, workflow_id, record_id, me())
    except loop_guard.NotHeld as error:
        flash(str(error), "warning")
    else:
        flash(f"{number} held deliver{f'y {words[0]}' if number == 1 else f'ies {words[1]}'}.", "success")
    record = f"&record_id={record_id}" if record_id is not None else ""
    return redirect(f"/log?workflow_id={workflow_id}{record}", 303)
