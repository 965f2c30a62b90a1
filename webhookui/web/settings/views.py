"""Settings for admins: network, retention."""

from typing import Any

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.current_installation import installation, read, write
from webhookui.delivery_log import queries, retention
from webhookui.delivery_log.filter import LogFilter
from webhookui.outgoing import allowances
from webhookui.people import stored_settings
from webhookui.people.stored_settings import RETENTIONS, InvalidSetting
from webhookui.web.access import AdminPages, me

bp = AdminPages("settings", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    return redirect("/settings/workflows")


@bp.get("/network")
def network() -> ResponseReturnValue:
    return _network()


def _network(code: int = 200, **more: Any) -> ResponseReturnValue:
    with read() as session:
        stored = allowances.stored(session)
    form = {"networks": "\n".join(map(str, stored.networks)), "hosts": "\n".join(sorted(stored.hosts))}
    shown = {"form": form, "errors": {}} | more
    return render_template("settings/network.html", settings=installation().settings, **shown), code


@bp.post("/network")
def save_network() -> ResponseReturnValue:
    """What may be reached besides public addresses: from the next request on, in every process."""
    form = request.form
    try:
        with write() as session:
            allowances.save(session, form.get("networks", ""), form.get("hosts", ""), me())
    except InvalidSetting as error:
        return _network(422, form=form, errors=error.errors)
    flash("Saved. It counts from the next request on; what was refused can be redelivered.", "success")
    return redirect("/settings/network", 303)


@bp.get("/retention")
def retention_periods() -> ResponseReturnValue:
    return _retention()


def _retention(code: int = 200, **more: Any) -> ResponseReturnValue:
    """How long what is kept, and what the webhook log holds now (specification section 7)."""
    settings = installation().settings
    with read() as session:
        counts, oldest = queries.counts(session, LogFilter()), retention.oldest(session)
        stored = {key: stored_settings.value(session, key) for key in RETENTIONS}
    shown = {"form": stored, "errors": {}} | more
    return render_template(
        "settings/retention.html",
        settings=settings,
        base={key: stored_settings.base_days(key, settings) for key in RETENTIONS},
        counts=counts,
        oldest=oldest,
        size=installation().db.size(),
        **shown,
    ), code


@bp.post("/retention")
def save_retention_periods() -> ResponseReturnValue:
    try:
        with write() as session:
            stored_settings.save_retentions(session, installation().settings, request.form, me())
    except InvalidSetting as error:
        return _retention(422, form=request.form, errors=error.errors)
    flash("Saved. What is older is deleted from now on, a little each minute.", "success")
    return redirect("/settings/retention", 303)
