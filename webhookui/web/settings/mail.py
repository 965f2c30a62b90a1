"""Settings → Mail: the SMTP server with its test, and the outgoing mails (specification section 8)."""

from typing import Any

from flask import abort, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webhookui.current_installation import installation, read, row_id, write
from webhookui.jobs import MAIL
from webhookui.notifications import mail_sender, mail_settings, outgoing_mail
from webhookui.notifications.mail_settings import SECURITIES, InvalidMailSettings
from webhookui.notifications.outgoing_mail import STATUSES
from webhookui.notifications.smtp import MailRefused, ServerUnusable
from webhookui.web.access import AdminPages, me
from webhookui.web.htmx import htmx

bp = AdminPages("mail", __name__)


@bp.get("")
def server() -> ResponseReturnValue:
    return _server()


def _server(code: int = 200, **more: Any) -> ResponseReturnValue:
    with read() as session:
        stored = mail_settings.shown(session)
        about = _about(session)
    shown = {"form": stored | {"to": me().email}, "errors": {}, "tested": None} | more
    return render_template(
        "settings/mail/server.html", tab="server", stored=stored, securities=SECURITIES, **about, **shown
    ), code


def _about(session: Session) -> dict[str, Any]:
    """What both tabs show."""
    return {
        "is_set": mail_settings.is_set(session),
        "counts": outgoing_mail.counts(session),
        "error_state": mail_sender.error_state(session),
        "folder": installation().settings.instance / "mail",
    }


@bp.post("")
def save() -> ResponseReturnValue:
    box = installation().box
    try:
        with write() as session:
            mail_settings.save(session, box, mail_settings.read_form(session, box, request.form), me())
            mail_sender.try_now(session)
            kept = outgoing_mail.counts(session)["kept"]
    except InvalidMailSettings as error:
        return _server(422, form=_typed(), errors=error.errors)
    installation().queue.wake(MAIL)
    words = f" {kept} kept mail{'s' if kept != 1 else ''} can be sent now, under Outgoing mail." if kept else ""
    flash(f"Saved. Mails go out through {request.form.get('host', '').strip()} from now on.{words}", "success")
    return redirect("/settings/mail", 303)


@bp.post("/test")
def test() -> ResponseReturnValue:
    """Sends a test mail through the server as typed, saved or not, and says what the server said."""
    code, tested, errors = 200, {}, {}
    to = request.form.get("to", "").strip() or me().email
    try:
        with read() as session:
            chosen = mail_settings.read_form(session, installation().box, request.form)
        tested = {"good": True, "to": to, "words": outgoing_mail.send_test(chosen, to, installation().settings.address)}
    except InvalidMailSettings as error:
        code, errors = 422, error.errors
    except (MailRefused, ServerUnusable) as error:
        code, tested = 422, {"good": False, "to": to, "words": str(error)}
    if htmx:
        return render_template("settings/mail/_tested.html", tested=tested, errors=errors), code
    return _server(code, form=_typed(), errors=errors, tested=tested)


def _typed() -> dict[str, Any]:
    """The form as it was typed, but for the password, which no page says."""
    with read() as session:
        stored = mail_settings.shown(session)
    return stored | {name: value for name, value in request.form.items() if name != "password"}


@bp.post("/remove")
def remove() -> ResponseReturnValue:
    with write() as session:
        mail_settings.remove(session, me())
    flash("The SMTP server was removed: mails are kept under Outgoing mail.", "success")
    return redirect("/settings/mail", 303)


@bp.get("/outgoing")
def outgoing_list() -> ResponseReturnValue:
    status = request.args.get("status")
    status = status if status in STATUSES else None
    before = request.args.get("before", type=row_id)
    with read() as session:
        page = outgoing_mail.page(session, status, before=before)
        about = _about(session)
    return render_template(
        "settings/mail/outgoing.html",
        tab="outgoing",
        page=page,
        status=status,
        before=before,
        statuses=STATUSES,
        **about,
    )


@bp.post("/outgoing/send")
def send_kept() -> ResponseReturnValue:
    """All that are kept go out now."""
    number = _send_again()
    flash(f"{number} kept mail{'s are' if number != 1 else ' is'} being sent.", "success")
    return redirect("/settings/mail/outgoing", 303)


@bp.post("/outgoing/try-now")
def try_now() -> ResponseReturnValue:
    """Does not wait for the next try with a server that could not be used."""
    with write() as session:
        mail_sender.try_now(session)
    installation().queue.wake(MAIL)
    flash("The server is being tried now.", "success")
    return redirect("/settings/mail/outgoing", 303)


@bp.get("/outgoing/<int:mail_id>")
def show(mail_id: int) -> ResponseReturnValue:
    with read() as session:
        mail = outgoing_mail.get(session, mail_id)
        about = _about(session)
    return render_template("settings/mail/show.html", mail=mail, statuses=STATUSES, **about)


@bp.get("/outgoing/<int:mail_id>.eml")
def download(mail_id: int) -> ResponseReturnValue:
    """The mail as a file that mail programs open."""
    with read() as session:
        sender = str(mail_settings.shown(session)["from_address"])
        sender = sender or outgoing_mail.own_address(installation().settings.address)
        content = outgoing_mail.as_file(outgoing_mail.get(session, mail_id), sender)
    answer = make_response(content)
    answer.headers["Content-Type"] = "message/rfc822"
    answer.headers["Content-Disposition"] = f'attachment; filename="mail-{mail_id}.eml"'
    return answer


def _send_again(ids: list[int] | None = None) -> int:
    """Those of `ids`, or all that are kept; to the form of the server when none is set."""
    with write() as session:
        if not mail_settings.is_set(session):
            flash("Set an SMTP server first.", "warning")
            abort(redirect("/settings/mail", 303))
        return outgoing_mail.send_again(session, ids)


@bp.post("/outgoing/<int:mail_id>/send")
def send_one(mail_id: int) -> ResponseReturnValue:
    """A kept or failed mail goes out now."""
    number = _send_again([mail_id])
    flash("It is being sent." if number else "It is waiting or was already sent.", "success" if number else "warning")
    return redirect(f"/settings/mail/outgoing/{mail_id}", 303)
