"""Settings for admins: users, network, retention, audit list."""

import secrets
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webhookui.current_installation import installation, read, row_id, write
from webhookui.delivery_log import queries, retention
from webhookui.delivery_log.filter import LogFilter
from webhookui.people import accounts, audit
from webhookui.people.accounts import ROLES, InvalidUser
from webhookui.web.access import AdminPages, me
from webhookui.web.choices import chosen

bp = AdminPages("settings", __name__)


@bp.get("/")
def index() -> ResponseReturnValue:
    return redirect("/settings/workflows")


@bp.get("/users")
def users() -> ResponseReturnValue:
    return _users()


def _users(code: int = 200, **more: Any) -> ResponseReturnValue:
    with read() as session:
        everybody = accounts.all_users(session)
    shown = {"form": {}, "errors": {}, "new_user": None, "refused": {}} | more
    return render_template("settings/users.html", users=everybody, roles=ROLES, **shown), code


@bp.post("/users")
def create_user() -> ResponseReturnValue:
    """A user with a password that is shown once, to be handed over."""
    form = request.form
    password = secrets.token_urlsafe(12)
    try:
        with write() as session:
            user = accounts.create_user(
                session,
                email=form.get("email", ""),
                name=form.get("name", ""),
                password=password,
                role=form.get("role", "user"),
                time_zone=me().time_zone,
                by=me(),
            )
    except InvalidUser as error:
        return _users(422, form=form, errors=error.errors)
    return _users(new_user={"user": user, "password": password})


@bp.post("/users/<int:user_id>")
def change_user(user_id: int) -> ResponseReturnValue:
    try:
        with write() as session:
            user = accounts.get(session, user_id)
            active = chosen("active", ("true", "false"), "true" if user.active else "false") == "true"
            accounts.set_access(session, user, role=request.values.get("role", user.role), active=active, by=me())
    except InvalidUser as error:
        return _users(422, refused={user_id: " ".join(error.errors.values())})
    flash(
        f"{user.name} is {'an admin' if user.is_admin else 'a user'}{'' if user.active else ', deactivated'}.",
        "success",
    )
    return redirect(url_for("settings.users"))


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
