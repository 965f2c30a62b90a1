"""Settings → Users: invited, changed, deactivated, given a new password (specification section 9)."""

from typing import Any

from flask import flash, redirect, render_template, request
from flask import session as flask_session
from flask.typing import ResponseReturnValue

from webhookui.crm import ownership
from webhookui.current_installation import installation, read, write
from webhookui.notifications import link_mail, mail_settings
from webhookui.people import accounts, password_links, tokens
from webhookui.people.accounts import ROLES, InvalidUser
from webhookui.people.password_links import NewLink
from webhookui.web.access import AdminPages, me
from webhookui.web.choices import chosen

bp = AdminPages("users", __name__)


@bp.get("")
def index() -> ResponseReturnValue:
    with read() as session:
        users, links = accounts.all_users(session), password_links.still_open(session)
    return render_template("settings/users/index.html", users=users, links=links, roles=ROLES)


@bp.get("/new")
def new() -> ResponseReturnValue:
    return _invitation()


def _invitation(code: int = 200, **more: Any) -> ResponseReturnValue:
    with read() as session:
        has_mail = mail_settings.is_set(session)
    shown = {"form": {}, "errors": {}, "has_mail": has_mail} | more
    return render_template("settings/users/new.html", roles=ROLES, **shown), code


@bp.post("")
def invite() -> ResponseReturnValue:
    """A user without a password, and a link that sets one: mailed where it can be, and shown this once."""
    form = request.form
    try:
        with write() as session:
            user = accounts.create_user(
                session,
                email=form.get("email", ""),
                name=form.get("name", ""),
                password=None,
                role=form.get("role", "user"),
                time_zone=me().time_zone,
                by=me(),
            )
            link = password_links.create(session, user, "invitation", me())
            is_mailed = link_mail.send(session, installation().box, link, installation().settings.address, me())
    except InvalidUser as error:
        return _invitation(422, form=form, errors=error.errors)
    return _to_link(link, is_mailed)


def _to_link(link: NewLink, is_mailed: bool) -> ResponseReturnValue:
    """To the user's page, which says the link, once: until then it is in the admin's own browser and nowhere else."""
    flask_session["new_link"] = [link.user.id, link.path, is_mailed]
    return redirect(f"/settings/users/{link.user.id}", 303)


@bp.get("/<int:user_id>")
def show(user_id: int) -> ResponseReturnValue:
    new_link = flask_session.get("new_link")
    if new_link is None or new_link[0] != user_id:
        return _user(user_id)
    del flask_session["new_link"]
    return _user(user_id, new_link=installation().settings.address + new_link[1], is_mailed=new_link[2])


def _user(user_id: int, code: int = 200, **more: Any) -> ResponseReturnValue:
    with read() as session:
        user = accounts.get(session, user_id)
        open_link = password_links.still_open(session).get(user_id)
        token_count = len(tokens.of_user(session, user_id))
        has_mail = mail_settings.is_set(session)
        owned = ownership.owned_by(session, user_id)
    shown = {"form": {}, "errors": {}, "new_link": "", "is_mailed": False} | more
    return render_template(
        "settings/users/show.html",
        user=user,
        roles=ROLES,
        open_link=open_link,
        token_count=token_count,
        has_mail=has_mail,
        owned=owned,
        **shown,
    ), code


@bp.post("/<int:user_id>")
def update(user_id: int) -> ResponseReturnValue:
    form = request.form
    try:
        with write() as session:
            user = accounts.get(session, user_id)
            accounts.change_user(
                session, user, by=me(), name=form.get("name"), email=form.get("email"), role=form.get("role")
            )
    except InvalidUser as error:
        return _user(user_id, 422, form=form, errors=error.errors)
    flash(f"Saved {user.name}.", "success")
    return redirect(f"/settings/users/{user_id}", 303)


@bp.get("/<int:user_id>/records")
def records(user_id: int) -> ResponseReturnValue:
    """The hand-over: whose records these are, by module, with the lists that change their owner."""
    with read() as session:
        user, owned = accounts.get(session, user_id), ownership.owned_by(session, user_id)
    return render_template("settings/users/records.html", user=user, owned=owned)


@bp.post("/<int:user_id>/active")
def set_active(user_id: int) -> ResponseReturnValue:
    """`active`: "false" ends the user's sessions, API tokens and links at once; records stay, to be handed over."""
    active = chosen("active", ("true", "false")) == "true"
    try:
        with write() as session:
            user = accounts.get(session, user_id)
            accounts.change_user(session, user, by=me(), active=active)
    except InvalidUser as error:
        return _user(user_id, 422, errors=error.errors)
    flash(f"{user.name} {'can log in again' if active else 'is deactivated'}.", "success")
    return redirect(f"/settings/users/{user_id}", 303)


@bp.post("/<int:user_id>/link")
def create_link(user_id: int) -> ResponseReturnValue:
    """A new link to set the password by; links that were made before are void."""
    try:
        with write() as session:
            user = accounts.get(session, user_id)
            if not user.active:
                raise InvalidUser({"link": f"{user.name} is deactivated: activate the account first."})
            kind = "invitation" if user.is_invited else "new_password"
            link = password_links.create(session, user, kind, me())
            is_mailed = link_mail.send(session, installation().box, link, installation().settings.address, me())
    except InvalidUser as error:
        return _user(user_id, 422, errors=error.errors)
    return _to_link(link, is_mailed)
