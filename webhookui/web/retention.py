"""Settings → Retention: how long the webhook log keeps what, and what it holds now (specification section 7)."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webhookui import here
from webhookui.delivery import log, retention
from webhookui.delivery.log_filter import LogFilter
from webhookui.web.access import admin_only

bp = Blueprint("retention", __name__)


@bp.get("")
@admin_only
def index() -> ResponseReturnValue:
    installation = here.installation()
    with here.read() as session:
        counts = log.counts(session, LogFilter())
        oldest = retention.oldest(session)
    return render_template(
        "settings/retention.html",
        nav="settings:retention",
        settings=installation.settings,
        counts=counts,
        oldest=oldest,
        size=installation.db.size(),
    )
