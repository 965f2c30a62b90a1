"""Redelivering in the browser: one at once; the selected, or all that match a filter, as a job with a page of its own, which
may try now and give up, too (specification section 6).

What can't be read is refused: it never stands for all, nor for another act.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from webhookui.core import background_jobs
from webhookui.core.background_jobs import Job
from webhookui.current_installation import installation, read, write
from webhookui.delivery_log import queries
from webhookui.delivery_log.filter import LogFilter
from webhookui.web.access import AdminPages
from webhookui.web.choices import chosen, row_numbers
from webhookui.web.htmx import htmx
from webhookui.web.log.filter_choices import in_words
from webhookui.web.log.query import LogQuery, pairs, read_query
from webhookui.workflows import redelivery_jobs
from webhookui.workflows.redelivery import PAYLOADS, NotRedeliverable, redeliver
from webhookui.workflows.redelivery_jobs import ACTS, REDELIVERY, Act

bp = AdminPages("redeliveries", __name__)


@bp.post("/<int:delivery_id>/redeliver")
def redeliver_one(delivery_id: int) -> ResponseReturnValue:
    payload = chosen("payload", PAYLOADS, "original")
    if _asks_first(payload, [delivery_id]):
        return _ask(payload=payload, ids=str(delivery_id))
    try:
        with write() as session:
            fresh = redeliver(session, delivery_id, payload, current_user.name, installation().settings.address)
    except (queries.DeliveryNotFound, NotRedeliverable) as error:
        flash(str(error), "warning")
        return redirect(f"/log/{delivery_id}", 303)
    flash(f"Delivery {delivery_id} is being sent again as delivery {fresh.id}.", "success")
    return redirect(f"/log/{fresh.id}", 303)


@bp.post("/redeliver")
def redeliver_selected() -> ResponseReturnValue:
    """The selected deliveries (`ids`); with `scope=matching`, the page that asks about all that match the URL's filter."""
    query, ids = _query(), _ids()
    if chosen("scope", ("selected", "matching"), "selected") == "matching":
        return _ask(payload=_act())
    if not ids:
        flash("Select the deliveries first.", "warning")
        return redirect(query.url(), 303)
    if _asks_first(_act(), ids):
        return _ask(payload=_act(), ids=",".join(map(str, ids)))
    with write() as session:
        job = redelivery_jobs.start(session, _act(), current_user.name, ids=ids)
    return redirect(f"/log/redeliveries/{job.id}", 303)


@bp.get("/redeliveries/new")
def new() -> ResponseReturnValue:
    """Asks whether all that match the filter are meant, or the selected (`ids`)."""
    query, ids = _query(), _ids()
    with read() as session:
        if ids is None and not query.errors:
            counts = queries.counts(session, query.log_filter, thorough=True)
            words = in_words(session, query.log_filter)
        else:
            counts, words = queries.counts_of_ids(session, ids or []), []
    return render_template(
        "log/redelivery_new.html",
        query=query,
        counts=counts,
        words=words,
        ids=ids,
        status=query.log_filter.status if ids is None else None,
        payload=_act(),
        act=ACTS[_act()],
        payloads=PAYLOADS,
    )


@bp.post("/redeliveries")
def create() -> ResponseReturnValue:
    """A job for all that match the URL's filter. A filter that can't be read is not taken for a wider one."""
    query = _query()
    if _ids() is not None:
        abort(400, description="This is for all that match the filter; those that are selected go to /log/redeliver.")
    if query.errors:
        return _ask(payload=_act())
    with write() as session:
        job = redelivery_jobs.start(session, _act(), current_user.name, log_filter=query.log_filter)
    return redirect(f"/log/redeliveries/{job.id}", 303)


@bp.get("/redeliveries")
def index() -> ResponseReturnValue:
    with read() as session:
        jobs = [_progress(session, job) for job in background_jobs.newest(session, [REDELIVERY])]
    return render_template("log/redeliveries.html", jobs=jobs)


@bp.get("/redeliveries/running")
def running() -> ResponseReturnValue:
    """The strip above the log: what runs, and what the strip has shown and has ended meanwhile (`seen`, ids)."""
    seen = pairs(request.args.get("seen", ""))
    with read() as session:
        still_running = {job.id: job for job in background_jobs.running(session, [REDELIVERY])}
        ended = [
            job
            for job in background_jobs.newest(session, [REDELIVERY])
            if job.id in seen and job.id not in still_running
        ]
        jobs = [_progress(session, job) for job in [*ended, *still_running.values()]]
    return render_template("log/_redelivering.html", redelivering=jobs)


@bp.get("/redeliveries/<int:job_id>")
def show(job_id: int) -> ResponseReturnValue:
    """How far a job is, and what came of it; the fragment alone for htmx."""
    with read() as session:
        progress = _progress(session, background_jobs.get(session, job_id, REDELIVERY))
    template = "log/_redelivery.html" if htmx else "log/redelivery.html"
    return render_template(template, progress=progress, job=progress.job)


@bp.post("/redeliveries/<int:job_id>/cancel")
def cancel(job_id: int) -> ResponseReturnValue:
    with write() as session:
        background_jobs.cancel(session, installation().queue.kinds, job_id, current_user.name, REDELIVERY)
    return redirect(f"/log/redeliveries/{job_id}", 303)


@dataclass(frozen=True)
class Progress:
    """A job as its page shows it."""

    job: Job
    act: Act
    words: list[tuple[str, object]]
    """What it is about: its filter, in words."""
    ids: Sequence[int] | None
    """The selected deliveries."""
    since: str
    """When it began, in the user's time, as the log's URL has it."""

    @property
    def acted(self) -> int:
        """Deliveries that the act was done to."""
        return self.job.created + self.job.updated


def running_jobs(session: Session) -> list[Progress]:
    """For the log's page."""
    return [_progress(session, job) for job in background_jobs.running(session, [REDELIVERY])]


def _progress(session: Session, job: Job) -> Progress:
    ids, args = job.arguments["ids"], job.arguments["filter"]
    words = in_words(session, LogFilter.from_args(args)) if args is not None else []
    begun = job.created_at.astimezone(ZoneInfo(current_user.time_zone))
    return Progress(job, ACTS[job.arguments["act"]], words, ids, f"{begun:%Y-%m-%dT%H:%M}")


def _ask(**more: str) -> ResponseReturnValue:
    """To the page that asks, with the filter as it came: what can't be read of it is said there."""
    args = [(name, value) for name, value in request.args.items(multi=True) if name not in more]
    return redirect(f"/log/redeliveries/new?{urlencode([*args, *more.items()])}", 303)


def _asks_first(act: str, ids: Sequence[int]) -> bool:
    """Whether the page that asks comes first, unless it has: before giving up, and before the third party gets once more what it
    took already."""
    if request.form.get("asked") == "1" or not (act == "give_up" or ACTS[act].redelivers):
        return False
    with read() as session:
        return act == "give_up" or queries.counts_of_ids(session, ids)["success"] > 0


def _act() -> str:
    """What is to be done, one of ACTS."""
    return chosen("payload", ACTS, "original")


def _ids() -> list[int] | None:
    """The selected deliveries; None when the request does not speak of any."""
    if "ids" not in request.values:
        return None
    return row_numbers(filter(None, ",".join(request.values.getlist("ids")).split(",")), "delivery")


def _query() -> LogQuery:
    return read_query(request.args, current_user.time_zone, also=("payload", "ids"))
