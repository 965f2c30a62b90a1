"""The inspector: pages that show what arrived, and the address that accepts anything (specification section 4.6)."""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from urllib.parse import quote

from flask import Response, flash, jsonify, redirect, render_template, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import Rule

from webhookui.core.secrets import SecretUnreadable
from webhookui.current_installation import installation, read, write
from webhookui.delivery.webhook_cache import in_the_air
from webhookui.inspector import store
from webhookui.inspector.script import MOST_STEPS, PRESETS, InvalidScript, Script, Step, parse
from webhookui.inspector.tables import InspectedRequest
from webhookui.web.access import AdminPages, public
from webhookui.web.log.payload import Payload, hex_dump, payload
from webhookui.web.log.query import pairs
from webhookui.web.security import csrf
from webhookui.webhooks.body_text import content_type_of
from webhookui.webhooks.definition import MASK
from webhookui.webhooks.redaction import redaction

bp = AdminPages("inspector", __name__)

SHOWN = 50
"""Requests that the page shows at first."""
_FIELDS = ("times", "status", "content_type", "delay_s", "body")
_delayed = threading.Semaphore(4)
"""Delayed answers hold a thread of the web server: only some may at a time, so that the rest of the app stays quick."""


@dataclass(frozen=True)
class RequestView:
    """One received request and its body, ready to be drawn."""

    row: InspectedRequest
    request_line: str
    payload: Payload
    dump: str


# ---- the address that accepts anything --------------------------------------------------------------------------------


@public
def receive(name: str, rest: str = "") -> ResponseReturnValue:
    """Any method, any path below the name, no login, no CSRF token: stores the request and answers as scripted."""
    request.max_content_length = store.LARGEST_BODY
    try:
        body = request.get_data(cache=False, parse_form_data=False)
    except RequestEntityTooLarge:
        return jsonify(ok=False, error="The inspector accepts bodies up to 1 MiB."), 413
    try:
        row = _received(name, body)
        with write() as session:
            _mask_secrets(session, row)
            step = store.receive(session, row)
    except store.InvalidName as error:
        return jsonify(ok=False, error=str(error)), 404
    if step is None:
        return jsonify(ok=True, id=row.id)
    waited = _wait(step)
    answer = Response(b"" if step.status in (204, 304) else step.body, step.status, content_type=step.content_type)
    if not waited:
        answer.headers["X-Inspector-Note"] = "Answered without the delay: too many delayed answers at once."
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


def _mask_secrets(session: Session, received: InspectedRequest) -> None:
    """Masks the secrets of the webhook that sent it, when it was one of this installation, and any authorization.

    What is sent to an inspector is kept and shown; secrets are not, wherever they are sent to.
    """
    sender = next((value for name, value in received.headers if name.lower() == "webhook-id"), "")
    redactor = redaction(())
    if sender:
        with suppress(SecretUnreadable):
            resolved = in_the_air(session, installation().box, sender)
            redactor = resolved.redaction() if resolved else redactor
    received.path, received.query = redactor.text(received.path), redactor.text(received.query)
    received.headers = [[name, redactor.text(_scheme_alone(name, value))] for name, value in received.headers]
    received.body = redactor.data(received.body)


def _scheme_alone(name: str, value: str) -> str:
    """ "Basic ••••••" of an Authorization header; other headers as they are."""
    if name.lower() not in ("authorization", "proxy-authorization"):
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {MASK}" if space else MASK


def _wait(step: Step) -> bool:
    """False when too many others are waiting already, and this one did not."""
    if not step.delay_s:
        return True
    if not _delayed.acquire(blocking=False):
        return False
    try:
        time.sleep(step.delay_s)
    finally:
        _delayed.release()
    return True


def _received(name: str, body: bytes) -> InspectedRequest:
    environ = request.environ
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    return InspectedRequest(
        name=name,
        method=request.method,
        path=raw.partition("?")[0] or quote(request.path),
        query=request.query_string.decode("latin-1"),
        headers=[[key, value] for key, value in request.headers.items()],
        body=body,
        remote=request.remote_addr or "",
        protocol=environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
    )


@bp.record
def _accept_any_method(state: BlueprintSetupState) -> None:
    """Flask's routes list their methods; a rule without any takes all of them, unheard-of ones too."""
    csrf.exempt(receive)
    state.app.view_functions["inspector.receive"] = receive
    for path in ("/inspect/<name>", "/inspect/<name>/", "/inspect/<name>/<path:rest>"):
        rule = Rule(path, endpoint="inspector.receive", strict_slashes=False, merge_slashes=False)
        rule.provide_automatic_options = False  # type: ignore[attr-defined]
        state.app.url_map.add(rule)


# ---- pages ------------------------------------------------------------------------------------------------------------


