"""Sessions, CSRF, login throttling, security headers and error pages, all by well-kept libraries (specification section 9)."""

from typing import Any

import structlog
from flask import Flask, Response, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_talisman import Talisman
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import BadRequest, HTTPException
from werkzeug.exceptions import NotFound as NoSuchPage

from webhookui import current_installation
from webhookui.api import errors
from webhookui.core.database import is_unavailable, unavailable_because
from webhookui.core.errors import NotFound
from webhookui.crm.imports import uploads
from webhookui.people import sessions
from webhookui.people.tables import User
from webhookui.web.htmx import htmx, make_response

CSP = {
    "default-src": "'self'",
    "img-src": "'self' data:",
    "style-src": "'self'",
    "script-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'self'",
    "object-src": "'none'",
}

log = structlog.get_logger("webhookui.web")
csrf = CSRFProtect()
limiter = Limiter(get_remote_address, storage_uri="memory://", strategy="moving-window")
login = LoginManager()


class SessionUser(UserMixin):
    """The logged-in person, as Flask-Login wants it: the user's row, and what the session's cookie says."""

    def __init__(self, user: User, token: str) -> None:
        self.user = user
        self.token = token

    @property
    def is_active(self) -> bool:
        return self.user.active

    def get_id(self) -> str:
        return self.token

    def __getattr__(self, name: str) -> Any:
        return getattr(self.user, name)


def init_app(app: Flask) -> None:
    app.before_request(_room_for_a_file)
    csrf.init_app(app)
    limiter.init_app(app)
    login.init_app(app)
    app.config.setdefault("WTF_CSRF_TIME_LIMIT", None)
    Talisman(
        app,
        force_https=False,
        strict_transport_security=app.config["SESSION_COOKIE_SECURE"],
        session_cookie_secure=app.config["SESSION_COOKIE_SECURE"],
        session_cookie_samesite="Lax",
        content_security_policy=CSP,
        referrer_policy="same-origin",
        frame_options="DENY",
        permissions_policy={"camera": "()", "microphone": "()", "geolocation": "()"},
    )
    app.before_request(require_login)
    app.register_error_handler(HTTPException, error_page)
    app.register_error_handler(CSRFError, csrf_page)
    app.register_error_handler(NotFound, lambda error: render_error(404, str(error), error.hint))
    app.register_error_handler(Exception, crash_page)
    app.after_request(_no_store)


@login.user_loader
def load(token: str) -> SessionUser | None:
    """The user of a session, unless it has ended (logout, password changed, deactivated, too old)."""
    with current_installation.read() as database:
        user = sessions.user_of(database, token)
    return SessionUser(user, token) if user is not None else None


def begin_session(database: Session, user: User) -> None:
    """Logs the user in, in a session of its own; one that this browser was in before ends. In the transaction that found out who
    it is: a password that is changed at the same time ends this session as well."""
    sessions.end(database, session.get("_user_id", ""))
    login_user(SessionUser(user, sessions.begin(database, user)))


def login_limit() -> str:
    """How often somebody may try from one address."""
    return current_installation.installation().settings.login_limit


def end_session() -> None:
    """Logs out: on the server as well as in this browser."""
    with current_installation.write() as database:
        sessions.end(database, session.get("_user_id", ""))
    logout_user()


def _room_for_a_file() -> None:
    """Before the protection against forged requests reads the form."""
    if _takes_file() and current_user.is_authenticated:
        limit = current_installation.installation().settings.import_limit
        request.max_content_length = uploads.largest_body(limit)


def _takes_file() -> bool:
    return getattr(current_app.view_functions.get(request.endpoint or ""), "takes_file", False)


def require_login() -> ResponseReturnValue | None:
    """Everything needs a login but what is marked public, static files, and the API, which has its own door."""
    endpoint = request.endpoint or ""
    view: Any = current_app.view_functions.get(endpoint)
    if request.blueprint == "api" or endpoint == "static" or endpoint.endswith(".static") or view is None:
        return None
    if getattr(view, "is_public", False):
        return None
    if not current_user.is_authenticated:
        return _to_login()
    if getattr(view, "is_admin_only", False) and not current_user.is_admin:
        return render_error(403, "Only admins can open this page.", "Ask an admin of your team.")
    return None


def _to_login() -> ResponseReturnValue:
    """To come back from there: to this page, or to the one that a fragment was for."""
    next_page = request.full_path.rstrip("?") if request.method == "GET" else ""
    if htmx:
        next_page = current_installation.page_of(htmx.current_url or "")
    target = url_for("start.login", next=next_page if next_page not in ("", "/") else None)
    return make_response("", 401, redirect=target) if htmx else redirect(target)


def error_page(error: HTTPException) -> ResponseReturnValue:
    if request.blueprint == "api" or request.path.startswith("/api/"):
        return errors.of_http(error)
    if error.response is not None:
        return error
    title, hint = _WORDS.get(error.code or 500, (error.name, error.description or ""))
    if error.code == 413 and _takes_file():
        megabytes = current_installation.installation().settings.import_limit // 2**20
        hint = f"A file may have at most {megabytes} MB. Split it, or ask an admin to raise WEBHOOKUI_IMPORT_LIMIT."
    if type(error) in (BadRequest, NoSuchPage) and error.description != type(error).description:
        title = error.description or title  # what the view says of it
    return render_error(error.code or 500, title, hint)


def csrf_page(error: CSRFError) -> ResponseReturnValue:
    return render_error(
        400,
        "This form has expired.",
        "Its protection against forged requests (the CSRF token) is missing or too old. Go back, reload the page and send it "
        "again; what you entered is still there.",
    )


def crash_page(error: Exception) -> ResponseReturnValue:
    """When the disk is full, or somebody holds the database, nobody's input is at fault, and nothing was saved by halves."""
    log.exception("request_failed", path=request.path)
    if not (isinstance(error, SQLAlchemyError) and is_unavailable(error)):
        return errors.crashed() if request.blueprint == "api" else render_error(500, *_WORDS[500])
    title = "The database can't be used at the moment"
    words = f"{title}: {unavailable_because(error)}. Nothing was saved."
    if request.blueprint == "api":
        return errors.answer(503, "unavailable", words)
    return render_error(503, f"{title}.", f"{words} Try again; if it persists, tell your admin.")


def render_error(code: int, title: str, hint: str) -> ResponseReturnValue:
    return render_template("error.html", code=code, title=title, hint=hint), code


_WORDS = {
    400: ("This request can't be understood.", "Go back, reload the page and try again."),
    403: ("You are not allowed to do this.", "Ask an admin of your team."),
    404: ("There is nothing here.", "It may have been deleted, or the address is misspelled."),
    405: ("This page can't be opened that way.", "Open it from the menu."),
    413: ("This is too large.", "Send a smaller file or text."),
    429: ("Too many attempts.", "Wait a minute, then try again."),
    500: (
        "Something went wrong on our side.",
        "It has been logged. Try again; if it persists, tell your admin.",
    ),
}


def _no_store(response: Response) -> Response:
    """Pages of people who are logged in are kept by no cache."""
    if "Cache-Control" not in response.headers and session.get("_user_id"):
        response.headers["Cache-Control"] = "no-store"
    return response
