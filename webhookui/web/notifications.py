"""The bell's list, and what every open page asks now and then (specification section 8)."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webhookui import here
from webhookui.here import row_id
from webhookui.notify import bell
from webhookui.notify.bell import MOST_COUNTED, NotificationNotFound
from webhookui.web.access import me, public
from webhookui.web.pulse import pulse

bp = Blueprint("notifications", __name__)


@bp.get("")
def index() -> ResponseReturnValue:
    before = request.args.get("before", type=row_id)
    with here.read() as session:
        page = bell.page(session, me().id or 0, before=before)
    return render_template("notifications/index.html", nav="notifications", page=page, before=before)


@bp.get("/live")
@public
def live() -> ResponseReturnValue:
    """The bell and the banners when they have moved since the page's `token`, else 204.

    It is nobody's business to send a page that only waits to the login, which would lose what is being typed there.
    """
    if not current_user.is_authenticated:
        return "", 204
    found = pulse()
    if found.token == request.args.get("token", ""):
        return "", 204
    return render_template("notifications/live.html", pulse=lambda: found)


@bp.post("/<int:notification_id>")
def read(notification_id: int) -> ResponseReturnValue:
    """Marks an entry as read and goes to what it speaks of."""
    try:
        with here.write() as session:
            found = bell.read(session, me().id or 0, notification_id)
    except NotificationNotFound as error:
        abort(404, description=str(error))
    several = found.count > 1 and found.url_many
    return redirect((found.url_many if several else found.url) or "/notifications", 303)


@bp.post("/read")
def read_all() -> ResponseReturnValue:
    with here.write() as session:
        bell.read_all(session, me().id or 0)
    return redirect("/notifications", 303)


@bp.app_template_global()
def badge_text(unread: int) -> str:
    return f"{MOST_COUNTED - 1}+" if unread >= MOST_COUNTED else str(unread)
