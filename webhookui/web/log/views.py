"""The webhook log in the browser: list, live refresh, detail (specification section 7). It is the admins';
see docs/decisions/0046."""

from collections.abc import Callable, Collection, Sequence

from flask import Blueprint, abort, flash, g, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from webhookui.current_installation import read, row_id, write
from webhookui.delivery import circuit, pending
from webhookui.delivery.endpoint_key import EndpointKey
from webhookui.delivery.states import STATUSES
from webhookui.delivery.tables import Delivery, Endpoint
from webhookui.delivery_log import manual_actions, queries
from webhookui.web.access import admin_only, may_read_delivery
from webhookui.web.log.detail import DetailView, body_file, read_detail, spoken
from webhookui.web.log.filter_choices import choices, record_name
from webhookui.web.log.query import RANGES, LogQuery, pairs, read_query
from webhookui.web.log.redeliveries import running_jobs
from webhookui.workflows import loop_guard
from webhookui.workflows.redelivery_jobs import ACTS

bp = Blueprint("log", __name__)

PAGE = 50
LIVE = ("rows", "newest", "first", "flow", "counts", "recount", "announced", "paused", "seen")
"""What the page says of itself when it asks what moved."""


@bp.get("")
@admin_only
def index() -> ResponseReturnValue:
    """The list. Its URL says the filter, the page and which details are open."""
    query = _query()
    with read() as session:
        if query.errors:
            page, counts = queries.LogPage([]), queries.counts_of_ids(session, [])
        else:
            page = queries.page(session, query.log_filter, limit=PAGE, before=query.before, after=query.after)
            counts = queries.counts(session, query.log_filter)
        if query.after is not None and page.previous_page is None:
            return redirect(query.url())  # nothing is newer: that is the first page
        page_ids = {item.id for item in page.items}
        note_holds(session, page.items)
        paused = circuit.paused(session)
        return render_template(
            "log/index.html",
            query=query,
            page=page,
            counts=counts,
            opened=_details(session, [number for number in query.open if number in page_ids]),
            choices=choices(session, query.log_filter),
            record=record_name(session, query.log_filter.record_id) if query.log_filter.record_id else "",
            paused=paused,
            loops=loop_guard.loops(session),
            names=circuit.names(session, [row.endpoint_key for row in paused]),
            redelivering=running_jobs(session),
            ranges=RANGES,
            acts=ACTS,
        )


@bp.get("/live")
@admin_only
def live() -> ResponseReturnValue:
    """What moved since the page was drawn, as out-of-band swaps; 204 when nothing did.

    The page says what it shows: `rows` and `open` as "id:version" pairs, `newest` (id), `first` (it is the first page),
    `flow` (new rows may come in), `counts` and `paused` (those it shows, if it does) and `recount` (it has been a while).
    """
    query, args = _query(also=LIVE), request.args
    if query.errors:
        return "", 204  # the page shows nothing
    rows, opened = pairs(args.get("rows", "")), pairs(args.get("open", ""))
    with read() as session:
        moved = queries.moved(session, rows)
        details = _details(session, [d.id for d in queries.moved(session, opened) if d.id is not None])
        fresh = _fresh(session, query, rows) if args.get("first") == "1" else []
        counts, paused, loops = None, None, []
        if "paused" in args and (moved or fresh or args.get("recount") == "1"):
            counts, paused = queries.counts(session, query.log_filter), circuit.paused(session)
            loops = loop_guard.loops(session)
        names = circuit.names(session, [row.endpoint_key for row in paused or ()])
        note_holds(session, [*moved, *fresh])
    if counts is not None and counts_token(counts) == args.get("counts", ""):
        counts = None
    if paused is not None and paused_token(paused, loops) == args.get("paused", ""):
        paused = None
    announced = len(fresh) if args.get("flow") != "1" else 0
    flowing = [] if announced else fresh
    announcement_moved = str(announced) != args.get("announced", "0")
    if not (moved or details or flowing or announcement_moved) and counts is None and paused is None:
        return "", 204
    return render_template(
        "log/live.html",
        query=query,
        moved=moved,
        gone={d.id for d in moved if not queries.still_matches(query.log_filter, d)},
        details=details,
        fresh=flowing,
        most=PAGE,
        announced=announced,
        counts=counts,
        paused=paused,
        loops=loops,
        names=names,
        spoken=spoken([(d.id, d.status) for d in moved if d.id is not None]),
    )


def _fresh(session: Session, query: LogQuery, rows: dict[int, int]) -> list[Delivery]:
    """Deliveries that belong on the first page and are not there yet, newest first; older ones may have come to match."""
    if any(getattr(query.log_filter, name) is not None for name in queries.CHANGEABLE):
        items = queries.page(session, query.log_filter, limit=PAGE).items
        oldest = min(rows) if len(rows) >= PAGE else 0
        return [item for item in items if item.id not in rows and (item.id or 0) > oldest]
    return queries.newer_than(session, query.log_filter, max(rows, default=0), PAGE)


@bp.get("/<int:delivery_id>")
def show(delivery_id: int) -> ResponseReturnValue:
    """One delivery on a page of its own."""
    return render_template("log/show.html", view=_detail_or_abort(delivery_id), query=_query())


