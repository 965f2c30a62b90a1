"""Settings for admins: users, network, audit list."""

from __future__ import annotations

import secrets
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webhookui import current_installation
from webhookui.current_installation import row_id
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
    with current_installation.read() as session:
        everybody = accounts.all_users(session)
    shown = {"form": {}, "errors": {}, "new_user": None, "refused": {}} | more
    return render_template("settings/users.html", nav="settings:users", users=everybody, roles=ROLES, **shown), code


@bp.post("/users")
def create_user() -> ResponseReturnValue:
    """A user with a password that is shown once, to be handed over."""
    form = request.form
    password = secrets.token_urlsafe(12)
    try:
        with current_installation.write() as session:
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
        with current_installation.write() as session:
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
    settings = current_installation.installation().settings
    return render_template("settings/network.html", nav="settings:network", settings=settings)


@bp.get("/audit")
def audit_list() -> ResponseReturnValue:
    before = request.args.get("before", type=row_id)
    with current_installation.read() as session:
        page = audit.page(session, before=before)
    return render_template("settings/audit.html", nav="settings:audit", page=page, before=before)
