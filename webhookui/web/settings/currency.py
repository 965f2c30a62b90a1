"""Settings → Currency: the one that amounts are shown with (specification section 2)."""

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webhookui.current_installation import read, write
from webhookui.people import currency
from webhookui.people.currency import InvalidCurrency
from webhookui.web.access import AdminPages, me

bp = AdminPages("currency", __name__)


@bp.get("")
def show() -> ResponseReturnValue:
    with read() as session:
        return _page(currency.currency(session))


@bp.post("")
def choose() -> ResponseReturnValue:
    code = request.form.get("currency", "")
    try:
        with write() as session:
            currency.choose(session, code, me())
    except InvalidCurrency as error:
        return _page(code, error.errors), 422
    flash("Saved.", "success")
    return redirect("/settings/currency", 303)


def _page(code: str, errors: dict[str, str] | None = None) -> str:
    return render_template("settings/currency.html", currencies=currency.currencies(), chosen=code, errors=errors or {})
