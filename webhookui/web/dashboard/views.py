"""The dashboard of the webhook log: deliveries over time, response times, failing endpoints, queue age
(specification section 7)."""

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.current_installation import read
from webhookui.web.access import AdminPages
from webhookui.web.dashboard.view_models import PERCENTILES, RANGES, dashboard, in_ms, in_s
from webhookui.web.template_filters import zone

bp = AdminPages("dashboard", __name__)


@bp.get("")
def index() -> ResponseReturnValue:
    """`?range=24h`, `7d` or `30d`."""
    return _drawn("dashboard/index.html")


@bp.get("/live")
def live() -> ResponseReturnValue:
    """What moves on the page of the same range."""
    return _drawn("dashboard/_live.html")


def _drawn(template: str) -> ResponseReturnValue:
    name = request.args.get("range", "24h")
    if name not in RANGES:
        return redirect("/dashboard")
    with read() as session:
        view = dashboard(session, name, zone())
    return render_template(
        template,
        view=view,
        ranges=RANGES,
        percentiles=PERCENTILES,
        in_ms=in_ms,
        in_s=in_s,
    )
