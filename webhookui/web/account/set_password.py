"""Pages for who can't log in: set a password by a link, ask for such a link (specification section 9)."""

from functools import partial

import structlog
from flask import Blueprint, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.core.time_zones import time_zones
from webhookui.current_installation import installation, read, write
from webhookui.installation import Installation
from webhookui.notifications import link_mail, mail_settings
from webhookui.people import accounts, password_links
from webhookui.people.accounts import InvalidUser
from webhookui.people.password_links import LinkUnusable
from webhookui.web.access import public
from webhookui.web.security import begin_session, limiter, login_limit

log = structlog.get_logger("webhookui.web")
bp = Blueprint("set_password", __name__)


@bp.route("/set-password", methods=["GET", "POST"])
@public
def by_link() -> ResponseReturnValue:
    """`?link=`: opening it changes nothing, for mail programs look into links; sending the form uses the link up."""
    form = request.form
    token = request.values.get("link", "")
    errors = {}
    try:
        with read() as session:
            link, user = password_links.get(session, token)
        if request.method == "POST":
            if form.get("password", "") != form.get("again", ""):
                errors["again"] = "The two passwords do not match."
            with write() as session:
                zone = form.get("time_zone", "")
                user = accounts.set_password_by_link(
                    session,
                    token,
                    password=form.get("password", ""),
                    name=form.get("name", ""),
                    time_zone=zone if zone in time_zones() else "",
                )
                if errors:
                    raise InvalidUser(errors)
                begin_session(session, user)
            flash(f"Welcome, {user.name}. Your password is set.", "success")
            return redirect("/")
    except LinkUnusable as error:
        return _kept_by_no_cache(render_template("account/link_unusable.html", error=error), 410)
    except InvalidUser as error:
        errors |= error.errors
    shown = {"form": form or {"name": user.name}, "errors": errors, "token": token, "link": link, "user": user}
    return _kept_by_no_cache(render_template("account/set_password.html", **shown), 422 if errors else 200)


def _kept_by_no_cache(page: str, code: int) -> ResponseReturnValue:
    response = make_response(page, code)
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.route("/forgot-password", methods=["GET", "POST"])
@public
@limiter.limit(login_limit, methods=["POST"])
def forgotten() -> ResponseReturnValue:
    """Answers the same whether there is such an account or not, and looks only when the answer is out: how long it takes tells
    nothing either."""
    with read() as session:
        has_mail = mail_settings.is_set(session)
    email = request.form.get("email", "").strip()
    is_sent = request.method == "POST" and bool(email) and has_mail
    error = "Enter your e-mail address." if request.method == "POST" and not email else ""
    page = render_template("account/forgot_password.html", email=email, is_sent=is_sent, has_mail=has_mail, error=error)
    response = make_response(page, 422 if error else 200)
    if is_sent:
        response.call_on_close(partial(_send_forgotten, installation(), email))
    return response


def _send_forgotten(current: Installation, email: str) -> None:
    try:
        with current.db.write() as session:
            link_mail.send_forgotten(session, current.box, email, current.settings.address)
    except Exception:  # the answer is out; nobody else would say that it failed
        log.exception("password_link_failed")