@bp.get("/inspector")
def index() -> ResponseReturnValue:
    """The inspectors, last used first; `?name=` goes to one, a new one if need be."""
    error = None
    if typed_name := request.args.get("name", "").strip():
        try:
            return redirect(f"/inspector/{store.check_name(typed_name)}")
        except store.InvalidName as invalid:
            error = str(invalid)
    with read() as session:
        inspectors = store.overview(session)
    page = render_template(
        "inspector/index.html", inspectors=inspectors, address=_address, name=typed_name, error=error
    )
    return page, 422 if error else 200


@bp.get("/inspector/<name>")
def show(name: str) -> ResponseReturnValue:
    """One inspector: its address, its script, what it received."""
    store.check_name(name)
    preset = PRESETS.get(request.args.get("preset", ""))
    return _page(name, _rows(preset[1]) if preset else None)


def _page(name: str, rows: list[dict[str, str]] | None = None, errors: dict[str, str] | None = None) -> str:
    """`rows`: of a script that is not saved."""
    with read() as session:
        requests = store.requests(session, name, limit=SHOWN)
        state = _state(session, name)
    return render_template(
        "inspector/show.html",
        name=name,
        address=_address(name),
        views=[_view(row) for row in requests],
        newest=requests[0].id if requests else 0,
        **state,
        rows=rows if rows is not None else _rows(state["saved"]),
        errors=errors or {},
        unsaved=rows is not None,
        presets=PRESETS,
        most_steps=MOST_STEPS,
    )


@bp.get("/inspector/<name>/live")
def live(name: str) -> ResponseReturnValue:
    """What came in since the page was drawn, as out-of-band swaps; 204 when nothing did, or the whole list after a clear."""
    store.check_name(name)
    shown = pairs(request.args.get("rows", ""))
    newest = max(shown, default=0)
    with read() as session:
        requests = store.requests(session, name, after=newest, limit=SHOWN)
        state = _state(session, name)
    if not requests and request.args.get("counts") == "{total}-{answered}".format(**state):
        return "", 204
    return render_template("inspector/live.html", name=name, views=[_view(row) for row in requests], **state)


def _state(session: Session, name: str) -> dict[str, Any]:
    """How many requests it has received, and how far its script is."""
    saved, answered = store.script(session, name)
    at = saved.step_at(answered)
    total = store.count(session, name)
    return {"total": total, "saved": saved, "answered": answered, "next_step": at[0] if at else None}


@bp.post("/inspector/<name>/clear")
def clear(name: str) -> ResponseReturnValue:
    store.check_name(name)
    with write() as session:
        number = store.clear(session, name)
    flash(f"{number} request{'' if number == 1 else 's'} cleared.", "success")
    return redirect(f"/inspector/{name}", 303)


@bp.post("/inspector/<name>/script")
def script(name: str) -> ResponseReturnValue:
    """Saves the scripted answers, or adds or removes a row of the form (`do`) without saving."""
    store.check_name(name)
    rows, do = _typed(), request.form.get("do", "save")
    if do == "add" and len(rows) < MOST_STEPS:
        return _page(name, [*rows, *_rows(Script((Step(),)))])
    if do.startswith("remove-"):
        return _page(name, [row for index, row in enumerate(rows) if f"remove-{index}" != do])
    if do == "plain":
        rows = []
    try:
        parsed = parse(rows)
    except InvalidScript as invalid:
        return _page(name, rows, invalid.errors), 422
    with write() as session:
        store.save_script(session, name, parsed)
    flash(f"The answer is now: {parsed.words}.", "success")
    return redirect(f"/inspector/{name}", 303)


@bp.post("/inspector/<name>/start-over")
def start_over(name: str) -> ResponseReturnValue:
    """The next request gets the script's first answer again."""
    store.check_name(name)
    with write() as session:
        store.start_over(session, name)
    return redirect(f"/inspector/{name}", 303)


def _address(name: str) -> str:
    return f"{installation().settings.address}/inspect/{name}"


def _view(row: InspectedRequest) -> RequestView:
    line = f"{row.method} {row.path}{'?' + row.query if row.query else ''} {row.protocol}"
    shown = payload(row.body, content_type_of(row.headers), row.size)
    return RequestView(row, line, shown, hex_dump(row.body[:4096]) if row.body else "")


def _typed() -> list[dict[str, str]]:
    """The form's rows; a browser sends one list per column."""
    columns = (request.form.getlist(field) for field in _FIELDS)
    return [dict(zip(_FIELDS, row, strict=True)) for row in zip_longest(*columns, fillvalue="")]


def _rows(script: Script) -> list[dict[str, str]]:
    def text(value: Any) -> str:
        return f"{value:g}" if isinstance(value, float) else str(value)

    return [{field: text(value) for field, value in step.items() if field in _FIELDS} for step in script.stored()]
