"""The doors to the rest: the first admin, login, logout."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webhookui.core.time_zones import time_zones
from webhookui.crm import demo
from webhookui.current_installation import installation, own_page, read, write
from webhookui.notifications import mail_settings
from webhookui.people import accounts
from webhookui.people.accounts import InvalidUser
from webhookui.web.access import public
from webhookui.web.security import begin_session, end_session, limiter, login_limit

bp = Blueprint("start", __name__)


@bp.get("/")
@public
def home() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect("/records/deals")
    with read() as session:
        return redirect(url_for("start.login" if accounts.any_user(session) else "start.setup"))


@bp.route("/setup", methods=["GET", "POST"])
@public
def setup() -> ResponseReturnValue:
    """Creates the first admin; there only while there is no user."""
    with read() as session:
        if accounts.any_user(session):
            return redirect(url_for("start.login"))
    if request.method == "GET":
        return render_template("account/setup.html", form={"samples": "true"}, errors={})
    form = request.form
    errors = {}
    if form.get("password", "") != form.get("again", ""):
        errors["again"] = "The two passwords do not match."
    try:
        with write() as session:
            if accounts.any_user(session):
                return redirect(url_for("start.login"))
            user = accounts.create_user(
                session,
                email=form.get("email", ""),
                name=form.get("name", ""),
                password=form.get("password", ""),
                role="admin",
                time_zone=_time_zone(form.get("time_zone", "")),
            )
            if errors:
                raise InvalidUser(errors)
            if form.get("samples"):
                demo.demo(session, user.id)
            begin_session(session, user)
    except InvalidUser as error:
        return render_template("account/setup.html", form=form, errors=errors | error.errors), 422
    flash("Welcome. This is your CRM: records on the left, workflows and their log under Automation.", "success")
    return redirect("/records/deals")


def _time_zone(name: str) -> str:
    """What the browser says, when it is a zone that this machine has."""
    return name if name in time_zones() else installation().settings.time_zone


@bp.route("/login", methods=["GET", "POST"])
@public
@limiter.limit(login_limit, methods=["POST"], deduct_when=lambda response: response.status_code == 422)
def login() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect("/")
    with read() as session:
        if not accounts.any_user(session):
            return redirect(url_for("start.setup"))
        has_mail = mail_settings.is_set(session)
    next_page = request.values.get("next", "")
    if request.method == "GET":
        return render_template("account/login.html", email="", error="", next_page=next_page, has_mail=has_mail)
    email = request.form.get("email", "")
    with write() as session:
        user = accounts.authenticate(session, email, request.form.get("password", ""))
        if user is not None:
            begin_session(session, user)
        has_mail = mail_settings.is_set(session)
    if user is None:
        words = "The e-mail address or password is wrong."
        shown = {"email": email, "error": words, "next_page": next_page, "has_mail": has_mail}
        return render_template("account/login.html", **shown), 422
    return redirect(own_page(next_page))


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    end_session()
    return redirect(url_for("start.login"))
