"""Settings for admins: network, retention, audit list."""

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.current_installation import installation, read, row_id
from webhookui.delivery_log import queries, retention
from webhookui.delivery_log.filter import LogFilter
from webhookui.people import audit
from webhookui.web.access import AdminPages

bp = AdminPages("settings", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    return redirect("/settings/workflows")


@bp.get("/network")
def network() -> ResponseReturnValue:
    return render_template("settings/network.html", settings=installation().settings)


@bp.get("/retention")
def retention_periods() -> ResponseReturnValue:
    """How long the webhook log keeps what, and what it holds now (specification section 7)."""
    with read() as session:
        counts, oldest = queries.counts(session, LogFilter()), retention.oldest(session)
    return render_template(
        "settings/retention.html",
        settings=installation().settings,
        counts=counts,
        oldest=oldest,
        size=installation().db.size(),
    )


@bp.get("/audit")
def audit_list() -> ResponseReturnValue:
    before = request.args.get("before", type=row_id)
    with read() as session:
        page = audit.page(session, before=before)
    return render_template("settings/audit.html", page=page, before=before)
