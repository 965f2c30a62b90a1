"""The inbox's list, and what every open page asks now and then (specification section 8)."""

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webhookui import current_installation
from webhookui.current_installation import row_id
from webhookui.notifications import inbox
from webhookui.notifications.inbox import MOST_COUNTED
from webhookui.web.access import me, public
from webhookui.web.app_status import app_status

bp = Blueprint("notifications", __name__)


@bp.get("")
def index() -> ResponseReturnValue:
    before = request.args.get("before", type=row_id)
    with current_installation.read() as session:
        page = inbox.page(session, me().id or 0, before=before)
    return render_template("notifications/index.html", page=page, before=before)


@bp.get("/live")
@public
def live() -> ResponseReturnValue:
    """The bell and the banners when they have moved since the page's `token`, else 204.

    It is nobody's business to send a page that only waits to the login, which would lose what is being typed there.
    """
    if not current_user.is_authenticated:
        return "", 204
    status = app_status()
    if status.token == request.args.get("token", ""):
        return "", 204
    return render_template("notifications/live.html", app_status=lambda: status)


@bp.post("/<int:notification_id>")
def read(notification_id: int) -> ResponseReturnValue:
    """Marks an entry as read and goes to what it speaks of."""
    with current_installation.write() as session:
        notification = inbox.read(session, me().id or 0, notification_id)
    several = notification.count > 1 and notification.url_many
    return redirect((notification.url_many if several else notification.url) or "/notifications", 303)


@bp.post("/read")
def read_all() -> ResponseReturnValue:
    with current_installation.write() as session:
        inbox.read_all(session, me().id or 0)
    return redirect("/notifications", 303)


@bp.app_template_global()
def badge_text(unread: int) -> str:
    return f"{MOST_COUNTED - 1}+" if unread >= MOST_COUNTED else str(unread)
