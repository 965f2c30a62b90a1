"""Settings → Retention: how long the webhook log keeps what, and what it holds now (specification section 7)."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from webhookui import current_installation
from webhookui.delivery_log import queries, retention
from webhookui.delivery_log.filter import LogFilter
from webhookui.web.access import AdminPages

bp = AdminPages("retention", __name__)


@bp.get("")
def index() -> ResponseReturnValue:
    installation = current_installation.installation()
    with current_installation.read() as session:
        counts = queries.counts(session, LogFilter())
        oldest = retention.oldest(session)
    return render_template(
        "settings/retention.html",
        nav="settings:retention",
        settings=installation.settings,
        counts=counts,
        oldest=oldest,
        size=installation.db.size(),
    )
