"""One's own account: name, time zone, password, colour scheme, API tokens."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webhookui.core.time_zones import time_zones
from webhookui.current_installation import read, write
from webhookui.people import accounts, tokens
from webhookui.people.accounts import InvalidUser
from webhookui.people.formats import FORMATS
from webhookui.web.access import me
from webhookui.web.security import begin_session

bp = Blueprint("account", __name__)


@bp.get("/")
def show() -> ResponseReturnValue:
    return _page()


def _page(code: int = 200, **more: Any) -> ResponseReturnValue:
    with read() as session:
        mine = tokens.of_user(session, me().id or 0)
    shown = {"form": {}, "errors": {}, "token": None} | more
    return render_template("account/show.html", tokens=mine, zones=time_zones(), formats=FORMATS, **shown), code


@bp.post("/profile")
def profile() -> ResponseReturnValue:
    form = request.form
    try:
        with write() as session:
            user = accounts.get(session, me().id or 0)
            accounts.set_profile(
                session, user, name=form.get("name", ""), time_zone=form.get("time_zone", ""), theme=form.get("theme"),
                locale=form.get("locale"),
            )  # fmt: skip
    except InvalidUser as error:
        return _page(422, form=form, errors=error.errors)
    flash("Saved.", "success")
    return redirect(url_for("account.show"))


@bp.post("/theme")
def theme() -> ResponseReturnValue:
    """The switch in the user menu."""
    with write() as session:
        user = accounts.get(session, me().id or 0)
        if request.form.get("theme") in ("auto", "light", "dark"):
            user.theme = request.form["theme"]
    return "", 204


@bp.post("/password")
def password() -> ResponseReturnValue:
    form = request.form
    errors = {}
    if not accounts.has_password(me(), form.get("old", "")):
        errors["old"] = "This is not your password."
    if form.get("password", "") != form.get("again", ""):
        errors["again"] = "The two passwords do not match."
    try:
        if errors:
            raise InvalidUser(errors)
        with write() as session:
            user = accounts.get(session, me().id or 0)
            accounts.set_password(session, user, form.get("password", ""), user)
            begin_session(session, user)
    except InvalidUser as error:
        return _page(422, errors=error.errors)
    flash("Your password was changed. Your other sessions have ended.", "success")
    return redirect(url_for("account.show"))


@bp.post("/tokens")
def create_token() -> ResponseReturnValue:
    with write() as session:
        user = accounts.get(session, me().id or 0)
        token = tokens.create(session, user, request.form.get("name", ""))
    return _page(token=token)


@bp.post("/tokens/<int:token_id>/delete")
def revoke_token(token_id: int) -> ResponseReturnValue:
    with write() as session:
        tokens.revoke(session, accounts.get(session, me().id or 0), token_id)
    flash("The token was deleted; programs that use it are refused from now on.", "success")
    return redirect(url_for("account.show"))