@bp.get("/<int:delivery_id>/panel")
def panel(delivery_id: int) -> ResponseReturnValue:
    """The same detail as a row below the delivery's row in the list."""
    return render_template("log/panel.html", view=_detail_or_abort(delivery_id))


@bp.get("/<int:delivery_id>/body")
def body(delivery_id: int) -> ResponseReturnValue:
    """A kept body as a download, never as a page: `?attempt=2` its response, without it the request."""
    view = _detail_or_abort(delivery_id)
    number = request.args.get("attempt", type=row_id)
    if number is None:
        content = view.detail.request.body
    else:
        attempt = next((a.attempt for a in view.attempts if a.attempt.number == number), None)
        content = attempt.response_body if attempt else None
    if content is None:
        abort(404)
    answer = make_response(content)
    answer.headers["Content-Type"] = "application/octet-stream"
    answer.headers["Content-Disposition"] = f'attachment; filename="{body_file(delivery_id, number)}"'
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


@bp.post("/<int:delivery_id>/try-now")
@admin_only
def try_now(delivery_id: int) -> ResponseReturnValue:
    """Makes the next attempt of one that waits now."""
    done = f"Delivery {delivery_id} is being attempted now."
    return _by_hand(delivery_id, lambda session: manual_actions.try_now(session, delivery_id), done)


@bp.post("/<int:delivery_id>/give-up")
@admin_only
def give_up(delivery_id: int) -> ResponseReturnValue:
    """Ends one that waits as Failed."""
    done = f"Delivery {delivery_id} was given up. It can be redelivered."
    return _by_hand(delivery_id, lambda session: manual_actions.give_up(session, delivery_id, current_user.name), done)


@bp.post("/endpoints/resume")
@admin_only
def resume() -> ResponseReturnValue:
    """Sends to what is paused again, without waiting for the next probe."""
    with write() as session:
        key, name = _paused(session)
        circuit.resume(session, key)
    flash(f"{name} was resumed.", "success")
    return redirect("/log", 303)


@bp.post("/endpoints/fail-all")
@admin_only
def fail_all() -> ResponseReturnValue:
    """Ends what waits for what is paused as Failed."""
    with write() as session:
        key, name = _paused(session)
        number = circuit.fail_all(session, key, current_user.name)
    flash(f"{number} deliver{'y' if number == 1 else 'ies'} of {name} ended as Failed.", "success")
    return redirect("/log?status=failed", 303)


def _paused(session: Session) -> tuple[str, str]:
    """What is meant (`key`), and its name for people. One that is not paused has nothing to resume or end."""
    key = request.values.get("key", "")
    if key not in {row.endpoint_key for row in circuit.paused(session) if row.state == "open"}:
        flash("It is no longer paused, so nothing was done.", "warning")
        abort(redirect("/log", 303))
    return key, circuit.names(session, [key])[key]


@bp.app_template_global()
def counts_token(counts: queries.Counts) -> str:
    """The counts in one word, to tell whether they moved."""
    return "-".join(str(counts[name]) for name in STATUSES)


@bp.app_template_global()
def paused_token(paused: Sequence[Endpoint], loops: Sequence[loop_guard.Loops]) -> str:
    """What is paused or held in one word, to tell whether something about it moved."""
    words = [f"{row.endpoint_key}|{row.state}|{row.next_probe_at}" for row in paused]
    return ",".join(
        [*words, *(f"{loop.workflow_id}|{len(loop.held)}|{loop.held[0].hold.at}|{loop.waits}" for loop in loops)]
    )


def note_holds(session: Session, deliveries: Sequence[Delivery]) -> None:
    """Looks up what holds the deliveries that the page shows, for `hold_of` and `shown_version` in its templates."""
    g.holds = {**g.get("holds", {}), **pending.holds(session, deliveries)}  # type: ignore[arg-type]


@bp.app_template_global()
def hold_of(delivery: Delivery) -> pending.Hold | None:
    hold: pending.Hold | None = g.get("holds", {}).get(delivery.id)
    return hold


@bp.app_template_global()
def shown_version(delivery: Delivery) -> int:
    return queries.shown_version(delivery.version, hold_of(delivery))


@bp.app_template_global()
def endpoint_label(key: str) -> str:
    return EndpointKey(key).label


def _by_hand(delivery_id: int, act: Callable[[Session], object], done: str) -> ResponseReturnValue:
    """Does it, or says why it can't be done to this delivery; back to its page either way."""
    try:
        with write() as session:
            act(session)
    except (queries.DeliveryNotFound, manual_actions.NotWaiting) as error:
        flash(str(error), "warning")
    else:
        flash(done, "success")
    return redirect(f"/log/{delivery_id}", 303)


def _query(also: Collection[str] = ()) -> LogQuery:
    return read_query(request.args, current_user.time_zone, also=also)


def _details(session: Session, ids: list[int]) -> dict[int, DetailView]:
    details = {number: read_detail(session, number) for number in ids}
    note_holds(session, [view.detail.delivery for view in details.values()])
    return details


def _detail_or_abort(delivery_id: int) -> DetailView:
    with read() as session:
        view = _details(session, [delivery_id])[delivery_id]
        if not may_read_delivery(session, view.detail.delivery):
            abort(403)
        return view
