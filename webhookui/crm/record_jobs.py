"""Many records at once: the selected, or all that match a list's search and filters, as a job in the background (specification
section 2). Each record is saved, or deleted, by the ordinary way, as if its owner had done it by hand.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.orm import Session

from webhookui.core import background_jobs
from webhookui.core.background_jobs import OUR_FAULT, Job, JobKind
from webhookui.core.database import is_unavailable
from webhookui.core.errors import Invalid
from webhookui.crm import listing, records
from webhookui.crm.catalog import catalog
from webhookui.crm.filters import Filter
from webhookui.crm.listing import ListQuery
from webhookui.crm.records import Actor, RecordNotFound

log = structlog.get_logger("webhookui.crm")

CHANGE, DELETE = "change", "delete"
BATCH = 20
"""Records of one transaction."""
MOST_IDS = 10_000
"""That can be selected one by one."""


class Rejected(Exception):
    """The record is left as it is; the text says why."""


class InvalidJob(Invalid):
    """Such a job can't be started."""


@dataclass(frozen=True)
class Chosen:
    """Which records: `ids`, or all that match `query`, whatever their order, when the job gets to them."""

    ids: Sequence[int] | None = None
    query: ListQuery | None = None

    def count(self, session: Session) -> tuple[int, bool]:
        """How many there are, and whether there are more than were counted."""
        if self.ids is not None:
            return len(set(self.ids)), False
        return listing.count(session, self.query) if self.query else (0, False)

    def to_arguments(self) -> dict[str, Any]:
        query = self.query
        return {
            "ids": sorted(set(self.ids)) if self.ids is not None else None,
            "query": {
                "q": query.q,
                "filters": [[asked.field, asked.operator, list(asked.operands)] for asked in query.filters],
                "zone": str(query.zone),
            }
            if query
            else None,
        }


def _query(job: Job) -> ListQuery:
    stored = job.arguments["query"]
    filters = tuple(Filter(field, operator, tuple(operands)) for field, operator, operands in stored["filters"])
    return ListQuery(job.arguments["module"], stored["q"], "id", filters, ZoneInfo(stored["zone"]))


def start(
    session: Session,
    kind: str,
    module: str,
    chosen: Chosen,
    actor: Actor,
    *,
    words: Sequence[tuple[str, str]] = (),
    **arguments: Any,
) -> Job:
    """`words`: what its page says of it, label and text. Raises UnknownModule, InvalidListing, InvalidJob."""
    catalog(session).module(module)
    if chosen.ids is not None and not 0 < len(chosen.ids) <= MOST_IDS:
        raise InvalidJob(
            {"ids": f"Choose 1 to {MOST_IDS:,} records." if not chosen.ids else f"At most {MOST_IDS:,} ids."}
        )
    number, has_more = chosen.count(session)
    return background_jobs.start(
        session,
        kind,
        by=actor.by,
        user_id=actor.user_id,
        total=None if has_more else number,
        up_to=max(chosen.ids) if chosen.ids else listing.newest_id(session, module),
        arguments={
            "module": module,
            "source": actor.source,
            "words": [list(pair) for pair in words],
            **chosen.to_arguments(),
            **arguments,
        },
    )


def start_change(
    session: Session, module: str, chosen: Chosen, values: Mapping[str, Any], actor: Actor, **more: Any
) -> Job:
    """Sets fields. Raises InvalidRecord for values that no record can have, and what `start` raises."""
    return start(session, CHANGE, module, chosen, actor, values=records.checked(session, module, values), **more)


def start_deletion(session: Session, module: str, chosen: Chosen, actor: Actor, **more: Any) -> Job:
    return start(session, DELETE, module, chosen, actor, done="deleted", **more)


def actor_of(job: Job) -> Actor:
    return Actor(job.arguments["source"], job.by, job.user_id)


Handle = Callable[[int], bool]
"""Does something to a record and says whether that changed anything. Raises Rejected and RecordNotFound."""


def over_records(label: str, begin: Callable[[Session, Job], Handle]) -> JobKind:
    """A kind of job that does something to each record. `begin`: makes ready for a batch of them."""

    def step(session: Session, job: Job) -> bool:
        ids, handle = _next(session, job), begin(session, job)
        for record_id in ids:
            _handle(session, job, record_id, handle)
        job.position = ids[-1] if ids else job.up_to
        return job.position >= job.up_to

    return JobKind(label, step, columns=lambda _job: ["id", "name"])


def _next(session: Session, job: Job) -> Sequence[int]:
    if job.arguments["ids"] is not None:
        return [record_id for record_id in job.arguments["ids"] if record_id > job.position][:BATCH]
    return listing.ids_after(session, _query(job), job.position, job.up_to, BATCH)


def _handle(session: Session, job: Job, record_id: int, handle: Handle) -> None:
    try:
        with session.begin_nested():
            has_changed = handle(record_id)
    except RecordNotFound:
        reason = "It was deleted in the meantime."
    except Rejected as error:
        reason = str(error)
    except Exception as error:  # one that breaks the program must not hold up the others for ever
        if is_unavailable(error):
            raise
        log.exception("record_not_handled", job=job.id, record=record_id)
        reason = OUR_FAULT
    else:
        job.updated, job.skipped = job.updated + has_changed, job.skipped + (not has_changed)
        return
    name = records.names_of(session, [record_id]).get(record_id, "")
    background_jobs.reject(session, job, record_id, reason, [str(record_id), name])


def _change(session: Session, job: Job) -> Handle:
    info = catalog(session).module(job.arguments["module"])
    actor, values = actor_of(job), job.arguments["values"]

    def change(record_id: int) -> bool:
        version = records.get(session, info.name, record_id).version
        try:
            record = records.update(session, info.name, record_id, values, actor)
        except Invalid as error:
            labels = {name: field.label for name, field in info.fields.items()}
            words = (f"{labels.get(name, name)}: {text}" for name, text in error.errors.items())
            raise Rejected(" ".join(words)) from None
        return record.version != version

    return change


def _delete(session: Session, job: Job) -> Handle:
    actor = actor_of(job)

    def delete(record_id: int) -> bool:
        records.delete(session, job.arguments["module"], record_id, actor)
        return True

    return delete


KINDS: dict[str, JobKind] = {
    CHANGE: over_records("Bulk change", _change),
    DELETE: over_records("Bulk deletion", _delete),
}
