"""Storing what an inspector received, and what it answers next (specification section 4.6). Knows no Flask and sends nothing."""

import re
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from webhookui.core.database import now
from webhookui.core.errors import NotFound
from webhookui.inspector.script import Script, Step, from_stored
from webhookui.inspector.tables import InspectedRequest, InspectorScript

KEPT_BODY = 65536
"""Bytes of a body that are kept."""
LARGEST_BODY = 1048576
"""Bytes of a body that are accepted."""
KEPT_PER_INSPECTOR = 200
KEPT_IN_ALL = 2000
"""Anyone who reaches the app can write here: what all inspectors keep together is bounded too."""
_id, _name = col(InspectedRequest.id), col(InspectedRequest.name)
_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class InvalidName(NotFound):
    """An inspector's name has other characters than its address may have."""


@dataclass(frozen=True)
class Overview:
    """One line of the list of inspectors."""

    name: str
    requests: int
    newest: InspectedRequest | None
    script: Script


def check_name(name: str) -> str:
    """The name, or InvalidName with a sentence for people."""
    if not _PATTERN.fullmatch(name):
        raise InvalidName(
            "A name consists of 1 to 64 letters a–z, digits, dots, - and _, and starts with a letter or digit."
        )
    return name


def receive(session: Session, row: InspectedRequest) -> Step | None:
    """Stores a request, its body cut. Returns the next step of the script (None: the plain 200). Raises InvalidName."""
    check_name(row.name)
    step = _next_step(session, row.name)
    row.size, row.body = len(row.body), row.body[:KEPT_BODY]
    row.answer_status = step.status if step else 200
    session.add(row)
    session.flush()
    _forget_old(session, row.name)
    return step


def _next_step(session: Session, name: str) -> Step | None:
    row = session.get(InspectorScript, name, with_for_update=True)
    if row is None:
        return None
    next_step = from_stored(row.steps).step_at(row.answered)
    row.answered += 1
    return next_step[1] if next_step else None


def _forget_old(session: Session, name: str) -> None:
    own = session.scalar(select(_id).where(_name == name).order_by(_id.desc()).offset(KEPT_PER_INSPECTOR).limit(1))
    every = session.scalar(select(_id).order_by(_id.desc()).offset(KEPT_IN_ALL).limit(1))
    if own is not None:
        session.execute(delete(InspectedRequest).where(_name == name, _id <= own))
    if every is not None:
        session.execute(delete(InspectedRequest).where(_id <= every))


def requests(session: Session, name: str, *, after: int = 0, limit: int = KEPT_PER_INSPECTOR) -> list[InspectedRequest]:
    """What `name` received, newest first; with `after`, only what is newer than that id."""
    query = select(InspectedRequest).where(_name == name, _id > after)
    return list(session.scalars(query.order_by(_id.desc()).limit(limit)))


def request(session: Session, name: str, request_id: int) -> InspectedRequest | None:
    row = session.get(InspectedRequest, request_id)
    return row if row is not None and row.name == name else None


def overview(session: Session) -> list[Overview]:
    """Every inspector that received something or has a script, and the one named "demo"; last used first."""
    counts: dict[str, int] = dict(session.execute(select(_name, func.count()).group_by(_name)).all())  # type: ignore[arg-type]
    newest = select(func.max(_id)).group_by(_name)
    query = select(InspectedRequest).where(_id.in_(newest)).order_by(_id.desc())
    rows = {row.name: row for row in session.scalars(query)}
    scripts = {row.name: from_stored(row.steps) for row in session.scalars(select(InspectorScript))}
    names = dict.fromkeys([*rows, *sorted({"demo", *scripts})])
    return [Overview(name, counts.get(name, 0), rows.get(name), scripts.get(name, Script())) for name in names]


def count(session: Session, name: str) -> int:
    return session.scalar(select(func.count()).select_from(InspectedRequest).where(_name == name)) or 0


def clear(session: Session, name: str) -> int:
    """Forgets what `name` received; returns how many requests that were. The script stays."""
    number = count(session, name)
    session.execute(delete(InspectedRequest).where(_name == name))
    return number


def script(session: Session, name: str) -> tuple[Script, int]:
    """(script, requests answered with it so far)."""
    row = session.get(InspectorScript, name)
    return (from_stored(row.steps), row.answered) if row else (Script(), 0)


def save_script(session: Session, name: str, script: Script) -> None:
    """Scripts the answers of `name`, from the first step on. Raises InvalidName."""
    check_name(name)
    row = session.get(InspectorScript, name)
    if not script.steps:
        if row is not None:
            session.delete(row)
            session.flush()
        return
    if row is None:
        row = InspectorScript(name=name)
        session.add(row)
    row.steps, row.answered, row.updated_at = script.stored(), 0, now()


def start_over(session: Session, name: str) -> None:
    """The next request is answered with the script's first step again."""
    if (row := session.get(InspectorScript, name)) is not None:
        row.answered = 0
